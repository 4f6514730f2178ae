"""Queries and inserts for one team."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from trace_clustering.clickhouse.address import Address
from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.clickhouse.deadline import call_within
from trace_clustering.clickhouse.faults import explain_errors
from trace_clustering.clickhouse.permitted_settings import TEAM_FILTER, PermittedSettings
from trace_clustering.errors import ClickHouseQueryError, ClickHouseSetupError, ClickHouseUnavailableError
from trace_clustering.processes.clock import StepClock, resolve_seconds

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from clickhouse_connect.driver.query import QueryResult

T = TypeVar("T")

# ClickHouse reads the right side of a join into memory, so our queries have the smaller side there. Without
# this setting the planner swaps the sides and reads all vectors into memory. Servers before 24.12 do not
# swap, and do not know the setting.
_KEEP_JOIN_ORDER = {"query_plan_join_swap_table": "false"}

# A column of type JSON would otherwise take text that looks like a time for a time, and write it differently.
_KEEP_TIMES_AS_TEXT = {"input_format_try_infer_dates": 0, "input_format_try_infer_datetimes": 0}


@dataclass(frozen=True)
class Tables:
    """Names of the database and its two tables, checked to be identifiers."""

    database: str
    events: str
    embeddings: str

    def to_parameters(self) -> dict[str, str]:
        """Return the parameters that statements use for the names of the tables."""
        return {"events": self.events, "embeddings": self.embeddings}


class TeamSession:
    """Queries and inserts that can only touch the rows of one team.

    The team is a bound parameter of every statement. The engine also filters both tables by it, so a
    statement that forgets the team still reads no row of another team.

    Attributes
    ----------
    team_id : int

    Notes
    -----
    In every statement `{team_id:Int64}`, `{events:Identifier}` and `{embeddings:Identifier}` are bound.
    """

    def __init__(
        self,
        client: "Client",
        address: Address,
        team_id: int,
        tables: Tables,
        timeout_seconds: float | StepClock,
    ) -> None:
        self._client = client
        self._address = address
        self._tables = tables
        self._timeout_seconds = timeout_seconds
        self._permitted = _get_permitted_settings(address.dsn)
        self._permitted.learn_from_server(client)
        self.team_id = team_id

    def query(self, sql: str, *, in_utc: bool = False, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Return the rows of a statement as dictionaries; times are aware.

        With `in_utc`, times that the statement writes as text are in UTC, not in the server's zone.

        Raises
        ------
        ClickHouseQueryError
            If the answer is empty although the statement has rows.
        """

        def call(settings: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
            result = self._client.query(
                self._bind_team(sql, settings),
                self._add_team_and_tables(parameters),
                settings=settings,
                tz_mode="aware",
            )
            return list(result.named_results()), bool(result.column_names)

        rows, has_header = self._call(call, self._build_settings(in_utc=in_utc))
        if not has_header:
            self._require_no_rows(sql, parameters)
        return rows

    def stream(
        self,
        sql: str,
        *,
        as_bytes: Sequence[str] = (),
        in_utc: bool = False,
        **parameters: Any,  # noqa: ANN401
    ) -> Iterator[dict[str, list[Any]]]:
        """Yield the rows of a statement in blocks, as columns by name, and keep none of them.

        Times are aware; `in_utc` is as in `query`. `as_bytes` names the String columns that hold bytes
        instead of text. The time limit holds for the whole answer.

        Raises
        ------
        ClickHouseQueryError
            If the answer is empty although the statement has rows.
        """

        def call(settings: dict[str, Any]) -> Any:  # noqa: ANN401 - a stream of the client library
            return self._client.query_column_block_stream(
                self._bind_team(sql, settings),
                self._add_team_and_tables(parameters),
                settings=settings,
                column_formats=dict.fromkeys(as_bytes, "bytes"),
                tz_mode="aware",
            )

        end = time.monotonic() + resolve_seconds(self._timeout_seconds)
        blocks = self._call(call, self._build_settings(in_utc=in_utc))
        names = cast("QueryResult", blocks.source).column_names
        if not names:
            self._require_no_rows(sql, parameters)
            return
        blocks.__enter__()
        try:
            while block := self._call_within(end - time.monotonic(), lambda: next(blocks, None)):
                yield dict(zip(names, map(list, block), strict=True))
        except ClickHouseUnavailableError:  # closing would wait for the rest of the answer
            raise
        except BaseException:
            blocks.__exit__(None, None, None)
            raise
        blocks.__exit__(None, None, None)

    def delete_events(self, condition: str, **parameters: Any) -> None:  # noqa: ANN401
        """Delete the team's rows of `events` that satisfy a condition."""
        self._delete("events", condition, parameters)

    def delete_embeddings(self, condition: str, **parameters: Any) -> None:  # noqa: ANN401
        """Delete the team's rows of `document_embeddings` that satisfy a condition."""
        self._delete("embeddings", condition, parameters)

    def insert(
        self, table: Literal["events", "embeddings"], rows: Sequence[Sequence[Any]], columns: Sequence[str]
    ) -> None:
        """Insert rows into one of the tables; the team's id is added to each.

        If the answer is lost on the way, the client library sends the rows a second time: the caller must
        count what is there.
        """
        self._call(
            lambda settings: self._client.insert(
                getattr(self._tables, table),
                [[self.team_id, *row] for row in rows],
                column_names=["team_id", *columns],
                database=self._tables.database,
                settings=settings,
            ),
            # The default allows 100 partitions; a file of many years has more, as a partition is a week.
            {
                **self._build_limits(),
                "max_partitions_per_insert_block": 0,
                **(_KEEP_TIMES_AS_TEXT if getattr(self, table).has_json() else {}),
            },
        )

    @cached_property
    def events(self) -> TableColumns:
        """The columns of `events`."""
        return self._read_columns(self._tables.events)

    @cached_property
    def embeddings(self) -> TableColumns:
        """The columns of `document_embeddings`."""
        return self._read_columns(self._tables.embeddings)

    def can_delete(self) -> bool:
        """Return whether rows of `events` can be deleted; a Distributed table cannot delete."""
        rows = self.query(
            "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {name:String}",
            database=self._tables.database,
            name=self._tables.events,
        )
        return bool(rows) and rows[0]["engine"].endswith("MergeTree")

    def _read_columns(self, table: str) -> TableColumns:
        rows = self.query(
            "SELECT name, type FROM system.columns "
            "WHERE database = {database:String} AND table = {name:String}",
            database=self._tables.database,
            name=table,
        )
        if not rows:  # it does not exist, or may not be seen: the server's own error says which
            self.query(f"SELECT 1 FROM `{table}` LIMIT 1")  # noqa: S608 - an identifier, as Tables says
        return TableColumns(f"{self._tables.database}.{table}", {row["name"]: row["type"] for row in rows})

    def _delete(self, table: str, condition: str, parameters: dict[str, Any]) -> None:
        statement = f"DELETE FROM {{{table}:Identifier}} WHERE team_id = {{team_id:Int64}} AND ({condition})"  # noqa: S608
        self._call(
            lambda settings: self._client.command(
                statement, self._add_team_and_tables(parameters), settings=settings
            ),
            self._build_limits(),
        )

    def _call(self, call: Callable[[dict[str, Any]], T], settings: Mapping[str, Any]) -> T:
        """Call the client with the settings that the server allows, within the time limit."""
        return self._call_within(
            resolve_seconds(self._timeout_seconds),
            lambda: self._permitted.retry_without_refused(settings, call),
        )

    def _call_within(self, seconds: float, function: Callable[[], T]) -> T:
        with explain_errors(self._address):
            return call_within(seconds, self._address, function)

    def _require_no_rows(self, sql: str, parameters: dict[str, Any]) -> None:
        """Check that a statement whose answer was empty has no rows.

        Some servers answer so without rows, and so does a connection that lost the answer.
        """
        if self._address.folder is not None:  # no wire, on which an answer could be lost
            return

        def call(settings: dict[str, Any]) -> Any:  # noqa: ANN401 - rows of any kind
            counted = f"SELECT count() FROM ({self._bind_team(sql, settings)})"  # noqa: S608
            return self._client.query(
                counted, self._add_team_and_tables(parameters), settings=settings
            ).result_rows

        if [tuple(row) for row in self._call(call, self._build_settings())] != [(0,)]:
            raise ClickHouseQueryError(
                f"{self._address.name} sent an empty answer to a statement that has rows; "
                "the answer was lost on the way, try again"
            )

    def _bind_team(self, sql: str, settings: Mapping[str, Any]) -> str:
        """Return a statement that reads only the team's rows, even if the server forbids the table filter."""
        if TEAM_FILTER in settings:
            return sql
        bound = sql
        for table in self._tables.to_parameters():
            name = f"{{{table}:Identifier}}"
            bound = bound.replace(name, f"(SELECT * FROM {name} WHERE team_id = {{team_id:Int64}})")  # noqa: S608
        if bound == sql and "FROM" in sql and "FROM system." not in sql:
            raise ClickHouseSetupError(
                f"{self._address.name} does not allow the setting {TEAM_FILTER}, which limits a statement to "
                "the rows of its team; allow it for the user"
            )
        return bound

    def _add_team_and_tables(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**parameters, **self._tables.to_parameters(), "team_id": self.team_id}

    def _build_limits(self) -> dict[str, Any]:
        return {
            "max_execution_time": resolve_seconds(self._timeout_seconds),
            "log_comment": json.dumps({"program": "trace_clustering", "team_id": self.team_id}),
        }

    def _build_settings(self, *, in_utc: bool = False) -> dict[str, Any]:
        team_filters = {
            f"{self._tables.database}.{name}": f"team_id = {self.team_id:d}"
            for name in self._tables.to_parameters().values()
        }
        joins = {name: v for name, v in _KEEP_JOIN_ORDER.items() if name in self._client.server_settings}
        zone = {"session_timezone": "UTC"} if in_utc else {}
        return {**self._build_limits(), **joins, **zone, TEAM_FILTER: str(team_filters)}


@lru_cache(maxsize=16)
def _get_permitted_settings(dsn: str) -> PermittedSettings:  # noqa: ARG001 - the key of the cache
    return PermittedSettings()

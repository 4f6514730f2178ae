"""Queries that read only the rows of one owner, within limits, and with the settings that a server takes."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

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


class BoundedSession:
    """Queries of tables of which the engine shows only the rows of one owner.

    The owner is a bound parameter of every statement. The engine also filters the tables by it, so a
    statement that forgets the owner still reads no row of another.

    Parameters
    ----------
    client, address
        The connection, and where it leads.
    team_id : int
        Whose run it is; told to the server with every statement.
    database : str
    tables : mapping
        Names of the tables by the name of the parameter that stands for each in statements. All are
        identifiers.
    condition : str
        SQL that holds for the rows of the owner, and for no other row of these tables.
    bound : mapping
        Further parameters of every statement, of which one is the owner.
    timeout_seconds : float or StepClock
        Time limit of each statement, in seconds.
    """

    def __init__(
        self,
        client: "Client",
        address: Address,
        team_id: int,
        *,
        database: str,
        tables: Mapping[str, str],
        condition: str,
        bound: Mapping[str, Any],
        timeout_seconds: float | StepClock,
    ) -> None:
        self._client = client
        self._address = address
        self._database = database
        self._table_names = tables
        self._condition = condition
        self._bound = {**tables, **bound}
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
                self._bind_owner(sql, settings),
                {**parameters, **self._bound},
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
        max_block_rows: int = 0,
        **parameters: Any,  # noqa: ANN401
    ) -> Iterator[dict[str, list[Any]]]:
        """Yield the rows of a statement in blocks, as columns by name, and keep none of them.

        Times are aware; `in_utc` is as in `query`. `as_bytes` names the String columns that hold bytes
        instead of text. A block has at most `max_block_rows` rows, or as many as the server likes. The time
        limit holds for the whole answer.

        Raises
        ------
        ClickHouseQueryError
            If the answer is empty although the statement has rows.
        """

        def call(settings: dict[str, Any]) -> Any:  # noqa: ANN401 - a stream of the client library
            return self._client.query_column_block_stream(
                self._bind_owner(sql, settings),
                {**parameters, **self._bound},
                settings=settings,
                column_formats=dict.fromkeys(as_bytes, "bytes"),
                tz_mode="aware",
            )

        end = time.monotonic() + resolve_seconds(self._timeout_seconds)
        size = {"max_block_size": max_block_rows} if max_block_rows else {}
        blocks = self._call(call, {**self._build_settings(in_utc=in_utc), **size})
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

    def _read_columns(self, table: str) -> TableColumns:
        """Return the columns of the table that a parameter of statements names."""
        found = self._find_columns(table)
        if not found.types:  # it does not exist, or may not be seen: the server's own error says which
            self.query(f"SELECT 1 FROM `{self._table_names[table]}` LIMIT 1")  # noqa: S608 - an identifier
        return found

    def _find_columns(self, table: str) -> TableColumns:
        """Return the columns of a table, or none if there is no such table."""
        name = self._table_names[table]
        rows = self.query(
            "SELECT name, type FROM system.columns "
            "WHERE database = {database:String} AND table = {name:String}",
            database=self._database,
            name=name,
        )
        return TableColumns(f"{self._database}.{name}", {row["name"]: row["type"] for row in rows})

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
            counted = f"SELECT count() FROM ({self._bind_owner(sql, settings)})"  # noqa: S608
            return self._client.query(counted, {**parameters, **self._bound}, settings=settings).result_rows

        if [tuple(row) for row in self._call(call, self._build_settings())] != [(0,)]:
            raise ClickHouseQueryError(
                f"{self._address.name} sent an empty answer to a statement that has rows; "
                "the answer was lost on the way, try again"
            )

    def _bind_owner(self, sql: str, settings: Mapping[str, Any]) -> str:
        """Return a statement that reads only the owner's rows, even where the table filter is forbidden."""
        if TEAM_FILTER in settings:
            return sql
        bound = sql
        for table in self._table_names:
            name = f"{{{table}:Identifier}}"
            bound = bound.replace(name, f"(SELECT * FROM {name} WHERE {self._condition})")  # noqa: S608
        if bound == sql and "FROM" in sql and "FROM system." not in sql:
            raise ClickHouseSetupError(
                f"{self._address.name} does not allow the setting {TEAM_FILTER}, which limits a statement to "
                "the rows of its team; allow it for the user"
            )
        return bound

    def _build_limits(self) -> dict[str, Any]:
        return {
            "max_execution_time": resolve_seconds(self._timeout_seconds),
            "log_comment": json.dumps({"program": "trace_clustering", "team_id": self.team_id}),
        }

    def _build_settings(self, *, in_utc: bool = False) -> dict[str, Any]:
        """Return the settings of a statement that reads."""
        filters = {f"{self._database}.{name}": self._condition for name in self._table_names.values()}
        joins = {name: v for name, v in _KEEP_JOIN_ORDER.items() if name in self._client.server_settings}
        zone = {"session_timezone": "UTC"} if in_utc else {}
        return {**self._build_limits(), **joins, **zone, TEAM_FILTER: _write_map(filters)}


def _write_map(values: Mapping[str, str]) -> str:
    """Return a map as the engine reads it in a setting."""
    return "{" + ", ".join(f"{quote_text(name)}: {quote_text(text)}" for name, text in values.items()) + "}"


def quote_text(text: str) -> str:
    """Return a text as a literal of SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@lru_cache(maxsize=16)
def _get_permitted_settings(dsn: str) -> PermittedSettings:  # noqa: ARG001 - the key of the cache
    return PermittedSettings()

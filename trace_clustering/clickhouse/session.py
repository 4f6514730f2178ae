"""Queries and inserts for one team, and errors that say what to do next."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from trace_clustering.clickhouse.address import Address
from trace_clustering.errors import (
    ClickHouseQueryError,
    ClickHouseSetupError,
    ClickHouseUnavailableError,
    InvalidPatternError,
    TraceClusteringError,
)
from trace_clustering.processes.clock import StepClock, resolve_seconds

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from clickhouse_connect.driver.query import QueryResult

# Error codes of ClickHouse: https://github.com/ClickHouse/ClickHouse, src/Common/ErrorCodes.cpp
_UNKNOWN_TABLE = 60
_UNKNOWN_DATABASE = 81
_CANNOT_COMPILE_REGEXP = 427
_NOT_ALLOWED = {192, 193, 194, 497, 516}
_TOO_SLOW = {159, 160, 209}
_BUSY = {202, 203, 210, 241, 439}

# ClickHouse reads the right side of a join into memory, so our queries have the smaller side there. Without
# this setting the planner swaps the sides and reads all vectors into memory. Servers before 24.12 do not
# swap, and do not know the setting.
_KEEP_JOIN_ORDER = {"query_plan_join_swap_table": "false"}


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
        self.team_id = team_id

    def query(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Return the rows of a statement as dictionaries; times are aware."""
        with explain_errors(self._address):
            result = self._client.query(
                sql, self._add_team_and_tables(parameters), settings=self._build_settings(), tz_mode="aware"
            )
            return list(result.named_results())

    def stream(
        self,
        sql: str,
        *,
        as_bytes: Sequence[str] = (),
        **parameters: Any,  # noqa: ANN401
    ) -> Iterator[dict[str, list[Any]]]:
        """Yield the rows of a statement in blocks, as columns by name, and keep none of them.

        Times are aware. `as_bytes` names the String columns that hold bytes instead of text.
        """
        with explain_errors(self._address):
            blocks = self._client.query_column_block_stream(
                sql,
                self._add_team_and_tables(parameters),
                settings=self._build_settings(),
                column_formats=dict.fromkeys(as_bytes, "bytes"),
                tz_mode="aware",
            )
            names = cast("QueryResult", blocks.source).column_names
            with blocks:
                for block in blocks:
                    yield dict(zip(names, map(list, block), strict=True))

    def delete_events(self, condition: str, **parameters: Any) -> None:  # noqa: ANN401
        """Delete the team's rows of `events` that satisfy a condition."""
        with explain_errors(self._address):
            self._client.command(
                f"DELETE FROM {{events:Identifier}} WHERE team_id = {{team_id:Int64}} AND ({condition})",  # noqa: S608
                self._add_team_and_tables(parameters),
                settings=self._build_limits(),
            )

    def insert(
        self, table: Literal["events", "embeddings"], rows: Sequence[Sequence[Any]], columns: Sequence[str]
    ) -> None:
        """Insert rows into one of the tables; the team's id is added to each."""
        with explain_errors(self._address):
            self._client.insert(
                getattr(self._tables, table),
                [[self.team_id, *row] for row in rows],
                column_names=["team_id", *columns],
                database=self._tables.database,
                # The default allows 100 partitions; a file of many years has more, as a partition is a week.
                settings={**self._build_limits(), "max_partitions_per_insert_block": 0},
            )

    def can_delete(self) -> bool:
        """Return whether rows of `events` can be deleted; a Distributed table cannot delete."""
        rows = self.query(
            "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {name:String}",
            database=self._tables.database,
            name=self._tables.events,
        )
        return bool(rows) and rows[0]["engine"].endswith("MergeTree")

    def _add_team_and_tables(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**parameters, **self._tables.to_parameters(), "team_id": self.team_id}

    def _build_limits(self) -> dict[str, Any]:
        return {
            "max_execution_time": resolve_seconds(self._timeout_seconds),
            "log_comment": json.dumps({"program": "trace_clustering", "team_id": self.team_id}),
        }

    def _build_settings(self) -> dict[str, Any]:
        team_filters = {
            f"{self._tables.database}.{name}": f"team_id = {self.team_id:d}"
            for name in self._tables.to_parameters().values()
        }
        joins = {name: v for name, v in _KEEP_JOIN_ORDER.items() if name in self._client.server_settings}
        return {**self._build_limits(), **joins, "additional_table_filters": str(team_filters)}


@contextmanager
def explain_errors(address: Address) -> Iterator[None]:
    """Turn errors of the client library into errors of this project, which say what to do next."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    try:
        yield
    except (ClickHouseError, OSError) as error:
        raise _explain_error(error, address) from error


def _explain_error(error: Exception, address: Address) -> TraceClusteringError:
    """Return the error of this project for an error of the client library."""
    from clickhouse_connect.driver.exceptions import ProgrammingError

    code = getattr(error, "code", None)
    message = str(error).split("(for url")[0].strip()
    if code in _NOT_ALLOWED:
        return ClickHouseSetupError(
            f"{address.name} refused user or password; "
            f"check both in TRACE_CLUSTERING_CLICKHOUSE_DSN, and what the user may read and write: {message}"
        )
    if code == _UNKNOWN_DATABASE:
        return ClickHouseSetupError(
            f"{address.name} has no such database; create it, or name another in the address: {message}"
        )
    if code == _UNKNOWN_TABLE:
        return ClickHouseSetupError(
            f"{address.name} lacks a table; run `trace-clustering create-tables`, "
            f"or set database, events_table and embeddings_table of the clickhouse resource: {message}"
        )
    if code == _CANNOT_COMPILE_REGEXP:
        reason = message.split("cannot compile re2: ")[-1].split(". Look at")[0]
        return InvalidPatternError(f"ClickHouse cannot compile the regular expression {reason}")
    if code in _TOO_SLOW | _BUSY:
        return ClickHouseUnavailableError(
            f"{address.name} is too busy or too slow, try again later: {message}"
        )
    if isinstance(error, ProgrammingError):
        return ClickHouseQueryError(f"{address.name} cannot be used: {message}")
    if code is None:
        return ClickHouseUnavailableError(
            f"{address.name} cannot be reached; check host and port in TRACE_CLUSTERING_CLICKHOUSE_DSN "
            f"and that the server runs: {message}"
        )
    return ClickHouseQueryError(f"{address.name} refused a query: {message}")

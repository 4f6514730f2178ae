"""A short conversation with ClickHouse on behalf of one team."""

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

# The smaller side of a join stands on the right, where it is read into memory. Without this the planner may
# take the other side, with all its vectors, and it does. Servers before 24.12 do not know it, nor need it.
_JOINS_AS_WRITTEN = {"query_plan_join_swap_table": "false"}


@dataclass(frozen=True)
class Tables:
    """Checked names of the database and its two tables."""

    database: str
    events: str
    embeddings: str

    def bound(self) -> dict[str, str]:
        """Return the parameters by which statements name the tables."""
        return {"events": self.events, "embeddings": self.embeddings}


class TeamSession:
    """Queries and inserts that can only ever touch the rows of one team.

    The team is a bound parameter of every statement, and the engine itself is told to filter both tables
    by it, so that not even a statement that forgets the team reads another team's rows.

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
        with errors_explained(self._address):
            result = self._client.query(
                sql, self._bound(parameters), settings=self._settings(), tz_mode="aware"
            )
            return list(result.named_results())

    def stream(
        self,
        sql: str,
        *,
        as_bytes: Sequence[str] = (),
        **parameters: Any,  # noqa: ANN401
    ) -> Iterator[dict[str, list[Any]]]:
        """Yield the rows of a statement in blocks, as columns by name; none of them is kept.

        Times are aware. `as_bytes` names columns of String that are not text.
        """
        with errors_explained(self._address):
            blocks = self._client.query_column_block_stream(
                sql,
                self._bound(parameters),
                settings=self._settings(),
                column_formats=dict.fromkeys(as_bytes, "bytes"),
                tz_mode="aware",
            )
            names = cast("QueryResult", blocks.source).column_names
            with blocks:
                for block in blocks:
                    yield dict(zip(names, map(list, block), strict=True))

    def delete_events(self, condition: str, **parameters: Any) -> None:  # noqa: ANN401
        """Delete the team's rows of `events` that satisfy a condition."""
        with errors_explained(self._address):
            self._client.command(
                f"DELETE FROM {{events:Identifier}} WHERE team_id = {{team_id:Int64}} AND ({condition})",  # noqa: S608
                self._bound(parameters),
                settings=self._limits(),
            )

    def insert(
        self, table: Literal["events", "embeddings"], rows: Sequence[Sequence[Any]], columns: Sequence[str]
    ) -> None:
        """Insert rows into one of the tables; the team's id is added to each."""
        with errors_explained(self._address):
            self._client.insert(
                getattr(self._tables, table),
                [[self.team_id, *row] for row in rows],
                column_names=["team_id", *columns],
                database=self._tables.database,
                # A file may span years, and a partition is a week.
                settings={**self._limits(), "max_partitions_per_insert_block": 0},
            )

    def can_delete(self) -> bool:
        """Return whether rows of `events` can be deleted: not through a Distributed table."""
        rows = self.query(
            "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {name:String}",
            database=self._tables.database,
            name=self._tables.events,
        )
        return bool(rows) and rows[0]["engine"].endswith("MergeTree")

    def _bound(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**parameters, **self._tables.bound(), "team_id": self.team_id}

    def _limits(self) -> dict[str, Any]:
        return {
            "max_execution_time": resolve_seconds(self._timeout_seconds),
            "log_comment": json.dumps({"program": "trace_clustering", "team_id": self.team_id}),
        }

    def _settings(self) -> dict[str, Any]:
        filters = {
            f"{self._tables.database}.{name}": f"team_id = {self.team_id:d}"
            for name in self._tables.bound().values()
        }
        known = {name: v for name, v in _JOINS_AS_WRITTEN.items() if name in self._client.server_settings}
        return {**self._limits(), **known, "additional_table_filters": str(filters)}


@contextmanager
def errors_explained(address: Address) -> Iterator[None]:
    """Turn what the client library raises into errors that say what to do next."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    try:
        yield
    except (ClickHouseError, OSError) as error:
        raise explain(error, address) from error


def explain(error: Exception, address: Address) -> TraceClusteringError:
    """Return the error of this project that an error of the client library stands for."""
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

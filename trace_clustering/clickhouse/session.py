"""Queries and inserts for one team."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from trace_clustering.clickhouse.address import Address
from trace_clustering.clickhouse.bounded_session import BoundedSession
from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.processes.clock import StepClock

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Without the first two, one thread reads the vectors of a window, because they are few rows to the engine.
# With the others, a Distributed table answers when the rows are on its nodes; old servers know the last name.
_INSERT_SELECTED = {
    "merge_tree_min_rows_for_concurrent_read": 1,
    "merge_tree_min_bytes_for_concurrent_read": 1,
    "distributed_foreground_insert": 1,
    "insert_distributed_sync": 1,
}

TableName = Literal["events", "embeddings", "centroids", "assignments"]
VersionedTable = Literal["centroids", "assignments"]

# A column of type JSON would otherwise take text that looks like a time for a time, and write it differently.
_KEEP_TIMES_AS_TEXT = {"input_format_try_infer_dates": 0, "input_format_try_infer_datetimes": 0}


@dataclass(frozen=True)
class Tables:
    """Names of the database and its tables, checked to be identifiers."""

    database: str
    events: str
    embeddings: str
    centroids: str
    assignments: str

    def to_parameters(self) -> dict[str, str]:
        """Return the parameters that statements use for the names of the tables."""
        names = ("events", "embeddings", "centroids", "assignments")
        return {name: getattr(self, name) for name in names}


class TeamSession(BoundedSession):
    """Queries and inserts that can only touch the rows of one team.

    The team is a bound parameter of every statement. The engine also filters all tables by it, so a
    statement that forgets the team still reads no row of another team.

    Attributes
    ----------
    team_id : int

    Notes
    -----
    In every statement `{team_id:Int64}` and the names of the tables are bound: `{events:Identifier}`,
    `{embeddings:Identifier}`, `{centroids:Identifier}` and `{assignments:Identifier}`.
    """

    def __init__(
        self,
        client: "Client",
        address: Address,
        team_id: int,
        tables: Tables,
        timeout_seconds: float | StepClock,
    ) -> None:
        super().__init__(
            client,
            address,
            team_id,
            database=tables.database,
            tables=tables.to_parameters(),
            condition=f"team_id = {team_id:d}",
            bound={"team_id": team_id},
            timeout_seconds=timeout_seconds,
        )
        self._tables = tables

    def delete_events(self, condition: str, **parameters: Any) -> None:  # noqa: ANN401
        """Delete the team's rows of `events` that satisfy a condition."""
        self._delete("events", condition, parameters)

    def delete_embeddings(self, condition: str, **parameters: Any) -> None:  # noqa: ANN401
        """Delete the team's rows of `document_embeddings` that satisfy a condition."""
        self._delete("embeddings", condition, parameters)

    def delete_versions(self, table: VersionedTable, condition: str, **parameters: Any) -> None:  # noqa: ANN401
        """Delete the team's rows of a table of this project that satisfy a condition."""
        self._delete(table, condition, parameters)

    def insert(self, table: TableName, rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> None:
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

    def insert_selected(
        self,
        table: VersionedTable,
        columns: Sequence[str],
        statement: str,
        *,
        in_utc: bool = False,
        **parameters: Any,  # noqa: ANN401
    ) -> None:
        """Insert what a statement selects into a table of this project, without a row leaving ClickHouse.

        Parameters
        ----------
        table, columns
            Where the rows go.
        statement : str
            Selects one value per column; the team's id is one of them.
        in_utc : bool
            As in `query`.
        """
        head = f"INSERT INTO {{{table}:Identifier}} ({', '.join(columns)}) "

        def call(settings: dict[str, Any]) -> None:
            bound = head + self._bind_owner(statement, settings)
            self._client.command(bound, {**parameters, **self._bound}, settings=settings)

        known = self._client.server_settings
        reading = {name: value for name, value in _INSERT_SELECTED.items() if name in known}
        self._call(call, {**self._build_settings(in_utc=in_utc), **reading})

    @cached_property
    def events(self) -> TableColumns:
        """The columns of `events`."""
        return self._read_columns("events")

    @cached_property
    def embeddings(self) -> TableColumns:
        """The columns of `document_embeddings`."""
        return self._read_columns("embeddings")

    @cached_property
    def centroids(self) -> TableColumns:
        """The columns of the table of centroids."""
        return self._read_columns("centroids")

    @cached_property
    def assignments(self) -> TableColumns:
        """The columns of the table of assignments."""
        return self._read_columns("assignments")

    def can_delete(self, table: TableName = "events") -> bool:
        """Return whether rows of a table can be deleted; a Distributed table cannot delete."""
        rows = self.query(
            "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {name:String}",
            database=self._tables.database,
            name=getattr(self._tables, table),
        )
        return bool(rows) and rows[0]["engine"].endswith("MergeTree")

    def _delete(self, table: str, condition: str, parameters: dict[str, Any]) -> None:
        statement = f"DELETE FROM {{{table}:Identifier}} WHERE team_id = {{team_id:Int64}} AND ({condition})"  # noqa: S608
        self._call(
            lambda settings: self._client.command(
                statement, {**parameters, **self._bound}, settings=settings
            ),
            self._build_limits(),
        )

"""Sessions that only read, and of foreign tables only the rows of one source."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from trace_clustering.clickhouse.address import Address
from trace_clustering.clickhouse.bounded_session import BoundedSession
from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.source_tables.kinds import KINDS
from trace_clustering.clickhouse.source_tables.trace_source import TraceSource
from trace_clustering.environment import read_source_dsn
from trace_clustering.errors import ClickHouseSetupError
from trace_clustering.processes.clock import StepClock

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_SETTINGS: Final = {
    "max_bytes_before_external_group_by": 1024**3,
    "max_bytes_before_external_sort": 1024**3,
    "readonly": 2,  # nothing may be written, but the other settings may be set
}
_NO_ROW: Final = "1 = 0"


class SourceSession(BoundedSession):
    """Queries of the tables of a source.

    Attributes
    ----------
    team_id : int
        The team whose traces these are here.
    columns : dict of TableColumns
        By the name of the parameter that stands for the table in statements.
    """

    def __init__(
        self,
        client: "Client",
        address: Address,
        team_id: int,
        source: TraceSource,
        database: str,
        timeout_seconds: float | StepClock,
    ) -> None:
        kind = KINDS[source.kind]
        super().__init__(
            client,
            address,
            team_id,
            database=database,
            tables=kind.name_tables(source),
            condition=_NO_ROW,  # until the columns are known
            bound=kind.bind_owner(source),
            timeout_seconds=timeout_seconds,
        )
        may_lack = {table for table in kind.optional if f"{table}_table" not in source.model_fields_set}
        found = {table: self._find_columns(table) for table in self._table_names}
        self.columns = {table: c for table, c in found.items() if c.types or table not in may_lack}
        self._require_tables()
        self._condition = kind.write_condition(source, self.columns)

    def _find_columns(self, table: str) -> TableColumns:
        return replace(super()._find_columns(table), setting=f"{table}_table of the team's source")

    def _require_tables(self) -> None:
        for found in self.columns.values():
            if not found.types:
                raise ClickHouseSetupError(
                    f"{self._address.name} has no table {found.table}, or its user may not see it; name the "
                    f"right one with database and {found.setting}, or grant SELECT on it"
                )

    def _build_settings(self, *, in_utc: bool = False) -> dict[str, Any]:
        return {**super()._build_settings(in_utc=in_utc), **_SETTINGS}


@contextmanager
def open_source_session(
    clickhouse: ClickHouse, source: TraceSource, team_id: int, *, timeout_seconds: float | StepClock
) -> Iterator[SourceSession]:
    """Open a session that reads the tables of a source, where the project writes to or on another server.

    Raises
    ------
    InvalidSettingsError
        If the variable that holds the address is not set, or holds none.
    ClickHouseSetupError, ClickHouseUnavailableError, ClickHouseFolderLockedError
        If the place does not answer or lacks a table, or another process holds its folder.
    """
    variable = source.dsn.env if source.dsn else ""
    dsn = read_source_dsn(variable) if variable else ""
    with clickhouse.open_foreign_client(dsn, variable, source.database, timeout_seconds) as opened:
        client, address, database = opened
        yield SourceSession(client, address, team_id, source, database, timeout_seconds)

"""The ClickHouse resource: one client library for a server and for the embedded engine."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from trace_clustering.clickhouse.address import Address, parse_dsn
from trace_clustering.clickhouse.deadline import call_within
from trace_clustering.clickhouse.engine import name_lock_file, use_engine
from trace_clustering.clickhouse.faults import explain_errors
from trace_clustering.clickhouse.identifiers import check_identifier, is_identifier
from trace_clustering.clickhouse.schema import (
    CREATE_ASSIGNMENTS,
    CREATE_CENTROIDS,
    CREATE_DOCUMENT_EMBEDDINGS,
    CREATE_EVENTS,
)
from trace_clustering.clickhouse.session import Tables, TeamSession
from trace_clustering.environment import read_clickhouse_dsn
from trace_clustering.errors import ClickHouseFolderLockedError, ClickHouseSetupError, InvalidSettingsError
from trace_clustering.launchpad import LaunchpadResource, optional
from trace_clustering.processes.clock import StepClock, resolve_seconds

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class ClickHouse(LaunchpadResource):
    """Access to the events and embeddings of one team at a time.

    Only one process at a time can open the folder of the embedded engine. Others wait while it has a session,
    so a session should be short.
    """

    dsn: str = optional(
        "https://user:password@host:8443/database, or chdb:///absolute/folder for the engine "
        "inside the process. Empty: TRACE_CLUSTERING_CLICKHOUSE_DSN, else a folder under DAGSTER_HOME. "
        "Prefer the environment variable, which keeps the password out of the run's configuration.",
        default="",
        secret=True,
    )
    database: str = Field(default="", description="Database of the tables; empty: that of the address.")
    events_table: str = Field(default="events", description="Table of the events.")
    embeddings_table: str = Field(default="document_embeddings", description="Table of the embeddings.")
    centroids_table: str = Field(
        default="trace_cluster_centroids", description="Table of the clusters that runs found."
    )
    assignments_table: str = Field(
        default="trace_cluster_assignments", description="Table of all traces by cluster and run."
    )
    retention_days: int = Field(
        default=90,
        ge=1,
        le=36500,
        description="How long those two tables keep a run's rows; it counts when they are created.",
    )
    lock_timeout_seconds: float = Field(
        default=300.0, gt=0, description="How long to wait for another process to leave the embedded folder."
    )
    connect_timeout_seconds: float = Field(
        default=10.0, gt=0, description="How long a server may take to answer."
    )

    @field_validator("database", "events_table", "embeddings_table", "centroids_table", "assignments_table")
    @classmethod
    def _check_identifier(cls, name: str, info: ValidationInfo) -> str:
        return check_identifier(name) if name or info.field_name != "database" else name

    @contextmanager
    def open_session(
        self, team_id: int, *, timeout_seconds: float | StepClock, create: bool = True
    ) -> Iterator[TeamSession]:
        """Open a session that reads and writes the rows of one team.

        Parameters
        ----------
        team_id : int
        timeout_seconds : float or StepClock
            Time limit of each statement, in seconds. With a step's clock, each statement and the wait for the
            embedded folder have the time that is left.
        create : bool
            Whether the embedded engine creates its tables where they are missing.

        Raises
        ------
        ClickHouseSetupError, ClickHouseUnavailableError, ClickHouseFolderLockedError
            If the place is not set up, does not answer, or another process holds its folder.
        """
        address = self._parse_address()
        with self._open_client(address, timeout_seconds, self.database) as client:
            if address.folder and create:
                self._create_tables(client, address)
            yield TeamSession(client, address, team_id, self._resolve_tables(client), timeout_seconds)

    def create_tables(self) -> list[str]:
        """Create those of the tables that do not exist, and return the names of all."""
        address = self._parse_address()
        with self._open_client(address, 60, self.database) as client:
            self._create_tables(client, address)
            tables = self._resolve_tables(client)
            return [f"{tables.database}.{name}" for name in tables.to_parameters().values()]

    def describe_place(self) -> str:
        """Return where the tables are, in words and without a password."""
        return self._parse_address().name

    def find_database(self) -> str:
        """Return the name of the database of the tables."""
        address = self._parse_address()
        named = "" if address.folder else urlsplit(address.dsn).path.strip("/")
        return self.database or named or "default"

    def is_missing(self) -> bool:
        """Return whether the embedded engine has no folder yet; a session would create it."""
        folder = self._parse_address().folder
        try:
            return folder is not None and not (folder.is_dir() and any(folder.iterdir()))
        except OSError:  # a session says what is wrong with it
            return False

    def _parse_address(self) -> Address:
        return parse_dsn(self.dsn or read_clickhouse_dsn())

    def _create_tables(self, client: "Client", address: Address) -> None:
        with explain_errors(address):
            own = [
                statement.format(retention_days=self.retention_days)
                for statement in (CREATE_CENTROIDS, CREATE_ASSIGNMENTS)
            ]
            for statement in (CREATE_EVENTS, CREATE_DOCUMENT_EMBEDDINGS, *own):
                client.command(statement, self._resolve_tables(client).to_parameters())

    def _resolve_tables(self, client: "Client") -> Tables:
        database = self.database or client.database or "default"
        if not is_identifier(database):
            raise ClickHouseSetupError(
                f"The database name {database!r} must be letters, digits and underscores"
            )
        return Tables(
            database, self.events_table, self.embeddings_table, self.centroids_table, self.assignments_table
        )

    @contextmanager
    def open_foreign_client(
        self, dsn: str, variable: str, database: str, timeout_seconds: float | StepClock
    ) -> Iterator[tuple["Client", Address, str]]:
        """Connect to tables of other programs: client, address and name of the database; nothing is created.

        Parameters
        ----------
        dsn, variable : str
            Address, and the environment variable that holds it. Empty: the address of this resource.
        database : str
            Empty: that of the address.
        timeout_seconds : float or StepClock

        Raises
        ------
        InvalidSettingsError, ClickHouseSetupError, ClickHouseUnavailableError, ClickHouseFolderLockedError
            As in `open_session`, and if the address cannot be one.
        """
        address = parse_dsn(dsn, variable) if dsn else self._parse_address()
        database = database or ("" if dsn else self.database)
        with self._open_client(address, timeout_seconds, database, create=False) as client:
            yield client, address, client.database or "default"

    @contextmanager
    def _open_client(
        self, address: Address, timeout_seconds: float | StepClock, database: str, *, create: bool = True
    ) -> Iterator["Client"]:
        if address.folder is None:
            with explain_errors(address):
                seconds = resolve_seconds(timeout_seconds)
                client = call_within(
                    seconds, address, lambda: self._connect_to_server(address, seconds, database)
                )
            try:
                yield client
            finally:
                client.close()
            return
        import clickhouse_connect

        with self._hold_engine(address.folder, timeout_seconds):
            with explain_errors(address):
                client = clickhouse_connect.get_client(interface="chdb", path=str(address.folder))
                if database and create:
                    named = {"database": database}
                    client.command("CREATE DATABASE IF NOT EXISTS {database:Identifier}", named)
                if database:
                    client.database = database
            try:
                yield client
            finally:
                client.close()

    def _connect_to_server(self, address: Address, timeout_seconds: float, database: str) -> "Client":
        import clickhouse_connect

        try:
            return clickhouse_connect.get_client(
                dsn=address.dsn,
                # Without it the client guesses from the port, and may send the password to an https address
                # unencrypted.
                interface=urlsplit(address.dsn).scheme,
                database=database or None,
                connect_timeout=math.ceil(self.connect_timeout_seconds),
                send_receive_timeout=math.ceil(timeout_seconds),
                autogenerate_session_id=False,
                form_encode_query_params=True,
            )
        except TypeError as error:
            raise InvalidSettingsError(
                f"The address of {address.name} ({address.variable}) has an option that does not exist: "
                f"{error}"
            ) from error

    @contextmanager
    def _hold_engine(self, folder: Path, timeout_seconds: float | StepClock) -> Iterator[None]:
        import filelock

        seconds = self.lock_timeout_seconds
        if isinstance(timeout_seconds, StepClock):
            seconds = min(seconds, timeout_seconds.seconds_left())
        folder = folder.resolve()  # so that two links to one folder share its lock
        with ExitStack() as held:
            try:
                held.enter_context(use_engine(folder, seconds))
            except filelock.Timeout:
                raise ClickHouseFolderLockedError(
                    f"Another process has held {folder} for more than {seconds:g} s "
                    f"(its lock is {name_lock_file(folder)}); wait until it ends, raise lock_timeout_seconds "
                    "of the clickhouse resource, or use a ClickHouse server"
                ) from None
            except OSError as error:
                raise ClickHouseSetupError(
                    f"The folder of the embedded ClickHouse cannot be used ({error}); "
                    "choose another in TRACE_CLUSTERING_CLICKHOUSE_DSN"
                ) from error
            yield

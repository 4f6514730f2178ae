"""Fills the tables of other programs, and reads traces from them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.source_tables.trace_source import parse_source
from trace_clustering.sources.tables import read_table_traces
from trace_clustering.traces.trace import Trace
from trace_clustering.traces.window import Window

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_PREFIX = "foreign_"
Rows = Iterable[Mapping[str, Any]]


@contextmanager
def open_client(place: ClickHouse, database: str = "") -> Iterator["Client"]:
    """Connect to a database beside that of a place, where the tables of other programs are."""
    if database:
        with place.open_foreign_client("", "", database, 60) as (client, _, _):
            yield client
        return
    with place.open_foreign_client("", "", "", 60) as (client, _, own):
        client.command("CREATE DATABASE IF NOT EXISTS {name:Identifier}", {"name": _PREFIX + own})
    with place.open_foreign_client("", "", _PREFIX + own, 60) as (client, _, _):
        yield client


def create_table(
    place: ClickHouse,
    schema: str,
    table: str,
    rows: Rows = (),
    *,
    database: str = "",
    settings: dict[str, Any] | None = None,
) -> None:
    """Create a table, and insert rows."""
    with open_client(place, database) as client:
        client.command(schema, {"table": table}, settings=settings)
    insert_rows(place, table, rows, database=database)


def insert_rows(place: ClickHouse, table: str, rows: Rows, *, database: str = "") -> None:
    """Insert rows; a column that a row does not name has its default."""
    with open_client(place, database) as client:
        for names, group in _group_by_names(rows).items():
            client.insert(table, group, column_names=list(names), database=client.database)


def read_day(place: ClickHouse, fields: Mapping[str, Any], day: datetime) -> list[Trace]:
    """Return the traces of a day from the source that these fields of the team settings name."""
    left_out: list[tuple[str, str]] = []
    traces = read_day_with_faults(place, fields, day, left_out)
    assert left_out == []
    return traces


def read_day_with_faults(
    place: ClickHouse, fields: Mapping[str, Any], day: datetime, left_out: list[tuple[str, str]]
) -> list[Trace]:
    """Return the traces of a day, and add what is left out with the reason."""
    with open_client(place) as client:
        database = client.database
    source = parse_source({"database": database, **fields})
    window = Window(day, day + timedelta(days=1))
    return list(
        read_table_traces(
            place,
            source,
            1,
            window,
            timeout_seconds=60,
            tell_left_out=lambda *told: left_out.append(told),
        )
    )


def parse_moment(text: str | None) -> datetime | None:
    """Return a time of a file."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _group_by_names(rows: Rows) -> dict[tuple[str, ...], list[list[Any]]]:
    groups: dict[tuple[str, ...], list[list[Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(list(row.values()))
    return groups

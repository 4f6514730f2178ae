"""Reads the traces of a team from tables of ClickHouse that other programs write, by day."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.source_tables.active_traces import (
    MAX_TRACES_PER_PAGE,
    ActiveTrace,
    list_active_traces,
    split_into_batches,
    stream_rows,
)
from trace_clustering.clickhouse.source_tables.session import open_source_session
from trace_clustering.clickhouse.source_tables.trace_source import TraceSource
from trace_clustering.errors import BadValueError
from trace_clustering.processes.clock import StepClock
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.formats.langfuse import LANGFUSE
from trace_clustering.traces.trace import Trace
from trace_clustering.traces.window import Window

Row = Mapping[str, Any]


@dataclass(frozen=True)
class _TableFormat:
    """How the rows of one kind of tables become the records of a format of files."""

    format: Format
    write_record: Callable[[Row], Record]


_FORMATS: Final[Mapping[str, _TableFormat]] = {"langfuse": _TableFormat(LANGFUSE, dict)}


def read_table_traces(
    clickhouse: ClickHouse,
    source: TraceSource,
    team_id: int,
    day: Window,
    *,
    timeout_seconds: float | StepClock,
    tell_left_out: Callable[[str, str], None],
) -> Iterator[Trace]:
    """Yield the traces to which something happened on a day, each whole and as it is now.

    A trace that ends, or whose rows arrive, after its day was read belongs to the next day too. No more than
    the rows of one batch are in memory, and no session is open while the caller has a trace.

    Parameters
    ----------
    clickhouse : ClickHouse
        The place that the project writes to; the source may name another.
    source : TraceSource
    team_id : int
    day : Window
    timeout_seconds : float or StepClock
        Time limit of each statement, in seconds.
    tell_left_out : callable
        Called with the id of a trace that cannot be read, and the reason.

    Raises
    ------
    InvalidSettingsError, ClickHouseSetupError, ClickHouseUnavailableError, ClickHouseFolderLockedError
        As `open_source_session`.
    ClickHouseQueryError
        If the place could not execute a statement.
    """
    page: list[ActiveTrace] = []
    is_last = False
    while not is_last:
        with open_source_session(clickhouse, source, team_id, timeout_seconds=timeout_seconds) as session:
            page = list_active_traces(session, source, day, *page[-1:])
        is_last = len(page) < MAX_TRACES_PER_PAGE
        for batch in split_into_batches(page):
            with open_source_session(clickhouse, source, team_id, timeout_seconds=timeout_seconds) as session:
                traces = list(_build_traces(stream_rows(session, source, batch), source, tell_left_out))
            yield from traces


def _build_traces(
    rows: Iterable[Row], source: TraceSource, tell_left_out: Callable[[str, str], None]
) -> Iterator[Trace]:
    table = _FORMATS[source.kind]
    parts: defaultdict[str, list[Record]] = defaultdict(list)
    for row in rows:
        for trace_id, part in table.format.split(table.write_record(row)):
            parts[trace_id].append(part)
    for trace_id in sorted(parts):
        try:
            yield from table.format.build(trace_id, parts.pop(trace_id))
        except BadValueError as error:
            tell_left_out(trace_id, str(error))

"""Reads the traces of a team from tables of ClickHouse that other programs write, by day."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.source_tables.active_traces import (
    MAX_TRACES_PER_PAGE,
    ActiveTrace,
    list_active_traces,
    split_into_batches,
    stream_tables,
)
from trace_clustering.clickhouse.source_tables.session import SourceSession, open_source_session
from trace_clustering.clickhouse.source_tables.trace_source import TraceSource
from trace_clustering.constants import MAX_TRACE_BYTES
from trace_clustering.errors import BadValueError
from trace_clustering.processes.clock import StepClock
from trace_clustering.sources.table_formats import TABLE_FORMATS
from trace_clustering.traces.trace import Trace
from trace_clustering.traces.window import Window

Row = dict[str, Any]
TellLeftOut = Callable[[str, str], None]


def read_table_traces(
    clickhouse: ClickHouse,
    source: TraceSource,
    team_id: int,
    day: Window,
    *,
    timeout_seconds: float | StepClock,
    tell_left_out: TellLeftOut,
) -> Iterator[Trace]:
    """Yield the traces to which something happened on a day, each whole and as it is now.

    A trace that ends, or whose rows arrive, after its day was read belongs to the next day too. No session is
    open while the caller has a trace, and only the traces of one batch are in memory.

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
    reader = _Reader(source, tell_left_out)
    page: list[ActiveTrace] = []
    is_last = False
    while not is_last:
        with open_source_session(clickhouse, source, team_id, timeout_seconds=timeout_seconds) as session:
            page = list_active_traces(session, source, day, *page[-1:])
        is_last = len(page) < MAX_TRACES_PER_PAGE
        for batch in split_into_batches(page):
            with open_source_session(clickhouse, source, team_id, timeout_seconds=timeout_seconds) as session:
                traces = list(reader.read_batch(session, batch))
            yield from traces


class _Reader:
    """Puts the rows of traces together."""

    def __init__(self, source: TraceSource, tell_left_out: TellLeftOut) -> None:
        self._source = source
        self._format = TABLE_FORMATS[source.kind].format
        self._write_records = TABLE_FORMATS[source.kind].write_records
        self._tell_left_out = tell_left_out

    def read_batch(self, session: SourceSession, batch: list[ActiveTrace]) -> Iterator[Trace]:
        """Yield the traces of a batch; of the last table, only the rows of one trace are in memory."""
        *few, many = stream_tables(session, self._source, batch)
        heads: defaultdict[str, list[Row]] = defaultdict(list)
        for table in few:
            for row in table:
                heads[row["trace_id"]].append(row)
        for trace_id, rows in groupby(many, key=itemgetter("trace_id")):
            yield from self._build(trace_id, chain(heads.pop(trace_id, []), rows))
        for trace_id, found in sorted(heads.items()):
            yield from self._build(trace_id, found)

    def _build(self, trace_id: str, rows: Iterable[Row]) -> list[Trace]:
        """Return the traces of which these are the rows; none if there is nothing of an LLM in them."""
        try:
            records = self._write_records(_take_within_limit(rows))
            parts = [part for record in records for _, part in self._format.split(record)]
            return list(self._format.build(trace_id, parts)) if parts else []
        except BadValueError as error:
            self._tell_left_out(trace_id, str(error))
        except RecursionError:
            self._tell_left_out(trace_id, "it is nested too deeply")
        return []


def _take_within_limit(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows of a trace while they fit into memory."""
    size = 0
    for row in rows:
        size += sum(map(_count_characters, row.values()))
        if size > MAX_TRACE_BYTES:
            raise BadValueError(f"it is larger than {MAX_TRACE_BYTES // 1024**2} MiB")
        yield row


def _count_characters(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_count_characters, value.values()))
    return len(value) if isinstance(value, str) else 0

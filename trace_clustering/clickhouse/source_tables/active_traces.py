"""Finds the traces to which something happened on a day, and reads their rows in batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.source_tables.kinds import KINDS
from trace_clustering.clickhouse.source_tables.session import SourceSession
from trace_clustering.clickhouse.source_tables.trace_source import TraceSource
from trace_clustering.constants import MAX_SOURCE_TRACE_AGE
from trace_clustering.traces.window import Window

MAX_TRACES_PER_PAGE: Final = 100_000
MAX_TRACES_PER_BATCH: Final = 100
MAX_ROWS_PER_BATCH: Final = 2000
MAX_ROWS_PER_BLOCK: Final = 256  # rows are long
_BEFORE_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)

# A trace that began long before the day may have gone on, so the rows of many days are looked at, but only
# their ids and times. One pass, because a Distributed table may not be read inside a condition on itself.
_ACTIVE_TRACES = """
SELECT trace_id, min(start) AS first, max(start) AS last, count() AS row_count
FROM ({moments})
WHERE trace_id != ''
GROUP BY trace_id
HAVING max(is_of_llm) = 1
    AND max(arrayExists(
        t -> t >= {{start:DateTime64(6, 'UTC')}} AND t < {{end:DateTime64(6, 'UTC')}}, times
    )) = 1
    AND (first, trace_id) > ({{after:DateTime64(6, 'UTC')}}, {{after_id:String}})
ORDER BY first, trace_id
LIMIT {{most:UInt32}}
"""


@dataclass(frozen=True)
class ActiveTrace:
    """A trace to which something happened on a day.

    Attributes
    ----------
    trace_id : str
    first, last : datetime
        Start of its first and of its last row.
    row_count : int
        Rows, older versions of them included.
    """

    trace_id: str
    first: datetime
    last: datetime
    row_count: int


_START: Final = ActiveTrace("", _BEFORE_ALL, _BEFORE_ALL, 0)


def list_active_traces(
    session: SourceSession, source: TraceSource, day: Window, after: ActiveTrace = _START
) -> list[ActiveTrace]:
    """Return a page of the traces to which something happened on a day, in the order of their starts.

    Something happened if a row started, ended or arrived. Rows that started more than `MAX_SOURCE_TRACE_AGE`
    before or after the day are not looked at.

    Parameters
    ----------
    session : SourceSession
    source : TraceSource
    day : Window
    after : ActiveTrace
        The last one of the page before. An empty page is the end.
    """
    kind = KINDS[source.kind]
    start = day.start - kind.margin
    rows = session.query(
        _ACTIVE_TRACES.format(moments=kind.write_statements(source, session.columns).moments),
        since=start - MAX_SOURCE_TRACE_AGE,
        until=day.end + MAX_SOURCE_TRACE_AGE,
        start=start,
        end=day.end,
        after=after.first,
        after_id=after.trace_id,
        most=MAX_TRACES_PER_PAGE,
    )
    return [ActiveTrace(**row) for row in rows]


def split_into_batches(traces: list[ActiveTrace]) -> Iterator[list[ActiveTrace]]:
    """Yield the traces in lists of which the rows fit into memory; a long trace gets a list of its own."""
    batch: list[ActiveTrace] = []
    for few in split_for_parameters(traces, lambda trace: trace.trace_id, max_items=MAX_TRACES_PER_BATCH):
        for trace in few:
            if batch and sum(t.row_count for t in batch) + trace.row_count > MAX_ROWS_PER_BATCH:
                yield batch
                batch = []
            batch.append(trace)
        yield batch
        batch = []


def stream_tables(
    session: SourceSession, source: TraceSource, traces: list[ActiveTrace]
) -> Iterator[Iterator[dict[str, Any]]]:
    """Yield, for each table, its rows of these traces in the order of `trace_id`.

    The rows of a table must be taken before those of the next.
    """
    for statement in KINDS[source.kind].write_statements(source, session.columns).rows:
        yield _stream_rows(session, statement, traces)


def _stream_rows(
    session: SourceSession, statement: str, traces: list[ActiveTrace]
) -> Iterator[dict[str, Any]]:
    blocks = session.stream(
        statement,
        max_block_rows=MAX_ROWS_PER_BLOCK,
        in_utc=any(columns.has_json() for columns in session.columns.values()),
        trace_ids=[trace.trace_id for trace in traces],
        first=min(trace.first for trace in traces),
        last=max(trace.last for trace in traces),
    )
    for block in blocks:
        for values in zip(*block.values(), strict=True):
            yield dict(zip(block, values, strict=True))

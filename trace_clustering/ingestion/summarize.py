"""Second step: stored traces are summarized, those only whose summary is missing or older than the trace."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np

from trace_clustering.clickhouse.batches import split_by_size
from trace_clustering.clickhouse.ingested_summaries import fetch_ingested_summaries, store_summaries
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.stored_records import TimeSpan
from trace_clustering.clickhouse.traces import fetch_traces
from trace_clustering.constants import INGESTION_STATEMENT_TIMEOUT
from trace_clustering.documents.extract import extract_summary
from trace_clustering.ingestion.ingest import IngestedTrace
from trace_clustering.posthog.stored_traces import StoredTrace
from trace_clustering.traces.record import IngestedRecord
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.trace import Trace
from trace_clustering.traces.window import format_time

T = TypeVar("T")
EXTRACT: Final = "extract"
GIVEN: Final = "given"
MAX_TRACES_PER_BATCH: Final = 500

# Yields the traces that are given by what is known of them.
FetchTraces = Callable[[Sequence[IngestedTrace]], Iterable[StoredTrace]]
# Given traces, returns the summary of each and what wrote it, in any order.
WriteSummaries = Callable[[Sequence[Trace]], Iterable[tuple[TraceSummary, str]]]


@dataclass
class SummarizeReport:
    """What became of the summaries of some traces.

    Attributes
    ----------
    written : dict
        Number of summaries that were written, by what wrote them.
    unchanged : int
        Number of traces whose summary was there.
    automation : int
        Number of traces that no person started, which are not summarized.
    missing : int
        Number of traces that are not stored any more.
    """

    written: dict[str, int] = field(default_factory=dict)
    unchanged: int = 0
    automation: int = 0
    missing: int = 0


def extract_summaries(traces: Sequence[Trace]) -> Iterator[tuple[TraceSummary, str]]:
    """Yield the summaries of traces, written without a model."""
    for trace in traces:
        yield extract_summary(trace), GIVEN if trace.summary else EXTRACT


def summarize_traces(
    clickhouse: ClickHouse,
    team_id: int,
    traces: Sequence[IngestedTrace],
    write: WriteSummaries = extract_summaries,
    *,
    is_wanted: Callable[[str], bool] = lambda method: True,  # noqa: ARG005
    fetch: FetchTraces | None = None,
) -> SummarizeReport:
    """Store a summary of each trace that has none, or has changed since.

    Parameters
    ----------
    clickhouse : ClickHouse
    team_id : int
    traces : sequence of IngestedTrace
    write : callable
        Writes the summaries of a batch of traces.
    is_wanted : callable
        Given what wrote a stored summary, says whether it may stay.
    fetch : callable
        Reads the traces that must be summarized, by default from where they were stored.
    """
    people = [trace for trace in traces if not trace.is_automation]
    stale = _find_stale(clickhouse, team_id, people, is_wanted)
    report = SummarizeReport(automation=len(traces) - len(people), unchanged=len(people) - len(stale))
    found = fetch(stale) if fetch else fetch_stored(clickhouse, team_id, stale)
    for batch in _split(found):
        records = list(_write_records({item.trace.trace_id: item for item in batch}, write))
        with clickhouse.open_session(team_id, timeout_seconds=INGESTION_STATEMENT_TIMEOUT) as session:
            store_summaries(session, records)
        for record in records:
            report.written[record.method] = report.written.get(record.method, 0) + 1
    report.missing = len(stale) - sum(report.written.values())
    return report


def fetch_stored(
    clickhouse: ClickHouse, team_id: int, traces: Sequence[IngestedTrace]
) -> Iterator[StoredTrace]:
    """Yield traces from where `ingest_traces` has stored them; no session is open meanwhile."""
    for batch in _split(traces):
        with clickhouse.open_session(team_id, timeout_seconds=INGESTION_STATEMENT_TIMEOUT) as session:
            ids = (trace.trace_id for trace in batch)
            found = list(fetch_traces(session, ids, find_span(batch)))
        yield from found


def fetch_titles(clickhouse: ClickHouse, team_id: int, traces: Sequence[IngestedTrace]) -> dict[str, str]:
    """Return the titles of the stored summaries by trace id, in the order of the traces."""
    if not traces:
        return {}
    with clickhouse.open_session(team_id, timeout_seconds=INGESTION_STATEMENT_TIMEOUT) as session:
        found = fetch_ingested_summaries(session, (trace.trace_id for trace in traces), find_span(traces))
        return {record.trace_id: record.title for record in found}


def find_span(traces: Iterable[IngestedTrace]) -> TimeSpan:
    """Return the time in which traces ended."""
    moments = [trace.moment for trace in traces]
    return TimeSpan(min(moments), max(moments))


def _find_stale(
    clickhouse: ClickHouse,
    team_id: int,
    traces: Sequence[IngestedTrace],
    is_wanted: Callable[[str], bool],
) -> list[IngestedTrace]:
    """Return the traces without a summary of what they are now."""
    stale: list[IngestedTrace] = []
    for batch in _split(traces):
        with clickhouse.open_session(team_id, timeout_seconds=INGESTION_STATEMENT_TIMEOUT) as session:
            found = fetch_ingested_summaries(session, (trace.trace_id for trace in batch), find_span(batch))
            current = {record.trace_id: record.trace_digest for record in found if is_wanted(record.method)}
        stale += [trace for trace in batch if current.get(trace.trace_id) != trace.digest]
    return stale


def _split(items: Iterable[T]) -> Iterator[list[T]]:
    return split_by_size(items, lambda _: 1, max_items=MAX_TRACES_PER_BATCH, max_bytes=MAX_TRACES_PER_BATCH)


def _write_records(stored: dict[str, StoredTrace], write: WriteSummaries) -> Iterator[IngestedRecord]:
    for summary, method in write([found.trace for found in stored.values()]):
        found = stored[summary["trace_id"]]
        yield IngestedRecord(
            trace_id=found.trace.trace_id,
            timestamp=found.moment,
            title=summary["title"],
            flow_diagram=summary["flow_diagram"],
            bullets=summary["bullets"],
            interesting_notes=summary["interesting_notes"],
            properties=None,
            embedding=np.empty(0, np.float32),
            trace_digest=found.digest,
            method=method,
            start=format_time(found.trace.start) if found.trace.start else "",
        )

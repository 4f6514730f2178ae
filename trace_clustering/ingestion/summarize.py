"""Second step: stored traces are summarized, those only whose summary is missing or older than the trace."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np

from trace_clustering.clickhouse.batches import split_by_number
from trace_clustering.clickhouse.ingested_summaries import fetch_ingested_summaries, store_summaries
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.stored_records import TimeSpan
from trace_clustering.clickhouse.traces import fetch_traces
from trace_clustering.constants import INGESTION_STATEMENT_TIMEOUT
from trace_clustering.documents.llm_summaries import Summarizer
from trace_clustering.documents.summary_options import EXTRACT, Summarized
from trace_clustering.ingestion.ingest import IngestedTrace
from trace_clustering.posthog.stored_traces import StoredTrace
from trace_clustering.traces.record import IngestedRecord
from trace_clustering.traces.window import format_time

T = TypeVar("T")
MAX_TRACES_PER_BATCH: Final = 500

# Yields the traces that are given by what is known of them.
FetchTraces = Callable[[Sequence[IngestedTrace]], Iterable[StoredTrace]]


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
        Number of traces that are not summarized because no person started them.
    missing : int
        Number of traces that are not stored any more.
    """

    written: dict[str, int] = field(default_factory=dict)
    unchanged: int = 0
    automation: int = 0
    missing: int = 0


def summarize_traces(
    clickhouse: ClickHouse,
    team_id: int,
    traces: Sequence[IngestedTrace],
    summarizer: Summarizer,
    *,
    fetch: FetchTraces | None = None,
    with_automation: bool = False,
) -> SummarizeReport:
    """Store a summary of each trace that has none, or has changed since.

    An extract is written again if a model shall write it; what a model has written stays.

    Parameters
    ----------
    clickhouse : ClickHouse
    team_id : int
    traces : sequence of IngestedTrace
    summarizer : Summarizer
        Its limits hold for all traces together, and its report tells what they took.
    fetch : callable
        Reads the traces that must be summarized, by default from where they were stored.
    with_automation : bool
        Whether also those that no person started are summarized.
    """
    wanted = [trace for trace in traces if with_automation or not trace.is_automation]
    stale = _find_stale(clickhouse, team_id, wanted, summarizer)
    report = SummarizeReport(automation=len(traces) - len(wanted), unchanged=len(wanted) - len(stale))

    def read() -> Iterable[StoredTrace]:
        return fetch(stale) if fetch else fetch_stored(clickhouse, team_id, stale)

    if stale and summarizer.asks_model:
        summarizer.tell_start(item.trace for item in read())
    for batch in split_by_number(read(), MAX_TRACES_PER_BATCH):
        records = [
            _build_record(item, summarized)
            for item, summarized in zip(
                batch, summarizer.summarize(item.trace for item in batch), strict=True
            )
        ]
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
    for batch in split_by_number(traces, MAX_TRACES_PER_BATCH):
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
    summarizer: Summarizer,
) -> list[IngestedTrace]:
    """Return the traces without a summary of what they are now."""
    stale: list[IngestedTrace] = []
    for batch in split_by_number(traces, MAX_TRACES_PER_BATCH):
        with clickhouse.open_session(team_id, timeout_seconds=INGESTION_STATEMENT_TIMEOUT) as session:
            found = fetch_ingested_summaries(session, (trace.trace_id for trace in batch), find_span(batch))
            current = {
                record.trace_id: record.trace_digest
                for record in found
                if _may_stay(record.method, summarizer)
            }
        stale += [trace for trace in batch if current.get(trace.trace_id) != trace.digest]
    return stale


def _may_stay(method: str, summarizer: Summarizer) -> bool:
    return method != EXTRACT or not summarizer.asks_model


def _build_record(stored: StoredTrace, summarized: Summarized) -> IngestedRecord:
    summary = summarized.summary
    return IngestedRecord(
        trace_id=stored.trace.trace_id,
        timestamp=stored.moment,
        title=summary["title"],
        flow_diagram=summary["flow_diagram"],
        bullets=summary["bullets"],
        interesting_notes=summary["interesting_notes"],
        properties=None,
        embedding=np.empty(0, np.float32),
        trace_digest=stored.digest,
        method=summarized.method,
        start=format_time(stored.trace.start) if stored.trace.start else "",
    )

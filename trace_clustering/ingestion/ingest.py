"""First step: traces from a source are stored as events, each once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from trace_clustering.clickhouse.batches import split_by_size
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.traces import StoreReport, store_traces
from trace_clustering.constants import INGESTION_STATEMENT_TIMEOUT, MAX_BATCH_BYTES, MAX_BATCH_RECORDS
from trace_clustering.posthog.stored_traces import StoredTrace, prepare_trace
from trace_clustering.traces.trace import Trace


@dataclass(frozen=True)
class IngestedTrace:
    """What the next steps need to know of a stored trace.

    Attributes
    ----------
    trace_id : str
    moment : datetime
        When it ended, or was read.
    digest : str
        Of its content.
    is_automation : bool
    """

    trace_id: str
    moment: datetime
    digest: str
    is_automation: bool


@dataclass
class IngestReport(StoreReport):
    """What became of the traces of a source.

    Attributes
    ----------
    by_id : dict
        The traces by id, each once.
    """

    by_id: dict[str, IngestedTrace] = field(default_factory=dict)

    @property
    def traces(self) -> list[IngestedTrace]:
        """The traces, sorted by id."""
        return [self.by_id[trace_id] for trace_id in sorted(self.by_id)]

    @property
    def automation(self) -> int:
        """Number of traces that no person started."""
        return sum(trace.is_automation for trace in self.by_id.values())


def ingest_traces(
    clickhouse: ClickHouse,
    team_id: int,
    traces: Iterable[Trace],
    read_at: datetime,
    *,
    is_stored: bool = False,
) -> IngestReport:
    """Store the traces of a source for a team; what is there unchanged is not written again.

    Parameters
    ----------
    clickhouse : ClickHouse
    team_id : int
    traces : iterable of Trace
        Of a trace that comes twice, the last counts.
    read_at : datetime
        Stands for the time of traces whose source has none.
    is_stored : bool
        Whether the source is the very table in which the traces would be stored; then they are only counted.
    """
    report = IngestReport()
    stored = (prepare_trace(trace, read_at) for trace in traces)
    for batch in split_by_size(
        stored, _estimate_bytes, max_items=MAX_BATCH_RECORDS, max_bytes=MAX_BATCH_BYTES
    ):
        if not is_stored:
            with clickhouse.open_session(team_id, timeout_seconds=INGESTION_STATEMENT_TIMEOUT) as session:
                store_traces(session, batch, report)
        for item in batch:
            trace = item.trace
            report.by_id[trace.trace_id] = IngestedTrace(
                trace.trace_id, item.moment, item.digest, trace.is_automation
            )
    return report


def _estimate_bytes(stored: StoredTrace) -> int:
    texts = sum(len(turn.text) for turn in stored.trace.turns)
    calls = sum(len(call.arguments) + len(call.result or "") for call in stored.trace.tool_calls)
    return texts + calls + 300 * len(stored.trace.calls) + 500

"""Writes trace records into the tables that the pipeline reads, and removes what they replace.

An insert whose answer was lost is sent a second time by the client library, two loads can run at once, and
either can be killed: so what counts is what is in the tables. Nothing old is deleted before the new is seen.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from trace_clustering.clickhouse.event_versions import MAX_MOMENT
from trace_clustering.clickhouse.record_cleanup import delete_older_versions, delete_superseded
from trace_clustering.clickhouse.record_versions import RecordBatch, StoredState, read_state
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.errors import ClickHouseQueryError
from trace_clustering.posthog.trace_events import (
    DOCUMENT_COLUMNS,
    EVENT_COLUMNS,
    build_document,
    build_generation_event,
    build_summary_event,
)
from trace_clustering.traces.record import TraceRecord

_MAX_WRITES: Final = 4
# A Distributed table, or a server that collects inserts, shows a row only after a moment.
_READ_BACK_PAUSES: Final = (0.0, 0.1, 0.4, 1.5, 3.0)


@dataclass
class InsertReport:
    """What became of the records of one batch, or of several.

    Attributes
    ----------
    new, replaced, unchanged : int
        Number of traces that no load had stored, that one had stored otherwise, or just so.
    other_models : set of str
        Models of other vectors that loads stored of these traces, and that stay.
    not_deleted : str
        Why older versions could not be deleted; empty if there are none.
    """

    new: int = 0
    replaced: int = 0
    unchanged: int = 0
    other_models: set[str] = field(default_factory=set)
    not_deleted: str = ""

    def add(self, other: "InsertReport") -> None:
        """Add what became of another batch."""
        self.new += other.new
        self.replaced += other.replaced
        self.unchanged += other.unchanged
        self.other_models |= other.other_models
        self.not_deleted = self.not_deleted or other.not_deleted


def insert_records(
    session: TeamSession, records: Sequence[TraceRecord], *, batch_run_id: str, model_name: str
) -> InsertReport:
    """Store the embedding, the summary event and the generation event of each record, once.

    What is stored is compared with the records. What is missing, differs or is stored in copies is written;
    it is read back, and only then are older versions deleted. Whatever was interrupted, answered in vain or
    done twice, another call completes and repairs.

    Parameters
    ----------
    session : TeamSession
    records : sequence of TraceRecord
        One batch of a file, not empty. If a trace comes twice, the first counts.
    batch_run_id : str
        Links each embedding to its summary. Ids that begin with `<team>_load_` are those of loads, which
        replace each other.
    model_name : str
        Model that made the embeddings; empty if unknown. Other vectors by other models stay.

    Raises
    ------
    ClickHouseQueryError
        If rows are not there after they were inserted.
    """
    by_trace: dict[str, TraceRecord] = {}
    for record in records:
        by_trace.setdefault(record.trace_id, record)
    batch = RecordBatch(session.team_id, records, by_trace, batch_run_id, model_name)
    state = read_state(session, batch)
    report = _count_records(state)
    for _ in range(_MAX_WRITES):
        version = _choose_version(session, state)
        if not _write_rows(session, state, version):
            break
        batch, state = _read_back(session, batch, version, report)
        if not batch.by_trace:  # another load has stored newer versions of all
            return report
    report.not_deleted = delete_older_versions(session, batch, state) or report.not_deleted
    return report


def _count_records(state: StoredState) -> InsertReport:
    """Count the traces by what was stored of them before this call."""
    report = InsertReport()
    changed = {
        record.trace_id
        for identity, record in {**state.summaries, **state.generations}.items()
        if state.traces[record.trace_id].record is record and not state.is_event_current(identity)
    }
    for trace_id, trace in state.traces.items():
        report.other_models |= trace.other_models
        if trace.current is None and not trace.older:
            report.new += 1
        elif trace.current and trace_id not in changed:
            report.unchanged += 1
        else:
            report.replaced += 1
    return report


def _choose_version(session: TeamSession, state: StoredState) -> datetime:
    """Return a moment that is later than all stored versions; both tables can hold it."""
    step = max(
        session.events.find_resolution("created_at"),
        session.embeddings.find_resolution("inserted_at"),
        timedelta(milliseconds=1),
    )
    moments = [event.created_at for event in state.events.values()]
    moments += [trace.newest_moment for trace in state.traces.values() if trace.newest_moment]
    # The clock that wrote them may be ahead of this one.
    newest = max((moment for moment in moments if moment <= MAX_MOMENT - step), default=datetime.min)
    version = max(datetime.now(UTC), newest.replace(tzinfo=UTC) + step)
    return version - (version - datetime.min.replace(tzinfo=UTC)) % step


def _write_rows(session: TeamSession, state: StoredState, version: datetime) -> bool:
    """Write what is missing, differs or is doubled, and return whether anything is."""
    wanted = state.list_events_to_write()
    events = [
        build_summary_event(session.team_id, record, state.traces[record.trace_id].batch_run_id, version)
        for identity, record in state.summaries.items()
        if identity in wanted
    ] + [
        build_generation_event(session.team_id, record, version)
        for identity, record in state.generations.items()
        if identity in wanted
    ]
    if events:
        session.insert("events", events, EVENT_COLUMNS)
    # The embeddings go last, so that a trace with an embedding also has its events, whenever a load is
    # interrupted.
    documents = [
        build_document(trace.record, trace.batch_run_id, trace.model_name, version)
        for trace in state.traces.values()
        if trace.needs_document
    ]
    if documents:
        session.insert("embeddings", documents, DOCUMENT_COLUMNS)
    return bool(events or documents)


def _read_back(
    session: TeamSession, batch: RecordBatch, version: datetime, report: InsertReport
) -> tuple[RecordBatch, StoredState]:
    """Wait until all rows are seen; leave out the traces of which another load has stored newer versions.

    Raises
    ------
    ClickHouseQueryError
        If rows are missing.
    """
    missing = 0
    for seconds in _READ_BACK_PAUSES:
        time.sleep(seconds)
        state = read_state(session, batch)
        superseded = {
            trace_id
            for trace_id, trace in state.traces.items()
            if trace.current is None and trace.newest_moment and trace.newest_moment >= version
        }
        if superseded:
            report.not_deleted = delete_superseded(session, batch, state, superseded)
            batch = batch.leave_out(superseded)
            if not batch.by_trace:
                return batch, state
            state = read_state(session, batch)
        missing = sum(trace.current is None for trace in state.traces.values())
        missing += sum(not state.is_event_current(i) for i in [*state.summaries, *state.generations])
        if not missing:
            return batch, state
    raise ClickHouseQueryError(
        f"{missing} rows of {len(batch.by_trace)} traces are not in the tables after they were inserted: the "
        "insert was lost on the way, or other loads write the same traces. Older versions are untouched; "
        "load the file again, and see what stands between here and ClickHouse"
    )

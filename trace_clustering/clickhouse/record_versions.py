"""Compares a batch of trace records with what earlier loads stored of the same traces."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.stored_records import (
    StoredDocument,
    StoredEvent,
    TimeSpan,
    find_documents,
    find_events,
    find_other_generations,
)
from trace_clustering.posthog.trace_events import (
    digest_document_text,
    digest_text,
    digest_vector,
    identify_generation,
    identify_summary,
    write_summary_properties,
)
from trace_clustering.traces.record import TraceRecord

# Other versions of a trace whose batch run begins so are replaced; those of other programs are not.
_LOAD_PREFIX = "{team_id}_load_"


def name_batch_run(team_id: int, digest: str) -> str:
    """Return the batch run id of a load, given a digest of the file's content."""
    return _LOAD_PREFIX.format(team_id=team_id) + digest


@dataclass(frozen=True)
class RecordBatch:
    """The records to store, the first of each trace by trace id, and as what they are stored.

    An empty `model_name` is one that nobody knows.
    """

    team_id: int
    records: Sequence[TraceRecord]
    by_trace: dict[str, TraceRecord]
    batch_run_id: str
    model_name: str

    @property
    def load_prefix(self) -> str:
        """How the ids of the batch runs begin that loads of this team have."""
        return name_batch_run(self.team_id, "")

    def leave_out(self, trace_ids: set[str]) -> "RecordBatch":
        """Return the batch without some traces."""
        return replace(
            self,
            records=[record for record in self.records if record.trace_id not in trace_ids],
            by_trace={t: record for t, record in self.by_trace.items() if t not in trace_ids},
        )


@dataclass(frozen=True)
class TraceState:
    """What is stored of one trace.

    Attributes
    ----------
    record : TraceRecord
    model_name, batch_run_id : str
        As what the record is to be stored.
    current : StoredDocument or None
        The version that is the record; None if the newest is not.
    older : list of StoredDocument
        The versions that the record replaces, newest first.
    other_models : set of str
        Models of the vectors that stay beside the record's.
    """

    record: TraceRecord
    model_name: str
    batch_run_id: str
    current: StoredDocument | None
    older: list[StoredDocument]
    other_models: set[str]

    @property
    def needs_document(self) -> bool:
        """Whether the document is missing, or has equal copies, which only a newer version ends."""
        if self.current is None or self.current.copies > 1:
            return True
        return any(version.inserted_at == self.current.inserted_at for version in self.older)

    @property
    def newest_moment(self) -> datetime | None:
        """When the newest version was stored."""
        moments = [v.inserted_at for v in [*([self.current] if self.current else []), *self.older]]
        return max(moments, default=None)


@dataclass(frozen=True)
class StoredState:
    """What is stored of a batch.

    Attributes
    ----------
    traces : dict
        By trace id.
    summaries, generations : dict
        The records of the events that must be there, by event id.
    events : dict
        Those of them that are stored.
    old_events : list of UUID
        Events of older versions.
    span : TimeSpan
        The time in which all these events lie.
    """

    traces: dict[str, TraceState]
    summaries: dict[uuid.UUID, TraceRecord]
    generations: dict[uuid.UUID, TraceRecord]
    events: dict[uuid.UUID, StoredEvent]
    old_events: list[uuid.UUID]
    span: TimeSpan

    def is_event_current(self, identity: uuid.UUID) -> bool:
        """Return whether the newest version of an event says what it must."""
        stored = self.events.get(identity)
        if stored is None:
            return False
        record = self.summaries.get(identity)
        if record is None:  # the id of a generation event follows from its content
            return True
        properties = write_summary_properties(record, self.traces[record.trace_id].batch_run_id)
        return not stored.digest or stored.digest == digest_text(properties)

    def list_events_to_write(self) -> set[uuid.UUID]:
        """Return the events that are missing, say something else, or are stored in equal copies."""
        wanted = [*self.summaries, *self.generations]
        return {i for i in wanted if not self.is_event_current(i) or self.events[i].copies > 1}


def read_state(session: TeamSession, batch: RecordBatch) -> StoredState:
    """Read what is stored of the traces of a batch."""
    stored = find_documents(session, batch.by_trace, batch.batch_run_id, batch.load_prefix)
    step = session.embeddings.find_resolution("timestamp")
    traces = {
        trace_id: _compare_trace(batch, record, stored.get(trace_id, []), step)
        for trace_id, record in batch.by_trace.items()
    }
    summaries = {
        identify_summary(session.team_id, trace_id, trace.batch_run_id): trace.record
        for trace_id, trace in traces.items()
    }
    generations: dict[uuid.UUID, TraceRecord] = {}
    for record in batch.records:
        if record.properties is not None:
            generations.setdefault(identify_generation(session.team_id, record), record)
    moments = [record.timestamp for record in batch.records]
    moments += [version.timestamp for versions in stored.values() for version in versions]
    # The times of stored documents are less exact than those of their events.
    span = TimeSpan(min(moments), max(moments) + step)
    old_summaries = {
        identify_summary(session.team_id, trace_id, version.batch_run_id)
        for trace_id, trace in traces.items()
        for version in trace.older
    }
    wanted: dict[str, list[uuid.UUID]] = {}
    for identity, record in generations.items():
        wanted.setdefault(record.trace_id, []).append(identity)
    return StoredState(
        traces=traces,
        summaries=summaries,
        generations=generations,
        events=find_events(session, [*summaries, *generations], span),
        old_events=[
            *sorted(old_summaries.difference(summaries)),
            *find_other_generations(session, wanted, span),
        ],
        span=span,
    )


def _compare_trace(
    batch: RecordBatch, record: TraceRecord, stored: list[StoredDocument], step: timedelta
) -> TraceState:
    """Compare a record with the stored versions of its trace.

    A version is replaced if it has the record's model, a model that nobody named, or the record's very
    vector: two models give no two equal vectors.
    """
    vector_digest = digest_vector(record.embedding)
    same_vector = [version for version in stored if version.vector_digest == vector_digest]
    unknown = f"unknown-{len(record.embedding)}"
    named = (version.model_name for version in same_vector if version.model_name != unknown)
    model_name = batch.model_name or next(named, unknown)
    older = [v for v in stored if v.model_name in (model_name, unknown) or v in same_vector]
    other_models = {version.model_name for version in stored if version not in older}
    current: StoredDocument | None = None
    # A Distributed table or other columns may hold times less exactly.
    moment = _round_down(record.timestamp, step)
    if (
        older
        and older[0].model_name == model_name
        and older[0].vector_digest == vector_digest
        and older[0].text_digest == digest_document_text(record)
        and _round_down(older[0].timestamp, step) == moment
    ):
        current = older.pop(0)
    return TraceState(
        record=record,
        model_name=model_name,
        batch_run_id=current.batch_run_id if current else batch.batch_run_id,
        current=current,
        older=older,
        other_models=other_models,
    )


def _round_down(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - datetime.min.replace(tzinfo=moment.tzinfo)) % max(
        step, timedelta(milliseconds=1)
    )

"""Third step: summaries are embedded, those only that have no vector of this model and text."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import numpy as np

from trace_clustering.clickhouse.batches import split_by_number, split_for_parameters
from trace_clustering.clickhouse.ingested_summaries import fetch_ingested_summaries, name_ingestion_run
from trace_clustering.clickhouse.record_versions import name_batch_run
from trace_clustering.clickhouse.records import InsertReport, insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.stored_records import find_documents, list_document_ids
from trace_clustering.constants import INGESTION_STATEMENT_TIMEOUT
from trace_clustering.documents.text import write_embedded_text
from trace_clustering.documents.text_embedder import TextEmbedder
from trace_clustering.ingestion.ingest import IngestedTrace
from trace_clustering.ingestion.summarize import find_span
from trace_clustering.posthog.trace_events import digest_document_text
from trace_clustering.traces.arrays import FloatArray
from trace_clustering.traces.record import IngestedRecord

MAX_TRACES_PER_BATCH: Final = 256

TrackTexts = Callable[[Iterable[Any], int, str], Iterable[Any]]


@dataclass
class EmbedReport:
    """What became of the vectors of some traces.

    Attributes
    ----------
    embedded, given, unchanged : int
        Number of vectors that were computed, that the source gave, and that were there.
    unsummarized, without_vector : int
        Number of traces without a summary, and of those of which the model gave no vector.
    inserted : InsertReport
        What was written.
    """

    embedded: int = 0
    given: int = 0
    unchanged: int = 0
    unsummarized: int = 0
    without_vector: int = 0
    inserted: InsertReport = field(default_factory=InsertReport)


def embed_traces(
    clickhouse: ClickHouse,
    team_id: int,
    traces: Sequence[IngestedTrace],
    embedder: TextEmbedder,
    track: TrackTexts = lambda batches, total, description: batches,  # noqa: ARG005
    *,
    with_automation: bool = False,
) -> EmbedReport:
    """Store a vector of the summary of each trace; what was stored before a fault stays.

    Parameters
    ----------
    clickhouse : ClickHouse
    team_id : int
    traces : sequence of IngestedTrace
    embedder : TextEmbedder
    track : callable
        Shows progress: given batches, their number and a description, returns the batches.
    with_automation : bool
        Whether also those that no person started are embedded.
    """
    report = EmbedReport()
    wanted = [trace for trace in traces if with_automation or not trace.is_automation]
    batches = list(split_by_number(wanted, MAX_TRACES_PER_BATCH))
    for batch in track(batches, len(batches), "Embedding"):
        with clickhouse.open_session(team_id, timeout_seconds=INGESTION_STATEMENT_TIMEOUT) as session:
            records = _fetch_records(session, batch)
            missing = _find_missing(session, records, embedder.model_name)
        report.unsummarized += len(batch) - len(records)
        report.unchanged += len(records) - len(missing)
        with _store_at_end(clickhouse, team_id, missing, embedder, report) as vectors:
            for part in embedder.embed_batches([_write_text(record) for record in missing]):
                vectors.update(zip(part.rows.tolist(), part.vectors, strict=True))
    return report


@contextmanager
def _store_at_end(
    clickhouse: ClickHouse,
    team_id: int,
    records: Sequence[IngestedRecord],
    embedder: TextEmbedder,
    report: EmbedReport,
) -> Iterator[dict[int, FloatArray]]:
    """Store the vectors that the block has collected by position, also if a fault ended it."""
    vectors: dict[int, FloatArray] = {}
    try:
        yield vectors
    finally:
        usable = [position for position in sorted(vectors) if np.isfinite(vectors[position]).all()]
        report.embedded += len(usable)
        report.without_vector += len(vectors) - len(usable)
        found = np.array([vectors[position] for position in usable], dtype=np.float32)
        _store(clickhouse, team_id, [records[n] for n in usable], found, embedder.model_name, report)


def store_given_vectors(
    clickhouse: ClickHouse,
    team_id: int,
    traces: Sequence[IngestedTrace],
    vectors: Mapping[str, FloatArray],
    model_name: str,
) -> EmbedReport:
    """Store the vectors that a source gave with its traces.

    Parameters
    ----------
    clickhouse : ClickHouse
    team_id : int
    traces : sequence of IngestedTrace
    vectors : mapping
        By trace id, of shape (d,).
    model_name : str
        Model that made them; empty if unknown.
    """
    report = EmbedReport()
    for batch in split_by_number(
        [trace for trace in traces if trace.trace_id in vectors], MAX_TRACES_PER_BATCH
    ):
        with clickhouse.open_session(team_id, timeout_seconds=INGESTION_STATEMENT_TIMEOUT) as session:
            records = _fetch_records(session, batch)
        report.unsummarized += len(batch) - len(records)
        report.given += len(records)
        given = np.array([vectors[record.trace_id] for record in records], dtype=np.float32)
        _store(clickhouse, team_id, records, given, model_name, report)
    return report


def delete_other_vectors(clickhouse: ClickHouse, team_id: int, traces: Sequence[IngestedTrace]) -> int:
    """Delete the vectors of all traces but these, and return of how many traces.

    For a place that belongs to one exploration alone: what an earlier one chose must not be clustered now.
    """
    with clickhouse.open_session(team_id, timeout_seconds=INGESTION_STATEMENT_TIMEOUT) as session:
        others = set(list_document_ids(session)).difference(trace.trace_id for trace in traces)
        for batch in split_for_parameters(sorted(others), str):
            session.delete_embeddings("document_id IN {trace_ids:Array(String)}", trace_ids=batch)
    return len(others)


def _fetch_records(session: TeamSession, traces: Sequence[IngestedTrace]) -> list[IngestedRecord]:
    ids = (trace.trace_id for trace in traces)
    return list(fetch_ingested_summaries(session, ids, find_span(traces)))


def _find_missing(
    session: TeamSession, records: Sequence[IngestedRecord], model_name: str
) -> list[IngestedRecord]:
    """Return the records without a vector of this model for their text."""
    run, prefix = name_ingestion_run(session.team_id), name_batch_run(session.team_id, "")
    stored = find_documents(session, [record.trace_id for record in records], run, prefix)

    def is_stored(record: IngestedRecord) -> bool:
        versions = [v for v in stored.get(record.trace_id, []) if v.model_name == model_name]
        # Of several versions, the newest counts.
        return bool(versions) and (
            versions[0].text_digest == digest_document_text(record)
            and versions[0].timestamp == _round_to_milliseconds(record)
        )

    return [record for record in records if not is_stored(record)]


def _round_to_milliseconds(record: IngestedRecord) -> datetime:
    moment = record.timestamp
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _write_text(record: IngestedRecord) -> str:
    return write_embedded_text(record.title, record.flow_diagram, record.bullets, record.interesting_notes)


def _store(
    clickhouse: ClickHouse,
    team_id: int,
    records: Sequence[IngestedRecord],
    vectors: FloatArray,
    model_name: str,
    report: EmbedReport,
) -> None:
    whole = [replace(record, embedding=vector) for record, vector in zip(records, vectors, strict=True)]
    if not whole:
        return
    with clickhouse.open_session(team_id, timeout_seconds=INGESTION_STATEMENT_TIMEOUT) as session:
        run = name_ingestion_run(team_id)
        inserted = insert_records(session, whole, batch_run_id=run, model_name=model_name)
    report.inserted.add(inserted)

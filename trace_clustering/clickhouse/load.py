"""Trace records into the tables that the pipeline reads."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from trace_clustering.clickhouse.batches import parameter_batches
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import (
    GENERATION_EVENT_NAME,
    LLMA_TRACE_DOCUMENT_TYPE,
    LLMA_TRACE_PRODUCT,
    SUMMARY_EVENT_NAME,
)
from trace_clustering.records import TraceRecord
from trace_clustering.traces.window import iso_time

# Namespace of the ids of loaded events; any fixed UUID would do.
_NAMESPACE = uuid.UUID("0c4f3c52-6c4b-5a3e-8f5e-1f6d2b7a9e10")

_EVENT_COLUMNS = ["uuid", "event", "properties", "timestamp", "distinct_id", "created_at"]
_EMBEDDING_COLUMNS = [
    "product",
    "document_type",
    "model_name",
    "rendering",
    "document_id",
    "timestamp",
    "content",
    "embedding",
]

_STORED_EVENTS = """
SELECT uuid
FROM {events:Identifier}
WHERE team_id = {team_id:Int64} AND event IN {names:Array(String)}
    AND timestamp >= {first:DateTime64(6, 'UTC')} AND timestamp <= {last:DateTime64(6, 'UTC')}
    AND uuid IN {uuids:Array(UUID)}
LIMIT {limit:UInt64}
"""

_STORED_DOCUMENTS = """
SELECT DISTINCT document_id
FROM {embeddings:Identifier}
WHERE team_id = {team_id:Int64} AND product = {product:String} AND rendering = {rendering:String}
    AND document_id IN {document_ids:Array(String)}
LIMIT {limit:UInt64}
"""


def insert_records(
    session: TeamSession, records: Sequence[TraceRecord], *, batch_run_id: str, model_name: str
) -> int:
    """Insert what is not there yet of a batch of records: embedding, summary event and generation event.

    Parameters
    ----------
    session : TeamSession
    records : sequence of TraceRecord
        One batch of a file.
    batch_run_id : str
        Ties each embedding to its summary. The same id and records change nothing when inserted again.
    model_name : str
        Model that made the vectors.

    Returns
    -------
    int
        How many of the records were new.
    """
    events = _missing_events(session, records, batch_run_id)
    if events:
        session.insert("events", list(events.values()), _EVENT_COLUMNS)
    # The embeddings go last: a trace that has its vector has everything.
    documents = _missing_documents(session, records, batch_run_id)
    if documents:
        session.insert(
            "embeddings",
            [_document(record, batch_run_id, model_name) for record in documents.values()],
            _EMBEDDING_COLUMNS,
        )
    return len(documents)


def _missing_events(
    session: TeamSession, records: Sequence[TraceRecord], batch_run_id: str
) -> dict[uuid.UUID, list[Any]]:
    events: dict[uuid.UUID, list[Any]] = {}
    for record in records:
        for event in (
            _summary_event(session.team_id, record, batch_run_id),
            _generation_event(session.team_id, record),
        ):
            events.setdefault(event[0], event)
    moments = [record.timestamp for record in records]
    known = {
        row["uuid"]
        for batch in parameter_batches(map(str, events), str)
        for row in session.query(
            _STORED_EVENTS,
            names=[SUMMARY_EVENT_NAME, GENERATION_EVENT_NAME],
            first=min(moments),
            last=max(moments),
            uuids=batch,
            limit=2 * len(batch),
        )
    }
    return {identity: event for identity, event in events.items() if identity not in known}


def _missing_documents(
    session: TeamSession, records: Sequence[TraceRecord], batch_run_id: str
) -> dict[str, TraceRecord]:
    documents: dict[str, TraceRecord] = {}
    for record in records:
        documents.setdefault(record.trace_id, record)
    known = {
        row["document_id"]
        for batch in parameter_batches(documents, str)
        for row in session.query(
            _STORED_DOCUMENTS,
            product=LLMA_TRACE_PRODUCT,
            rendering=batch_run_id,
            document_ids=batch,
            limit=len(batch),
        )
    }
    return {trace_id: record for trace_id, record in documents.items() if trace_id not in known}


def _summary_event(team_id: int, record: TraceRecord, batch_run_id: str) -> list[Any]:
    properties: dict[str, Any] = {
        "$ai_trace_id": record.trace_id,
        "$ai_batch_run_id": batch_run_id,
        "$ai_summary_mode": "detailed",
        "$ai_summary_title": record.title,
        "$ai_summary_flow_diagram": record.flow_diagram,
        "$ai_summary_bullets": [{"text": text, "line_refs": ""} for text in record.bullets],
        "$ai_summary_interesting_notes": [
            {"text": text, "line_refs": ""} for text in record.interesting_notes
        ],
        "trace_timestamp": iso_time(record.timestamp),
    }
    identity = uuid.uuid5(_NAMESPACE, f"{team_id}:{SUMMARY_EVENT_NAME}:{batch_run_id}:{record.trace_id}")
    return _event(identity, SUMMARY_EVENT_NAME, properties, record, f"trace_summary_{team_id}")


def _generation_event(team_id: int, record: TraceRecord) -> list[Any]:
    properties = {**record.properties, "$ai_trace_id": record.trace_id}
    content = f"{iso_time(record.timestamp)}:{json.dumps(properties, sort_keys=True)}"
    identity = uuid.uuid5(_NAMESPACE, f"{team_id}:{GENERATION_EVENT_NAME}:{content}")
    return _event(identity, GENERATION_EVENT_NAME, properties, record, record.trace_id)


def _event(
    identity: uuid.UUID, name: str, properties: dict[str, Any], record: TraceRecord, distinct_id: str
) -> list[Any]:
    text = json.dumps(properties, allow_nan=False)
    return [identity, name, text, record.timestamp, distinct_id, record.timestamp]


def _document(record: TraceRecord, batch_run_id: str, model_name: str) -> list[Any]:
    return [
        LLMA_TRACE_PRODUCT,
        LLMA_TRACE_DOCUMENT_TYPE,
        model_name,
        batch_run_id,
        record.trace_id,
        record.timestamp,
        _embedded_text(record),
        record.embedding.astype(np.float64),
    ]


def _embedded_text(record: TraceRecord) -> str:
    """Return the text whose vector the embedding is, in the blocks that summaries are embedded in."""
    blocks = {
        "Title": record.title,
        "Flow": record.flow_diagram,
        "Summary": "\n".join(f"- {text}" for text in record.bullets),
        "Interesting Notes": "\n".join(f"- {text}" for text in record.interesting_notes),
    }
    return "\n".join(f"{name}: {text}" for name, text in blocks.items() if text)

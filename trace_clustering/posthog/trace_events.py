"""A trace as PostHog stores it: a summary event, a generation event, and an embedded document."""

import hashlib
import json
import uuid
from datetime import datetime
from typing import Any

import numpy as np

from trace_clustering.constants import (
    GENERATION_EVENT_NAME,
    LLMA_TRACE_DOCUMENT_TYPE,
    LLMA_TRACE_PRODUCT,
    SUMMARY_EVENT_NAME,
)
from trace_clustering.documents.text import join_blocks
from trace_clustering.traces.arrays import FloatArray
from trace_clustering.traces.record import TraceRecord
from trace_clustering.traces.window import format_time

# Any fixed UUID would do. With another one, a file that is loaded again would insert its events twice.
_TRACE_EVENT_NAMESPACE = uuid.UUID("0c4f3c52-6c4b-5a3e-8f5e-1f6d2b7a9e10")

# Columns of the rows that are built here, in the order of the values.
EVENT_COLUMNS = ["uuid", "event", "properties", "timestamp", "distinct_id", "created_at"]
DOCUMENT_COLUMNS = [
    "product",
    "document_type",
    "model_name",
    "rendering",
    "document_id",
    "timestamp",
    "inserted_at",
    "content",
    "embedding",
]


def build_summary_event(
    team_id: int, record: TraceRecord, batch_run_id: str, created_at: datetime
) -> list[Any]:
    """Return the row of a trace's `$ai_trace_summary` event."""
    identity = identify_summary(team_id, record.trace_id, batch_run_id)
    properties = write_summary_properties(record, batch_run_id)
    distinct_id = f"trace_summary_{team_id}"
    return [identity, SUMMARY_EVENT_NAME, properties, record.timestamp, distinct_id, created_at]


def write_summary_properties(record: TraceRecord, batch_run_id: str) -> str:
    """Return the properties of a trace's summary event as JSON text."""
    return _to_json(
        {
            "$ai_trace_id": record.trace_id,
            "$ai_batch_run_id": batch_run_id,
            "$ai_summary_mode": "detailed",
            "$ai_summary_title": record.title,
            "$ai_summary_flow_diagram": record.flow_diagram,
            "$ai_summary_bullets": [{"text": text, "line_refs": ""} for text in record.bullets],
            "$ai_summary_interesting_notes": [
                {"text": text, "line_refs": ""} for text in record.interesting_notes
            ],
            "trace_timestamp": format_time(record.timestamp),
            **record.summary_properties,
        }
    )


def build_generation_event(team_id: int, record: TraceRecord, created_at: datetime) -> list[Any]:
    """Return the row of the `$ai_generation` event with the trace's properties, which filters test."""
    identity = identify_generation(team_id, record)
    text = _to_json(_add_trace_id(record))
    return [identity, GENERATION_EVENT_NAME, text, record.timestamp, record.trace_id, created_at]


def identify_summary(team_id: int, trace_id: str, batch_run_id: str) -> uuid.UUID:
    """Return the id of the summary event of a trace and batch run."""
    return uuid.uuid5(_TRACE_EVENT_NAMESPACE, f"{team_id}:{SUMMARY_EVENT_NAME}:{batch_run_id}:{trace_id}")


def identify_generation(team_id: int, record: TraceRecord) -> uuid.UUID:
    """Return the id of a trace's generation event, which follows from time and properties."""
    return _identify_generation(team_id, record.timestamp, _add_trace_id(record))


def identify_stored_generation(team_id: int, timestamp: datetime, properties: str) -> uuid.UUID | None:
    """Return the id that a stored generation event has if a load made it; None if it is no JSON object."""
    try:
        content = json.loads(properties)
    except (ValueError, RecursionError):
        return None
    return _identify_generation(team_id, timestamp, content) if isinstance(content, dict) else None


def _identify_generation(team_id: int, timestamp: datetime, properties: dict[str, Any]) -> uuid.UUID:
    content = f"{format_time(timestamp)}:{json.dumps(properties, sort_keys=True)}"
    return uuid.uuid5(_TRACE_EVENT_NAMESPACE, f"{team_id}:{GENERATION_EVENT_NAME}:{content}")


def _add_trace_id(record: TraceRecord) -> dict[str, Any]:
    return {**(record.properties or {}), "$ai_trace_id": record.trace_id}


def _to_json(properties: dict[str, Any]) -> str:
    return json.dumps(properties, allow_nan=False)


def build_document(
    record: TraceRecord, batch_run_id: str, model_name: str, inserted_at: datetime
) -> list[Any]:
    """Return the row of a trace's summary as a document with its embedding."""
    return [
        LLMA_TRACE_PRODUCT,
        LLMA_TRACE_DOCUMENT_TYPE,
        model_name,
        batch_run_id,
        record.trace_id,
        record.timestamp,
        inserted_at,
        _write_text(record),
        record.embedding.astype(np.float64),
    ]


def digest_document_text(record: TraceRecord) -> str:
    """Return the MD5 of a document's text, as ClickHouse computes it of a stored one."""
    return digest_text(_write_text(record))


def digest_vector(embedding: FloatArray) -> str:
    """Return the MD5 of an embedding, shape (d,), in ClickHouse's RowBinary format.

    That is its length, 7 bits to a byte, and its numbers in 64 bits.
    """
    count, length = len(embedding), bytearray()
    while count > 127:
        length.append(count & 127 | 128)
        count >>= 7
    length.append(count)
    content = bytes(length) + embedding.astype("<f8").tobytes()
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def digest_text(text: str) -> str:
    """Return the MD5 of a text in UTF-8, as ClickHouse computes it."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _write_text(record: TraceRecord) -> str:
    return join_blocks(record.title, record.flow_diagram, record.bullets, record.interesting_notes)

"""A trace as PostHog stores it: a summary event, a generation event, and an embedded document."""

import json
import uuid
from typing import Any

import numpy as np

from trace_clustering.constants import (
    GENERATION_EVENT_NAME,
    LLMA_TRACE_DOCUMENT_TYPE,
    LLMA_TRACE_PRODUCT,
    SUMMARY_EVENT_NAME,
)
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
    "content",
    "embedding",
]


def build_summary_event(team_id: int, record: TraceRecord, batch_run_id: str) -> list[Any]:
    """Return the row of a trace's `$ai_trace_summary` event."""
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
        "trace_timestamp": format_time(record.timestamp),
    }
    identity = uuid.uuid5(
        _TRACE_EVENT_NAMESPACE, f"{team_id}:{SUMMARY_EVENT_NAME}:{batch_run_id}:{record.trace_id}"
    )
    return _build_event(identity, SUMMARY_EVENT_NAME, properties, record, f"trace_summary_{team_id}")


def build_generation_event(team_id: int, record: TraceRecord) -> list[Any]:
    """Return the row of the `$ai_generation` event with the trace's properties, which filters test."""
    properties = {**record.properties, "$ai_trace_id": record.trace_id}
    content = f"{format_time(record.timestamp)}:{json.dumps(properties, sort_keys=True)}"
    identity = uuid.uuid5(_TRACE_EVENT_NAMESPACE, f"{team_id}:{GENERATION_EVENT_NAME}:{content}")
    return _build_event(identity, GENERATION_EVENT_NAME, properties, record, record.trace_id)


def _build_event(
    identity: uuid.UUID, name: str, properties: dict[str, Any], record: TraceRecord, distinct_id: str
) -> list[Any]:
    text = json.dumps(properties, allow_nan=False)
    return [identity, name, text, record.timestamp, distinct_id, record.timestamp]


def build_document(record: TraceRecord, batch_run_id: str, model_name: str) -> list[Any]:
    """Return the row of a trace's summary as a document with its embedding."""
    return [
        LLMA_TRACE_PRODUCT,
        LLMA_TRACE_DOCUMENT_TYPE,
        model_name,
        batch_run_id,
        record.trace_id,
        record.timestamp,
        _build_document_text(record),
        record.embedding.astype(np.float64),
    ]


def _build_document_text(record: TraceRecord) -> str:
    """Return the text that was embedded, in the blocks in which PostHog embeds summaries."""
    blocks = {
        "Title": record.title,
        "Flow": record.flow_diagram,
        "Summary": "\n".join(f"- {text}" for text in record.bullets),
        "Interesting Notes": "\n".join(f"- {text}" for text in record.interesting_notes),
    }
    return "\n".join(f"{name}: {text}" for name, text in blocks.items() if text)

"""Trace records, as `trace-clustering load` reads them: summaries, properties and vectors.

All fields but the id may be missing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from trace_clustering.sources.formats.chat import parse_list
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.formats.posthog_events import read_event
from trace_clustering.sources.parse import RowReader, parse_embedding, parse_timestamp, parse_trace_id
from trace_clustering.sources.values import make_json
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.trace import ModelCall, Trace
from trace_clustering.traces.window import format_time

_TEXTS: Final = ("title", "flow_diagram", "bullets", "interesting_notes")
# Records of other formats may have an id of a trace and a title too.
_OTHERS: Final = ("event", "messages", "conversations", "conversation", "chat_messages", "run_type", "inputs")
_LISTS: Final = ("bullets", "interesting_notes", "embedding")


def _recognize(record: Record) -> bool:
    if "trace_id" not in record or any(name in record for name in _OTHERS):
        return False
    return any(name in record for name in (*_TEXTS, "embedding", "properties"))


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    part = {name: make_json(record.get(name)) for name in (*_TEXTS, "timestamp", "properties")}
    vector = record.get("embedding")
    part["embedding"] = vector.tolist() if isinstance(vector, np.ndarray) else make_json(vector)
    for name in _LISTS:
        listed = parse_list(part[name])
        part[name] = part[name] or None if listed is None else listed
    yield parse_trace_id(record.get("trace_id")), part


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    row = dict(parts[-1])
    reader = RowReader(row)
    properties = reader.read_properties()
    start = parse_timestamp(row["timestamp"]) if row.get("timestamp") else None
    summary = TraceSummary(
        title=reader.read_text("title"),
        flow_diagram=reader.read_text("flow_diagram"),
        bullets=reader.read_texts("bullets"),
        interesting_notes=reader.read_texts("interesting_notes"),
        trace_timestamp=format_time(start) if start else "",
        trace_id=trace_id,
    )
    has_summary = any(summary[name] for name in ("title", "flow_diagram", "bullets", "interesting_notes"))
    trace = Trace(
        trace_id,
        start=start,
        source="trace_record",
        summary=summary if has_summary else None,
        embedding=None if row.get("embedding") is None else parse_embedding(row["embedding"]),
        properties=properties,
    )
    yield _add_call(trace, properties)


def _add_call(trace: Trace, properties: dict[str, Any]) -> Trace:
    """Return a trace with the model call that PostHog's names among the properties describe, if any do."""
    span = read_event({"event": "$ai_generation", "properties": properties})
    call = replace(span.call, start=trace.start)
    return replace(
        trace,
        session_id=span.session_id,
        environment=span.environment,
        tags=span.tags,
        calls=() if call == ModelCall(span_id=call.span_id, start=trace.start) else (call,),
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        cost=call.cost,
        latency=call.latency,
        is_error=call.is_error,
        error=call.error,
    )


TRACE_RECORD: Final = Format(
    name="trace_record",
    title="trace records",
    recognizes=_recognize,
    split=_split,
    build=_build,
)

"""Spans of OpenTelemetry as JSON, in one form for all files they come from."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from trace_clustering.sources.formats.contract import Record
from trace_clustering.sources.messages import MessageReader
from trace_clustering.sources.otel.otel_span import OtelSpan, is_of_llm, read_span
from trace_clustering.sources.spans import build_traces
from trace_clustering.sources.values import read_mapping, read_name, read_time
from trace_clustering.traces.trace import Trace

# Characters of the ids of spans and traces in base64, with their bytes.
_BASE64_BYTES: Final = {12: 8, 24: 16}
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_ERRORS: Final = ("error", "status_code_error", "statuscode.error", "2")


def read_id(value: object) -> str:
    """Return the id of a trace or a span in hexadecimal digits, which some programs write in base64."""
    text = read_name(value).removeprefix("0x").strip()
    if len(text) in _BASE64_BYTES and text.endswith("="):
        try:
            return base64.b64decode(text, validate=True).hex()
        except binascii.Error:
            return text
    return text.lower() if text.strip("0") else ""


def build_from_rows(trace_id: str, rows: Sequence[Record], source: str) -> list[Trace]:
    """Return the traces of which these are the spans; none if no span is of an LLM application.

    Parameters
    ----------
    rows : sequence of mapping
        Each has `span_id` and some of `parent_id`, `name`, `start`, `end`, `status`, `message`, `kind`,
        `attributes`, `resource` and `events`, a list of objects with `time`, `name` and `attributes`. A row
        with `events` only adds these to the span.

    Raises
    ------
    BadValueError
        If a time or a number of a span is none.
    """
    added: dict[str, list[Record]] = {}
    for row in rows:
        if _is_addition(row):
            added.setdefault(row["span_id"], []).extend(row["events"])
    spans = [_read_row(row, added.get(row["span_id"], [])) for row in rows if not _is_addition(row)]
    if not any(is_of_llm(span.attributes, (name for name, _ in span.events)) for span in spans):
        return []
    reader = MessageReader()
    return build_traces(trace_id, (read_span(span, reader) for span in spans), source)


def _is_addition(row: Record) -> bool:
    return set(row) == {"span_id", "events"}


def _read_event_time(event: Record) -> tuple[datetime, int]:
    """Return the time, and its nanoseconds, in which events may follow each other."""
    text = read_name(event.get("time"))
    moment = read_time(event.get("time"), "the time of an event", "any")
    return moment or _EARLIEST, int(text) if text.isdecimal() else 0


def _read_row(row: Record, added: Sequence[Record]) -> OtelSpan:
    events = sorted([*(row.get("events") or []), *added], key=_read_event_time)
    return OtelSpan(
        span_id=row["span_id"],
        parent_id=row.get("parent_id") or "",
        name=read_name(row.get("name")),
        start=read_time(row.get("start"), "the start of a span", "any"),
        end=read_time(row.get("end"), "the end of a span", "any"),
        is_error=read_name(row.get("status")).lower() in _ERRORS,
        status_message=read_name(row.get("message")),
        attributes=read_mapping(row.get("attributes")),
        resource=read_mapping(row.get("resource")),
        events=[(read_name(event.get("name")), read_mapping(event.get("attributes"))) for event in events],
        kind=read_name(row.get("kind")),
    )

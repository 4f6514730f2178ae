"""Spans as Phoenix gives them: its data frame, its API, and what OpenTelemetry's Python library prints."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.otel.attributes import flatten_attributes, parse_literal
from trace_clustering.sources.otel.rows import build_from_rows, read_id
from trace_clustering.sources.values import make_json, read_name
from trace_clustering.traces.trace import Trace

_ATTRIBUTES: Final = "attributes."


def recognize_openinference(record: Record) -> bool:
    """Return whether a record has the context of a span, flat or nested."""
    if "context.trace_id" in record:
        return True
    context = record.get("context")  # In CSV it is a text.
    return isinstance(context, Mapping | str) and "trace_id" in context and "attributes" in record


def split_openinference(record: Record) -> Iterator[tuple[str, Record]]:
    """Yield the span with the id of its trace."""
    record = make_json(record)
    context = _get_mapping(record, "context")
    trace_id = read_id(record.get("context.trace_id") or context.get("trace_id"))
    if not trace_id:
        return
    status = _get_mapping(record, "status")
    yield (
        trace_id,
        {
            "span_id": read_id(record.get("context.span_id") or context.get("span_id")),
            "parent_id": read_id(record.get("parent_id")),
            "name": record.get("name"),
            "start": record.get("start_time"),
            "end": record.get("end_time"),
            "status": record.get("status_code") or status.get("status_code"),
            "message": record.get("status_message") or status.get("description"),
            "kind": record.get("span_kind"),
            "attributes": _read_attributes(record),
            "resource": _get_mapping(_get_mapping(record, "resource"), "attributes"),
            "events": _read_events(record.get("events")),
        },
    )


def build_from_openinference(trace_id: str, parts: Sequence[Record]) -> list[Trace]:
    """Return the traces of which these are the spans.

    Raises
    ------
    BadValueError
        If a time or a number of a span is none.
    """
    return build_from_rows(trace_id, parts, "openinference")


def _get_mapping(record: Record, name: str) -> Mapping[str, Any]:
    value = parse_literal(record.get(name))
    return value if isinstance(value, Mapping) else {}


def _read_attributes(record: Record) -> dict[str, Any]:
    """Return the attributes by flat names; they are columns, or one object with flat or nested names."""
    columns = {key[len(_ATTRIBUTES) :]: value for key, value in record.items() if key.startswith(_ATTRIBUTES)}
    return {**flatten_attributes(_get_mapping(record, "attributes")), **flatten_attributes(columns)}


def _read_events(value: object) -> list[dict[str, Any]]:
    events = parse_literal(value)
    return [
        {
            "time": event.get("timestamp"),
            "name": read_name(event.get("name")),
            "attributes": flatten_attributes(_get_mapping(event, "attributes")),
        }
        for event in (events if isinstance(events, list) else [])
        if isinstance(event, Mapping)
    ]


OPENINFERENCE = Format(
    "openinference",
    "OpenInference (Phoenix)",
    recognize_openinference,
    split_openinference,
    build_from_openinference,
    is_spread=True,
)

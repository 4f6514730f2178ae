"""OTLP/JSON, as the file exporter of OpenTelemetry's collector writes it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.otel.names import COMMON, RESOURCE
from trace_clustering.sources.otel.otel_span import is_of_llm
from trace_clustering.sources.otel.rows import build_from_rows, read_id
from trace_clustering.sources.values import read_name
from trace_clustering.traces.trace import Trace

_RESOURCES: Final = ("resourceSpans", "resource_spans", "resourceLogs", "resource_logs")
_BATCHES: Final = "batches"  # so Tempo calls them
_SCOPES: Final = (
    *("scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans"),
    *("scopeLogs", "scope_logs"),
)
_SPANS: Final = ("spans",)
_LOGS: Final = ("logRecords", "log_records")


def recognize_otlp(record: Record) -> bool:
    """Return whether a record is a request of OTLP with spans or logs, or a trace of Tempo."""
    if any(isinstance(record.get(name), list) for name in _RESOURCES):
        return True
    return any(not set(_SCOPES).isdisjoint(group) for group in _list_objects(record, (_BATCHES,))[:1])


def split_otlp(record: Record) -> Iterator[tuple[str, Record]]:
    """Yield the spans, and the log records that tell what a span said, with the ids of their traces.

    Raises
    ------
    BadValueError
        If an attribute is nested too deeply.
    """
    groups = (group for name in (*_RESOURCES, _BATCHES) for group in _list_objects(record, (name,)))
    for group in groups:
        resource = read_attributes(_get(_get(group, "resource"), "attributes"))
        resource = {name: resource[name] for name in RESOURCE if name in resource}
        for scope in _list_objects(group, _SCOPES):
            for span in _list_objects(scope, _SPANS):
                if trace_id := read_id(_get(span, "traceId", "trace_id")):
                    yield trace_id, _read_span(span, resource)
            for log in _list_objects(scope, _LOGS):
                trace_id = read_id(_get(log, "traceId", "trace_id"))
                if trace_id and (event := _read_log(log)):
                    yield trace_id, event


def build_from_otlp(trace_id: str, parts: Sequence[Record]) -> list[Trace]:
    """Return the traces of which these are the spans; none if no span is of an LLM application.

    Raises
    ------
    BadValueError
        If a time or a number of a span is none.
    """
    return build_from_rows(trace_id, parts, "otlp")


def read_attributes(value: object) -> dict[str, Any]:
    """Return attributes by their names, whatever the type of their values.

    Raises
    ------
    BadValueError
        If one is nested too deeply.
    """
    if isinstance(value, Mapping):
        return dict(value)
    try:
        return _read_pairs(value)
    except RecursionError:
        raise BadValueError("attributes are nested too deeply") from None


def _read_span(span: Record, resource: dict[str, Any]) -> Record:
    status = _get(span, "status")
    attributes = read_attributes(_get(span, "attributes"))
    events = [_read_event(event) for event in _list_objects(span, ("events",))]
    if not is_of_llm(attributes, (read_name(event["name"]) for event in events)):
        attributes = {name: attributes[name] for name in COMMON if name in attributes}
    return {
        "span_id": read_id(_get(span, "spanId", "span_id")),
        "parent_id": read_id(_get(span, "parentSpanId", "parent_span_id")),
        "name": _get(span, "name"),
        "start": _get_time(span, "startTimeUnixNano", "start_time_unix_nano"),
        "end": _get_time(span, "endTimeUnixNano", "end_time_unix_nano"),
        "status": _get(status, "code"),
        "message": _get(status, "message"),
        "attributes": attributes,
        "resource": resource,
        "events": events,
    }


def _read_event(event: Record) -> dict[str, Any]:
    return {
        "time": _get_time(event, "timeUnixNano", "time_unix_nano"),
        "name": _get(event, "name"),
        "attributes": read_attributes(_get(event, "attributes")),
    }


def _read_log(log: Record) -> Record | None:
    """Return the event of a span that newer libraries write as a log record; None if it is no such event."""
    attributes = read_attributes(_get(log, "attributes"))
    name = read_name(_get(log, "eventName", "event_name") or attributes.get("event.name"))
    if not name.startswith("gen_ai."):
        return None
    body = _read_value(_get(log, "body"))
    time = _get_time(log, "timeUnixNano", "time_unix_nano", "observedTimeUnixNano", "observed_time_unix_nano")
    content = {**attributes, **body} if isinstance(body, dict) else attributes
    return {
        "span_id": read_id(_get(log, "spanId", "span_id")),
        "events": [{"time": time, "name": name, "attributes": content}],
    }


def _get(record: object, *names: str) -> Any:  # noqa: ANN401 - any JSON
    if not isinstance(record, Mapping):
        return None
    return next((record[name] for name in names if record.get(name) is not None), None)


def _get_time(record: object, *names: str) -> object:
    # A time that was not set is 0.
    time = _join_halves(_get(record, *names))
    return None if time in (0, "0") else time


def _list_objects(record: Record, names: Sequence[str]) -> list[Record]:
    found = _get(record, *names)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _read_pairs(pairs: object) -> dict[str, Any]:
    if not isinstance(pairs, list):
        return {}
    objects = (pair for pair in pairs if isinstance(pair, Mapping))
    return {read_name(pair.get("key")): _read_value(pair.get("value")) for pair in objects}


def _read_value(value: object) -> Any:  # noqa: ANN401 - any JSON
    if not isinstance(value, Mapping):
        return value
    for name, inner in value.items():
        if inner is None:  # in Parquet, the other kinds stand there too
            continue
        kind = name.replace("_", "").lower()
        if kind in ("arrayvalue", "kvlistvalue"):
            values = inner.get("values") if isinstance(inner, Mapping) else None
            if kind == "kvlistvalue":
                return _read_pairs(values)
            return [_read_value(item) for item in values] if isinstance(values, list) else []
        if kind in ("stringvalue", "boolvalue", "intvalue", "doublevalue", "bytesvalue"):
            return _join_halves(inner)
    return None


def _join_halves(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the number of 64 bits of which JavaScript has two halves; any other value as it is."""
    high, low = (_get(value, "high"), _get(value, "low")) if isinstance(value, Mapping) else (None, None)
    if isinstance(high, int) and isinstance(low, int):
        return (high << 32) + (low & 0xFFFFFFFF)
    return value


OTLP = Format(
    "otlp", "OpenTelemetry (OTLP/JSON)", recognize_otlp, split_otlp, build_from_otlp, is_spread=True
)

"""Turns the rows of tables into the records of the formats of files, so that both give the same traces."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.formats.langfuse import LANGFUSE
from trace_clustering.sources.formats.otlp import OTLP
from trace_clustering.sources.formats.posthog_events import POSTHOG
from trace_clustering.sources.messages import parse_json_text
from trace_clustering.sources.otel.attributes import flatten_attributes
from trace_clustering.sources.values import read_mapping

Row = Mapping[str, Any]

# Beyond this, a number is rather an id, of which Langfuse's own reader would lose digits.
_MAX_EXACT: Final = 2**53
# What PostHog's second table holds of an event, by the property that it belongs to.
_TEXTS: Final = {
    "$ai_input": "input_text",
    "$ai_output_choices": "output_choices_text",
    "$ai_input_state": "input_state_text",
    "$ai_output_state": "output_state_text",
}


@dataclass(frozen=True)
class TableFormat:
    """The format of files that a kind of tables is like.

    Attributes
    ----------
    format : Format
    write_records : callable
        Given the rows of one trace, table by table, yields them as records of that format.
    """

    format: Format
    write_records: Callable[[Iterable[Row]], Iterator[Record]]


def _write_langfuse(rows: Iterable[Row]) -> Iterator[Record]:
    for row in rows:
        metadata = read_mapping(row.get("metadata"))
        yield {**row, "metadata": {name: _read_metadata(text) for name, text in metadata.items()}}


def _read_metadata(text: object) -> object:
    """Return what was written into a map of texts: what is no text is there as JSON."""
    try:
        value = json.loads(text, parse_constant=str) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text
    is_exact = not isinstance(value, int | float) or abs(value) < _MAX_EXACT
    return text if isinstance(value, str) or not is_exact else value


def _write_otlp(rows: Iterable[Row]) -> Iterator[Record]:
    for row in rows:
        if "log_name" in row:
            yield {"resourceLogs": [{"scopeLogs": [{"logRecords": [_write_log(row)]}]}]}
            continue
        resource = {**_read_attributes(row["resource"]), "service.name": row["service"]}
        yield {
            "resourceSpans": [
                {"resource": {"attributes": resource}, "scopeSpans": [{"spans": [_write_span(row)]}]}
            ]
        }


def _write_span(row: Row) -> Record:
    names = ("event_times", "event_names", "event_attributes")
    events = zip(*(row.get(name, []) for name in names), strict=True)
    return {
        "traceId": row["trace_id"],
        "spanId": row["span_id"],
        "parentSpanId": row["parent_id"],
        "name": row["name"],
        "startTimeUnixNano": str(row["start"]),
        "endTimeUnixNano": str(row["start"] + row["duration"]),
        "attributes": _read_attributes(row["attributes"]),
        "status": {"code": row["status"], "message": row["message"]},
        "events": [
            {"timeUnixNano": str(time), "name": name, "attributes": _read_attributes(attributes)}
            for time, name, attributes in events
        ],
    }


def _write_log(row: Row) -> Record:
    return {
        "traceId": row["trace_id"],
        "spanId": row["log_span"],
        "eventName": row["log_name"],
        "timeUnixNano": str(row["log_time"]),
        "attributes": _read_attributes(row["log_attributes"]),
        "body": _write_value(parse_json_text(row["log_body"])),
    }


def _write_value(value: object) -> Record:
    """Return a value of JSON as OTLP writes it, with its type."""
    if isinstance(value, dict):
        pairs = [{"key": name, "value": _write_value(item)} for name, item in value.items()]
        return {"kvlistValue": {"values": pairs}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_write_value(item) for item in value]}}
    return {"stringValue": value}


def _read_attributes(value: object) -> dict[str, Any]:
    """Return attributes by their flat names: a map has them so, a column of JSON nests them."""
    return flatten_attributes(read_mapping(value))


def _write_posthog(rows: Iterable[Row]) -> Iterator[Record]:
    texts: dict[str, Row] = {}
    for row in rows:
        if "properties_text" not in row:
            texts[row["span"]] = row
            continue
        properties = dict(read_mapping(row["properties_text"]))
        apart = texts.get(str(properties.get("$ai_span_id") or row["identity"]), {})
        for name, column in _TEXTS.items():
            properties[name] = properties.get(name) or apart.get(column)
        yield {
            "uuid": row["identity"],
            "event": row["kind"],
            "distinct_id": row["person"],
            "timestamp": row["moment"],
            "properties": properties,
        }


TABLE_FORMATS: Final[Mapping[str, TableFormat]] = {
    "langfuse": TableFormat(LANGFUSE, _write_langfuse),
    "langfuse_events": TableFormat(LANGFUSE, _write_langfuse),
    "otel": TableFormat(OTLP, _write_otlp),
    "posthog": TableFormat(POSTHOG, _write_posthog),
}

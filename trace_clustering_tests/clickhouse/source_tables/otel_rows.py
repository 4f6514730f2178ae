"""Rows of `otel_traces`, made from spans of OTLP/JSON as the collector's exporter makes them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]


def list_span_rows(requests: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield a row for each span; all attributes become texts."""
    for request in requests:
        for group in request["resourceSpans"]:
            resource = _read_attributes(group["resource"]["attributes"])
            for scope in group["scopeSpans"]:
                for span in scope["spans"]:
                    yield _build_row(span, resource)


def _build_row(span: Mapping[str, Any], resource: dict[str, str]) -> Row:
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    status = span.get("status", {})
    return {
        "Timestamp": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start // 1000),
        "TraceId": span["traceId"],
        "SpanId": span["spanId"],
        "ParentSpanId": span.get("parentSpanId", ""),
        "SpanName": span["name"],
        "ServiceName": resource["service.name"],
        "ResourceAttributes": resource,
        "SpanAttributes": _read_attributes(span["attributes"]),
        "Duration": end - start,
        "StatusCode": {2: "Error", 1: "Ok"}.get(status.get("code"), "Unset"),
        "StatusMessage": status.get("message", ""),
    }


def _read_attributes(pairs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {pair["key"]: _write_text(next(iter(pair["value"].values()))) for pair in pairs}


def _write_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)

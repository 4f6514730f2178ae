"""Makes OTLP/JSON as exporters write it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

START = 1_772_355_600_000_000_000  # 2026-03-01T09:00:00Z in nanoseconds
SECOND = 1_000_000_000
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
ASK = [{"role": "user", "parts": [{"type": "text", "content": "Where is my parcel?"}]}]
ANSWER = [
    {"role": "assistant", "parts": [{"type": "text", "content": "It is here."}], "finish_reason": "stop"}
]


def write_value(value: object) -> dict[str, Any]:
    """Return a value as OTLP writes it; integers are texts."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [write_value(item) for item in value]}}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": write_pairs(value)}}
    return {"stringValue": value}


def write_pairs(values: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return attributes as OTLP writes them."""
    return [{"key": key, "value": write_value(value)} for key, value in values.items()]


def make_span(
    span_id: str = "b7ad6b7169203331",
    parent: str = "",
    attributes: Mapping[str, object] | None = None,
    events: Sequence[tuple[str, Mapping[str, object]]] = (),
    **fields: object,
) -> dict[str, Any]:
    """Return a span of two seconds; of a chat, without other attributes."""
    return {
        "traceId": TRACE_ID,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": "chat small",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 2 * SECOND),
        "attributes": write_pairs({"gen_ai.operation.name": "chat"} if attributes is None else attributes),
        "events": [
            {"name": name, "timeUnixNano": str(START + position), "attributes": write_pairs(values)}
            for position, (name, values) in enumerate(events)
        ],
        "status": {},
        **fields,
    }


def make_chat(span_id: str = "b7ad6b7169203331", parent: str = "", **attributes: object) -> dict[str, Any]:
    """Return the span of a chat with its content; `_` in the name of an attribute stands for a dot."""
    content = {"gen_ai.input.messages": json.dumps(ASK), "gen_ai.output.messages": json.dumps(ANSWER)}
    named = {f"gen_ai.{name.replace('__', '.')}": value for name, value in attributes.items()}
    return make_span(span_id, parent, {"gen_ai.operation.name": "chat", **content, **named})


def make_request(*spans: Mapping[str, Any], resource: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return a line of a file."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": write_pairs(resource or {})},
                "scopeSpans": [{"scope": {"name": "made up"}, "spans": list(spans)}],
            }
        ]
    }

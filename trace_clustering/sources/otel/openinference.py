"""Messages of a span by the conventions of OpenInference, which Phoenix and Arize use."""

from typing import Any

from trace_clustering.sources.messages import Message, MessageReader
from trace_clustering.sources.otel.attributes import Attributes, collect_list


def read_openinference_messages(attributes: Attributes, reader: MessageReader) -> list[Message]:
    """Return the messages that went into a model and came out."""
    given = collect_list(attributes, "llm.input_messages")
    made = collect_list(attributes, "llm.output_messages")
    return [
        *reader.read([_build_message(item, "user") for item in given], "user"),
        *reader.read([_build_message(item, "assistant") for item in made], "assistant"),
    ]


def _build_message(item: object, role: str) -> dict[str, Any]:
    message = item.get("message", item) if isinstance(item, dict) else {"content": item}
    if not isinstance(message, dict):
        return {"role": role, "content": message}
    parts = [_unwrap(part, "message_content") for part in _get_list(message, "contents")]
    calls = [_unwrap(call, "tool_call") for call in _get_list(message, "tool_calls")]
    return {
        "role": message.get("role") or role,
        "content": [*([message["content"]] if message.get("content") else []), *parts]
        if parts
        else message.get("content"),
        "tool_calls": calls,
        "tool_call_id": message.get("tool_call_id"),
        "name": message.get("name"),
    }


def _get_list(message: dict[str, Any], name: str) -> list[Any]:
    found = message.get(name)
    return found if isinstance(found, list) else []


def _unwrap(item: object, name: str) -> object:
    return item.get(name, item) if isinstance(item, dict) else item

"""Messages of a span by OpenTelemetry's conventions for generative AI, new and old, and by OpenLLMetry's."""

from collections.abc import Iterable
from typing import Any, Final

from trace_clustering.sources.messages import Message, MessageReader, parse_json_text, read_messages
from trace_clustering.sources.otel.attributes import Attributes, collect_list, find_first
from trace_clustering.sources.otel.cut_json import parse_cut_json
from trace_clustering.sources.values import read_name
from trace_clustering.traces.trace import Role

_INSTRUCTIONS: Final = ("gen_ai.system_instructions", "gen_ai.system.instructions")
_EVENT_ROLES: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}


def read_attribute_messages(attributes: Attributes, reader: MessageReader) -> list[Message]:
    """Return the messages that stand on a span, or on the event that tells the details of a call."""
    given = [
        *reader.read(_parse(attributes, *_INSTRUCTIONS), "system"),
        *reader.read(_parse(attributes, "gen_ai.input.messages"), "user"),
    ]
    made = reader.read(_parse(attributes, "gen_ai.output.messages"), "assistant")
    if given or made:
        return [*given, *made]
    if whole := _parse(attributes, "gen_ai.all_messages", "pydantic_ai.all_messages"):
        return reader.read(whole, "user")
    if events := _parse(attributes, "events", "all_messages_events"):  # Logfire
        named = [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []
        return read_event_messages(((read_name(event.get("event.name")), event) for event in named), reader)
    return [
        *_read_list(attributes, "gen_ai.prompt", "user", reader),
        *_read_list(attributes, "gen_ai.completion", "assistant", reader),
    ]


def read_event_messages(events: Iterable[tuple[str, Attributes]], reader: MessageReader) -> list[Message]:
    """Return the messages of a span that has an event for each, in their order."""
    messages: list[Message] = []
    for name, attributes in events:
        if role := _EVENT_ROLES.get(name):
            messages += read_messages(_build_message(role, attributes), "user")
        elif name.startswith("gen_ai."):  # gen_ai.client.inference.operation.details, gen_ai.content.prompt
            messages += read_attribute_messages(attributes, reader)
    return messages


def _parse(attributes: Attributes, *names: str) -> object:
    return parse_cut_json(find_first(attributes, *names))


def _read_list(attributes: Attributes, name: str, role: Role, reader: MessageReader) -> list[Message]:
    items = [_read_numbered(item, role) for item in collect_list(attributes, name)]
    return reader.read(items or _parse(attributes, name), role)


def _read_numbered(item: object, role: str) -> object:
    if not isinstance(item, dict):
        return item
    return {"role": role, **item, "tool_calls": parse_json_text(item.get("tool_calls"))}


def _build_message(role: str, attributes: Attributes) -> dict[str, Any]:
    body = parse_json_text(attributes.get("gen_ai.event.content"))
    content: Attributes = body if isinstance(body, dict) else attributes
    message = parse_json_text(content.get("message"))
    if isinstance(message, dict):
        content = message
    elif message:  # Strands has the parts there.
        content = {**content, "content": message}
    calls = parse_json_text(content.get("tool_calls"))
    return {
        "role": role,
        "content": content.get("content"),
        "tool_calls": calls if isinstance(calls, list) else [],
        "tool_call_id": content.get("id", content.get("tool_call_id")),
        "name": content.get("name"),
    }

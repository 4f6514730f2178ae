"""One message in the shapes of vendors and frameworks."""

from collections.abc import Mapping
from typing import Any, Final

from trace_clustering.sources.messages.calls import (
    Item,
    drop_repeated,
    find,
    is_call,
    read_calls,
)
from trace_clustering.sources.messages.message import Message, find_role, get_role
from trace_clustering.sources.messages.parts import (
    Content,
    get_kind,
    has_failed,
    read_result,
    read_result_text,
)
from trace_clustering.sources.messages.texts import mark_media, name_medium, parse_json_text, to_text
from trace_clustering.traces.trace import Role, ToolCall

_CONTENTS: Final = (
    *("content", "parts", "contents", "blocks", "items", "value", "text", "message", "_content"),
)
_CALL_LISTS: Final = ("tool_calls", "toolCalls", "function_call", "toolInvocations")
# Items of OpenAI's Responses that stand between the messages, without a role.
_BETWEEN: Final = (
    *("reasoning", "_call", "_call_output", "mcp_list_tools", "mcp_approval_request"),
    *("item_reference", "compaction"),
)
# Pydantic AI keeps the parts of several roles in one request.
_PART_ROLES: Final[dict[str, Role]] = {
    "system_prompt": "system",
    "user_prompt": "user",
    "text": "assistant",
    "tool_call": "assistant",
}


def is_message(value: object) -> bool:
    """Return whether a value says whose message it is."""
    if not isinstance(value, Mapping):
        return False
    item = open_item(value)
    kind = item.get("type")
    if isinstance(kind, str) and kind.endswith(_BETWEEN):
        return True
    return find_role(item) is not None or _has_parts_of_roles(item) or _has_named_content(item)


def read_item(value: object, default: Role) -> list[Message]:
    """Return the messages of an item of a conversation: mostly one; results of tools are messages too."""
    if not isinstance(value, Mapping):
        return [Message(default, to_text(value))] if value else []
    if plain := _read_plain(value):
        return [plain]
    item = open_item(value)
    if _has_parts_of_roles(item):
        return _read_parts_of_roles(item)
    role = find_role(item) or _guess_role(item, default)
    kind = get_kind(item)
    content = Content()
    if isinstance(item.get("type"), str) and kind.endswith(_BETWEEN):
        content.read([item])
    else:
        content.read(_find_content(item))
        _read_beside(item, content)
    if role == "tool":
        return content.results or [_read_tool_message(item, content)]
    calls = drop_repeated([*content.calls, *read_calls(find(item, _CALL_LISTS))])
    calls = calls or _read_written_calls(content.text)
    if calls and find_role(item) is None:
        role = "assistant"
    said = [Message(role, content.text, calls)] if content.text or calls else []
    return [*content.results, *said]


def _read_plain(item: Item) -> Message | None:
    """Return the message of a role and a text, as nearly all are; None for any other."""
    if len(item) == 2 and isinstance(text := item.get("content"), str) and text and text[:2] != "[{":
        role = get_role(item.get("role"))
        return Message(role, mark_media(text)) if role else None
    return None


def open_item(value: Item) -> Item:
    """Return what a message holds, out of what frameworks put around it."""
    inner: Any = value
    if isinstance(value.get("kwargs"), Mapping) and isinstance(names := value.get("id"), list):  # LangChain
        inner = {**value["kwargs"], **({"type": names[-1]} if get_role(names[-1:] and names[-1]) else {})}
    elif isinstance(value.get("data"), Mapping) and get_role(value.get("type")):
        inner = {**value["data"], "type": value["type"]}
    elif isinstance(value.get("message"), Mapping) and not value.get("role"):
        inner = open_item(value["message"])
    elif any(name.startswith("message.") for name in value):  # Phoenix
        inner = {name.removeprefix("message."): item for name, item in value.items()}
    extra = inner.get("additional_kwargs")
    return {**extra, **inner} if isinstance(extra, Mapping) and not inner.get("tool_calls") else inner


def _find_content(item: Item) -> object:
    """Return the first content that is not empty."""
    return next((item[name] for name in _CONTENTS if item.get(name) not in (None, "", [], {})), None)


def _read_beside(item: Item, content: Content) -> None:
    """Add what stands beside the content: a refusal, what was spoken, pictures."""
    if isinstance(refusal := item.get("refusal"), str) and not content.text:
        content.add_text(refusal)
    audio = item.get("audio")
    if isinstance(audio, Mapping) and isinstance(audio.get("transcript"), str):
        content.add_text(audio["transcript"])
    for name in ("images", "attachments", "experimental_attachments"):
        for _ in item[name] if isinstance(item.get(name), list) else []:
            content.add_text(name_medium(name))


def _read_tool_message(item: Item, content: Content) -> Message:
    """Return the result that a message of the role `tool` is; some frameworks write calls that way, too."""
    if written := _read_written_calls(content.text):
        return Message("assistant", content.text, tuple(written))
    found = read_result({**item, "content": None})
    return Message(
        "tool", read_result_text(_find_content(item)), (), found.call_id, found.tool_name, has_failed(item)
    )


def _read_written_calls(text: str) -> tuple[ToolCall, ...]:
    """Return the calls of tools that a text is, where a framework keeps them in the text."""
    said = parse_json_text(text) if text[:2] == "[{" else None
    return tuple(read_calls(said)) if isinstance(said, list) and all(is_call(call) for call in said) else ()


def _guess_role(item: Item, default: Role) -> Role:
    """Return the role of a message that names one that is not known: an agent's, unless it is a tool."""
    is_named = isinstance(item.get("role"), str) and bool(item["role"])
    return "assistant" if is_named and default == "assistant" else default


def _has_named_content(item: Item) -> bool:
    return isinstance(item.get("role"), str) and _find_content(item) is not None


def _has_parts_of_roles(item: Item) -> bool:
    parts = item.get("parts")
    return isinstance(parts, list) and any(
        isinstance(part, Mapping) and "part_kind" in part for part in parts
    )


def _read_parts_of_roles(item: Item) -> list[Message]:
    messages: list[Message] = []
    for part in item["parts"]:
        role = _PART_ROLES.get(get_kind(part), "user") if isinstance(part, Mapping) else "user"
        content = Content()
        content.read([part])
        messages += content.results
        if content.text or content.calls:
            messages.append(Message(role, content.text, tuple(content.calls)))
    return messages

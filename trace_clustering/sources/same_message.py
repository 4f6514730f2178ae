"""Tells whether two messages are one: histories are trimmed, cut and written anew from call to call."""

import re
from typing import Final

from trace_clustering.sources.messages import Message
from trace_clustering.traces.trace import ToolCall

# A person says "yes" again; nobody says so many characters again.
_MIN_TELLING: Final = 20
# Of a text that was cut without a mark, so many characters must be left to know it again.
_MIN_BEGINNING: Final = 10
_MIN_BEGINNING_OF_USER: Final = 200
_CUT_MARK: Final = re.compile(r"\s*(?:\.{3}|…|\[(?:\.{3}|…|truncated|trimmed|cut)\])$", re.IGNORECASE)


def get_key(message: Message) -> object:
    """Return what is the same in two messages that are one, if neither was cut."""
    if message.role == "tool" and message.call_id:
        return message.role, message.call_id
    return message.role, _normalize(message.text), _get_calls(message)


def is_same(one: Message, other: Message) -> bool:
    """Return whether two messages at the same place of a conversation are one, although one may be cut."""
    if one is other:
        return True
    if one.role != other.role:
        return False
    if one.role == "tool" and one.call_id and other.call_id:
        return one.call_id == other.call_id
    if one.tool_calls and other.tool_calls:
        if not _are_same_calls(one, other):
            return False
    elif (one.tool_calls or other.tool_calls) and not (one.text and other.text):
        return False
    return _is_same_text(one, other)


def is_telling(message: Message) -> bool:
    """Return whether a message is so long that nobody says it twice."""
    return len(message.text) + sum(len(call.arguments) for call in message.tool_calls) >= _MIN_TELLING


def _is_same_text(one: Message, other: Message) -> bool:
    if one.text == other.text:
        return True
    a, b = _normalize(one.text), _normalize(other.text)
    if a == b:
        return True
    short, long = sorted((a, b), key=len)
    if not short:
        return bool(one.tool_calls and other.tool_calls)  # What was said beside a call is often left out.
    beginning = _CUT_MARK.sub("", short)
    if beginning != short:
        return long.startswith(beginning)
    enough = _MIN_BEGINNING_OF_USER if one.role == "user" else _MIN_BEGINNING
    if len(short) < enough:
        return False
    # The end alone is left where the model's thoughts were cut off.
    return long.startswith(short) or (one.role == "assistant" and long.endswith(short))


def _are_same_calls(one: Message, other: Message) -> bool:
    ids = [[call.call_id for call in message.tool_calls] for message in (one, other)]
    return (ids[0] == ids[1] and all(ids[0])) or _get_calls(one) == _get_calls(other)


def _get_calls(message: Message) -> tuple[tuple[str, str], ...]:
    return tuple(_get_call(call) for call in message.tool_calls)


def _get_call(call: ToolCall) -> tuple[str, str]:
    return call.name, "".join(call.arguments.split())


def _normalize(text: str) -> str:
    return " ".join(text.split())

"""What messages come in: lists, requests and answers of vendors, the states of frameworks, and texts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from trace_clustering.sources.messages.calls import (
    Item,
    find,
    find_filled,
    is_call,
    read_call,
    read_calls,
)
from trace_clustering.sources.messages.histories import KnownHistories
from trace_clustering.sources.messages.items import is_message, read_item
from trace_clustering.sources.messages.message import Message, get_role
from trace_clustering.sources.messages.parts import Content, is_part
from trace_clustering.sources.messages.texts import TOO_DEEP, mark_media, parse_json_text, to_text
from trace_clustering.sources.messages.written import read_written
from trace_clustering.traces.trace import Role

_MAX_DEPTH: Final = 8  # of objects around messages
_SYSTEMS: Final = (
    *("system", "system_prompt", "systemPrompt", "systemInstruction", "system_instruction"),
    *("system_instructions", "instructions"),
)
_LISTS: Final = (
    *("messages", "chat_history", "history", "contents", "conversation", "input_messages"),
    *("new_messages", "all_messages"),
)
# What holds what a person said, what a model said, or either, whatever else stands beside it.
_ASKED: Final = (
    *("message", "new_message", "prompt", "prompts", "input", "inputs", "question", "query"),
    *("user_input", "user_message", "user_query"),
)
_ANSWERED: Final = (
    *("choices", "candidates", "generations", "output_text", "output", "outputs", "answer", "result"),
    *("response", "completion", "reply", "final_output", "generation", "delta"),
)
_EITHER: Final = ("content", "text", "update", "kwargs")
_CALL_LISTS: Final = ("tool_calls", "toolCalls")
_KNOWN: Final = frozenset((*_LISTS, *_ASKED, *_ANSWERED, *_EITHER, *_SYSTEMS, *_CALL_LISTS))
# What is written where there is nothing, and where the keys of a message were taken for messages.
_NOTHING: Final = ("None", "null", "undefined", "role", "content")


def read_messages(value: object, role: Role = "user") -> list[Message]:
    """Return the messages that a value holds; `role` is that of a message that names none.

    Text that is JSON is read as what it holds. Nothing is lost but what a model thought: of a value of an
    unknown shape, the text is its JSON.
    """
    return MessageReader().read(value, role)


class MessageReader:
    """Reads the values of one trace, of which each may begin as one before.

    What was read of a history once, is not read again when a later call repeats it.
    """

    def __init__(self) -> None:
        self._histories = KnownHistories()

    def read(self, value: object, role: Role = "user") -> list[Message]:
        """Return the messages that a value holds, as `read_messages` does."""
        try:
            return self._read(self._histories.parse(value), role, 0)
        except RecursionError:  # Only what somebody made to do harm is nested so deeply.
            return [Message(role, TOO_DEEP, is_guess=True)]

    def _read(self, value: object, role: Role, depth: int) -> list[Message]:
        value = parse_json_text(value)
        if value is None or value == "" or value == [] or value == {}:
            return []
        if depth < _MAX_DEPTH:
            if isinstance(value, str):
                return _read_text(value, role)
            if isinstance(value, list | tuple):
                return self._read_list(list(value), role, depth)
            if isinstance(value, Mapping):
                return self._read_object(value, role, depth)
        return [Message(role, to_text(value), is_guess=True)]

    def _read_list(self, items: list[Any], role: Role, depth: int) -> list[Message]:
        if any(isinstance(item, list | tuple) for item in items[:2]):
            items = [_open_pair(item) for item in items]
        if any(is_message(item) for item in items):
            return self._read_history(items, role, depth)
        if all(is_call(item) for item in items):
            return [Message("assistant", tool_calls=tuple(read_calls(items)))]
        if any(is_part(item) for item in items) or not any(isinstance(i, list | Mapping) for i in items):
            return _read_content(items, role)
        if all(isinstance(item, list | tuple) for item in items) or any(_is_holder(item) for item in items):
            return [message for item in items for message in self._read(item, role, depth + 1)]
        return [Message(role, to_text(items), is_guess=True)]

    def _read_history(self, items: list[Any], role: Role, depth: int) -> list[Message]:
        history = self._histories.continue_best(items)
        called = {call.name for message in history.messages for call in message.tool_calls}
        for item in items[len(history.items) :]:
            messages = self._read_said(item, role, called, depth)
            called.update(call.name for message in messages for call in message.tool_calls)
            history.add(item, messages)
        self._histories.remember(history)
        return list(history.messages)

    def _read_said(self, item: object, role: Role, called: set[str], depth: int) -> list[Message]:
        """Return the messages of an item of a history; a role that is a called tool's name is that tool."""
        if not isinstance(item, Mapping):
            return self._read(item, role, depth + 1)
        named = item.get("role")
        is_result = isinstance(named, str) and named in called
        return read_item({**item, "role": "tool", "name": named} if is_result else item, role)

    def _read_object(self, value: Item, role: Role, depth: int) -> list[Message]:
        if is_message(value):
            return read_item(value, role)
        if is_call(value):
            return [Message("assistant", tool_calls=(read_call(value),))]
        if is_part(value):
            return _read_content([value], role)
        found = [*_read_systems(value), *self._read_held(value, role, depth)]
        calls = tuple(call for name in _CALL_LISTS for call in read_calls(value.get(name)))
        if calls and not (found and found[-1].tool_calls):
            last = found.pop() if found and found[-1].role == "assistant" else Message("assistant")
            found.append(replace(last, tool_calls=calls))
        is_known = bool(found) or not _KNOWN.isdisjoint(value)
        return found if is_known else [Message(role, to_text(value), is_guess=True)]

    def _read_held(self, value: Item, role: Role, depth: int) -> list[Message]:
        lists = [value[name] for name in _LISTS if isinstance(value.get(name), list | tuple)]
        found = [message for held in lists for message in self._read(held, role, depth + 1)]
        if isinstance(value.get("parts"), list):  # Gemini
            found += read_item(value, role)
        elif isinstance(value.get("args"), list):  # A traced function's
            found += self._read(value["args"], role, depth + 1)
        names = (*_ANSWERED, *_EITHER) if role == "assistant" else _ASKED
        others = (*_ASKED, *_EITHER, *_ANSWERED)  # An answer often holds the question, too.
        held = find_filled(value, names) or (None if found else find_filled(value, others))
        told = self._read(held, role, depth + 1) if held else []
        return found + [message for message in told if message.text not in {one.text for one in found[-1:]}]


def _read_text(text: str, role: Role) -> list[Message]:
    if text in _NOTHING or text.isspace():
        return []
    written = read_written(text)
    if written is None:
        return [Message(role, mark_media(text), is_guess=True)]
    return [replace(m, is_guess=True) for item in written for m in read_item(item, role)]


def _read_content(items: list[Any], role: Role) -> list[Message]:
    """Return the message of a list of parts or texts; a text may write down messages of its own."""
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) == len(items) and any(read_written(text) for text in texts):
        return [message for text in texts for message in _read_text(text, role)]
    return [replace(message, is_guess=True) for message in read_item({"content": items}, role)]


def _read_systems(value: Item) -> list[Message]:
    """Return what a request says to the model before the conversation."""
    config = value.get("config")
    places = [value, config] if isinstance(config, Mapping) else [value]
    text = next((found for place in places if (found := find(place, _SYSTEMS)) is not None), None)
    content = Content()
    content.read(text)
    return [Message("system", content.text)] if content.text else []


def _open_pair(item: object) -> object:
    """Return the message that a pair of a role and a text is for LangChain; any other value as it is."""
    if not isinstance(item, list | tuple) or len(item) != 2 or not all(isinstance(i, str) for i in item):
        return item
    return {"role": item[0], "content": item[1]} if get_role(item[0]) else item


def _is_holder(item: object) -> bool:
    names = (*_LISTS, "message", "content", "parts")
    if not isinstance(item, Mapping):
        return False
    return any(name in item for name in names) or ("text" in item and "finish_reason" in item)

"""ShareGPT: `{"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}`."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from trace_clustering.sources.formats.chat import (
    Said,
    build_chat,
    find_id,
    holds_messages,
    list_properties,
    read_list,
)
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.messages import Message, parse_json_text, read_messages
from trace_clustering.sources.values import make_json, read_mapping, read_name
from trace_clustering.traces.trace import Trace

_IDS: Final = ("id", "conversation_id")
_CALL_NAMES: Final = {"name", "arguments"}
# Hermes and its kin write calls into the text.
_MARKED_CALL: Final = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_MARKED_RESULT: Final = re.compile(r"</?tool_response>")
_SPEAKERS: Final = {"function_call": "gpt", "function_response": "tool"}


def _recognize(record: Record) -> bool:
    return holds_messages(record.get("conversations"), "from", "role")


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    turns = read_list(record, "conversations")
    system = record.get("system")
    if system and isinstance(system, str):
        turns = [{"from": "system", "value": system}, *turns]
    if turns:
        properties = list_properties(record, *_IDS, "model", "system", "conversations")
        part = {"model": record.get("model"), "conversations": turns, "properties": properties}
        yield find_id(record, _IDS, turns), make_json(part)


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    record = parts[-1]
    model = read_name(record.get("model"))
    turns = read_list(record, "conversations")
    said = [Said(message, None, model) for turn in turns for message in _read_turn(turn)]
    properties = read_mapping(record.get("properties"))
    yield build_chat(Trace(trace_id, source="sharegpt", properties=properties), said)


def _read_turn(turn: dict[str, Any]) -> list[Message]:
    if "from" not in turn:
        return read_messages([turn])
    value = turn.get("value")
    speaker = _SPEAKERS.get(str(turn["from"]), turn["from"])
    if speaker == "tool" and isinstance(value, str):
        value = _MARKED_RESULT.sub("", value).strip()
    text, calls = _take_calls(value) if speaker == "gpt" else (value, [])
    return read_messages([{"role": speaker, "content": text, "tool_calls": calls}])


def _take_calls(value: object) -> tuple[object, list[Any]]:
    """Return the text of an answer and its calls: it is nothing but calls, or they are marked in it."""
    parsed = parse_json_text(value)
    calls = parsed if isinstance(parsed, list) else [parsed]
    if calls and all(_is_call(call) for call in calls):
        return None, calls
    if not isinstance(value, str) or "<tool_call>" not in value:
        return value, []
    marked = [_parse_call(text) for text in _MARKED_CALL.findall(value)]
    if not all(_is_call(call) for call in marked):
        return value, []
    return _MARKED_CALL.sub("", value).strip(), marked


def _parse_call(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_call(value: object) -> bool:
    return isinstance(value, dict) and value.keys() >= _CALL_NAMES


SHAREGPT: Final = Format(
    name="sharegpt",
    title="ShareGPT",
    recognizes=_recognize,
    split=_split,
    build=_build,
)

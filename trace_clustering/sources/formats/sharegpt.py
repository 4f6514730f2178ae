"""ShareGPT: `{"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}`."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from trace_clustering.sources.formats.chat import (
    Said,
    build_chat,
    find_id,
    holds_messages,
    read_list,
    to_json,
)
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.messages import Message, parse_json_text, read_messages
from trace_clustering.sources.values import read_name
from trace_clustering.traces.trace import Trace

_IDS: Final = ("id", "conversation_id")
_CALL_NAMES: Final = {"name", "arguments"}


def _recognize(record: Record) -> bool:
    return holds_messages(record.get("conversations"), "from", "role")


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    turns = read_list(record, "conversations")
    if turns:
        yield find_id(record, _IDS, turns), to_json({**record, "conversations": turns})


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    record = parts[-1]
    model = read_name(record.get("model"))
    turns = read_list(record, "conversations")
    said = [Said(message, None, model) for turn in turns for message in _read_turn(turn)]
    yield build_chat(Trace(trace_id, source="sharegpt"), said)


def _read_turn(turn: dict[str, Any]) -> list[Message]:
    """Return a message; of the model, a value that is nothing but calls of tools is read as these."""
    speaker, value = turn.get("from"), parse_json_text(turn.get("value"))
    if speaker == "function_call":
        speaker = "gpt"
    if speaker == "gpt":
        calls = value if isinstance(value, list) else [value]
        if calls and all(isinstance(call, dict) and call.keys() >= _CALL_NAMES for call in calls):
            return read_messages([{"role": "assistant", "tool_calls": calls}])
    if "from" not in turn:
        return read_messages([turn])
    return read_messages([{"role": speaker, "content": turn.get("value")}])


SHAREGPT: Final = Format(
    name="sharegpt",
    title="ShareGPT",
    recognizes=_recognize,
    split=_split,
    build=_build,
)

"""WildChat and LMSYS-Chat: `{"conversation": [{"role": "user", "content": "..."}, ...]}`."""

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
from trace_clustering.sources.messages import read_messages
from trace_clustering.sources.values import read_name, read_time
from trace_clustering.traces.trace import Trace

_IDS: Final = ("conversation_hash", "conversation_id", "id")


def _recognize(record: Record) -> bool:
    return holds_messages(record.get("conversation"), "role")


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    turns = read_list(record, "conversation")
    if turns:
        yield find_id(record, _IDS, turns), to_json({**record, "conversation": turns})


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    record = parts[-1]
    model = read_name(record.get("model"))
    said = [one for turn in read_list(record, "conversation") for one in _read_turn(turn, model)]
    end = read_time(record.get("timestamp"), "timestamp")
    yield build_chat(Trace(trace_id, end=end, source="wildchat"), said)


def _read_turn(turn: dict[str, Any], model: str) -> list[Said]:
    time = read_time(turn.get("timestamp"), "conversation.timestamp")
    return [Said(message, time, model) for message in read_messages([turn])]


WILDCHAT: Final = Format(
    name="wildchat",
    title="WildChat and LMSYS-Chat",
    recognizes=_recognize,
    split=_split,
    build=_build,
)

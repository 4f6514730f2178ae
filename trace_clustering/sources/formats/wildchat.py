"""WildChat and LMSYS-Chat: `{"conversation": [{"role": "user", "content": "..."}, ...]}`.

LMSYS's battles, which hold `conversation_a` and `conversation_b`, are two traces each.
"""

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
from trace_clustering.sources.messages import read_messages
from trace_clustering.sources.values import make_json, read_mapping, read_name, read_time
from trace_clustering.traces.trace import Trace

_IDS: Final = ("conversation_hash", "conversation_id", "question_id", "id")
_READ: Final = ("model", "timestamp", "tstamp", "hashed_ip", "judge")


def _recognize(record: Record) -> bool:
    lists = (record.get("conversation"), record.get("conversation_a"))
    return any(holds_messages(turns, "role", "from") for turns in lists)


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    sides = ("_a", "_b") if "conversation_a" in record else ("",)
    properties = list_properties(record, *_IDS, *_READ)
    for side in sides:
        turns = read_list(record, f"conversation{side}")
        if not turns:
            continue
        part = {
            "model": record.get(f"model{side}"),
            "end": record.get("timestamp") or record.get("tstamp"),
            "user": record.get("hashed_ip") or record.get("judge"),
            "conversation": turns,
            "properties": properties,
        }
        yield _find_id(record, turns) + side, make_json(part)


def _find_id(record: Record, turns: list[Any]) -> str:
    """Return an id; WildChat's hash is that of the words, which many people may have said.

    Only with the number that WildChat gives to each turn does it name one conversation.
    """
    turn = read_name(turns[0].get("turn_identifier"))
    found = find_id(record, _IDS, turns)
    return f"{found}-{turn}" if turn and record.get("conversation_hash") else found


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    record = parts[-1]
    model = read_name(record.get("model"))
    said = [one for turn in read_list(record, "conversation") for one in _read_turn(turn, model)]
    trace = Trace(
        trace_id,
        user_id=read_name(record.get("user")),
        end=read_time(record.get("end"), "timestamp"),
        source="wildchat",
        properties=read_mapping(record.get("properties")),
    )
    yield build_chat(trace, said)


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

"""OpenAI chats: `{"messages": [{"role": "user", "content": "..."}, ...]}`, as fine-tuning takes them.

Also with a pair of answers to choose from: `input` with `preferred_output`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from trace_clustering.sources.formats.chat import (
    Said,
    build_chat,
    find_id,
    holds_messages,
    list_properties,
    parse_list,
    read_list,
)
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.messages import read_messages
from trace_clustering.sources.values import make_json, read_mapping, read_name, read_time
from trace_clustering.traces.trace import Trace

_IDS: Final = ("id", "conversation_id", "trace_id", "prompt_id", "custom_id", "uuid")
_SESSIONS: Final = ("session_id", "thread_id", "conversation_id")
_STARTS: Final = ("created", "created_at", "timestamp")
_READ: Final = ("model", "user", "user_id", "messages")


def _recognize(record: Record) -> bool:
    return "response" not in record and holds_messages(_find_chat(record).get("messages"), "role")


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    chat = _find_chat(record)
    messages = [*read_list(chat, "messages"), *(parse_list(record.get("preferred_output")) or [])]
    if not messages:
        return
    if system := chat.get("system"):  # Anthropic's place for it
        messages.insert(0, {"role": "system", "content": system})
    start = (time for name in _STARTS if (time := read_time(record.get(name), name, "any")))
    part = {
        "user": record.get("user_id") or chat.get("user"),
        "session": next((record[name] for name in _SESSIONS if record.get(name)), None),
        "start": next(start, None),
        "model": chat.get("model") or record.get("model"),
        "messages": messages,
        "properties": list_properties(record, *_IDS, *_SESSIONS, *_STARTS, *_READ),
    }
    yield find_id(record, _IDS, messages), make_json(part)


def _find_chat(record: Record) -> Mapping[str, Any]:
    """Return the part of a record that holds the messages."""
    inner = record.get("input") if "preferred_output" in record else record.get("request", record.get("body"))
    return read_mapping(inner) or record


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    record = parts[-1]
    model = read_name(record.get("model"))
    trace = Trace(
        trace_id,
        session_id=read_name(record.get("session")),
        user_id=read_name(record.get("user")),
        start=read_time(record.get("start"), "created"),
        source="openai_chat",
        properties=read_mapping(record.get("properties")),
    )
    yield build_chat(
        trace, [Said(message, None, model) for message in read_messages(read_list(record, "messages"))]
    )


OPENAI_CHAT: Final = Format(
    name="openai_chat",
    title="OpenAI chats",
    recognizes=_recognize,
    split=_split,
    build=_build,
)

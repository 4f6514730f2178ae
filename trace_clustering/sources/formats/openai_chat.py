"""OpenAI chats: `{"messages": [{"role": "user", "content": "..."}, ...]}`, as fine-tuning takes them.

A log of requests is read too, `{"request": {"messages": [...]}, "response": {"choices": [...]}}`, and so is
Anthropic's answer in its place, and a pair of answers to choose from: `input` with `preferred_output`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from trace_clustering.sources.formats.chat import (
    Said,
    build_chat,
    find_id,
    holds_messages,
    list_properties,
    parse_list,
    read_list,
    read_usage,
)
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.messages import read_messages, to_text
from trace_clustering.sources.values import make_json, read_mapping, read_name, read_time
from trace_clustering.traces.trace import Trace

_IDS: Final = ("id", "conversation_id", "trace_id", "prompt_id", "custom_id", "uuid")
_SESSIONS: Final = ("session_id", "thread_id", "conversation_id")
_STARTS: Final = ("created", "created_at", "timestamp")
_READ: Final = ("model", "user", "user_id", "messages")


def _recognize(record: Record) -> bool:
    return holds_messages(_find_request(record).get("messages"), "role")


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    request, response = _find_request(record), read_mapping(record.get("response"))
    response = read_mapping(response.get("body")) or response
    messages = [*read_list(request, "messages"), *_find_answers(record, response)]
    if not messages:
        return
    if system := request.get("system"):  # Anthropic's place for it
        messages.insert(0, {"role": "system", "content": system})
    part = {
        "user": record.get("user_id") or request.get("user"),
        "session": next((record[name] for name in _SESSIONS if record.get(name)), None),
        "start": _find_start(record) or _find_start(response),
        "model": response.get("model") or request.get("model") or record.get("model"),
        "usage": response.get("usage") or record.get("usage"),
        "error": response.get("error"),
        "is_answered": bool(response),
        "messages": messages,
        "properties": list_properties(record, *_IDS, *_SESSIONS, *_STARTS, *_READ),
    }
    yield find_id(record, _IDS, messages), make_json(part)


def _find_start(record: Record) -> datetime | None:
    """Return a time, of which logs have seconds or milliseconds."""
    return next((time for name in _STARTS if (time := read_time(record.get(name), name, "any"))), None)


def _find_request(record: Record) -> Mapping[str, Any]:
    """Return the part of a record that holds the messages."""
    inner = record.get("input") if "preferred_output" in record else record.get("request", record.get("body"))
    return read_mapping(inner) or record


def _find_answers(record: Record, response: Mapping[str, Any]) -> list[Any]:
    """Return the messages of the answer that stands apart from the conversation."""
    if preferred := parse_list(record.get("preferred_output")):
        return preferred
    if "role" in response:
        return [response]
    choices = parse_list(response.get("choices")) or []
    answer = choices[0].get("message") if choices and isinstance(choices[0], Mapping) else None
    return [answer] if isinstance(answer, Mapping) else []


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    record = parts[-1]
    model = read_name(record.get("model"))
    error = read_mapping(record.get("error")).get("message") or record.get("error")
    trace = Trace(
        trace_id,
        session_id=read_name(record.get("session")),
        user_id=read_name(record.get("user")),
        start=read_time(record.get("start"), "created"),
        is_error=bool(error) if record.get("is_answered") else None,
        error=to_text(error),
        source="openai_chat",
        properties=read_mapping(record.get("properties")),
    )
    said = [Said(message, None, model) for message in read_messages(read_list(record, "messages"))]
    yield _add_usage(build_chat(trace, said), read_mapping(record.get("usage")))


def _add_usage(trace: Trace, usage: Mapping[str, Any]) -> Trace:
    """Return a trace with the tokens of its last call, which is the one that the usage counts."""
    tokens_in, tokens_out = read_usage(usage)
    if not trace.calls:
        return trace
    last = replace(trace.calls[-1], input_tokens=tokens_in, output_tokens=tokens_out)
    calls = (*trace.calls[:-1], last)
    return replace(trace, calls=calls, input_tokens=tokens_in, output_tokens=tokens_out)


OPENAI_CHAT: Final = Format(
    name="openai_chat",
    title="OpenAI chats",
    recognizes=_recognize,
    split=_split,
    build=_build,
)

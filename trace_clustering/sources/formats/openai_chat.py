"""OpenAI chats: `{"messages": [{"role": "user", "content": "..."}, ...]}`, as fine-tuning takes them.

Logs of requests are read too: `{"request": {"messages": [...]}, "response": {"choices": [...]}}`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from trace_clustering.sources.formats.chat import (
    Said,
    build_chat,
    find_id,
    holds_messages,
    parse_list,
    read_list,
    to_json,
)
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.messages import read_messages
from trace_clustering.sources.values import read_count, read_mapping, read_name, read_time
from trace_clustering.traces.trace import ModelCall, Trace

_IDS: Final = ("id", "conversation_id", "trace_id", "prompt_id", "custom_id", "uuid")
_START: Final = ("created", "created_at", "timestamp")


def _recognize(record: Record) -> bool:
    request = read_mapping(record.get("request") or record.get("body")) or record
    return holds_messages(request.get("messages"), "role")


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    part = _flatten(record)
    if part["messages"]:
        yield find_id(record, _IDS, part["messages"]), to_json(part)


def _flatten(record: Record) -> dict[str, Any]:
    """Return a record with `messages` at the top, and the answer of a response as the last of them."""
    request = read_mapping(record.get("request") or record.get("body")) or record
    messages = list(read_list(request, "messages"))
    response = read_mapping(record.get("response"))
    response = read_mapping(response.get("body")) or response
    choices = parse_list(response.get("choices")) or []
    answer = choices[0].get("message") if choices and isinstance(choices[0], Mapping) else None
    if isinstance(answer, Mapping):
        messages.append(answer)
    model = response.get("model") or request.get("model") or record.get("model")
    usage = response.get("usage") or record.get("usage")
    created = response.get("created")
    return {"created": created, **record, "messages": messages, "model": model, "usage": usage}


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    record = parts[-1]
    model = read_name(record.get("model"))
    said = [Said(message, None, model) for message in read_messages(read_list(record, "messages"))]
    start = next((time for name in _START if (time := read_time(record.get(name), name))), None)
    trace = Trace(
        trace_id,
        session_id=read_name(record.get("session_id")),
        user_id=read_name(record.get("user_id") or record.get("user")),
        start=start,
        source="openai_chat",
    )
    yield _add_usage(build_chat(trace, said), read_mapping(record.get("usage")))


def _add_usage(trace: Trace, usage: Mapping[str, Any]) -> Trace:
    """Return a trace with the tokens of its last call, which is the one that the usage counts."""
    tokens_in = read_count(usage.get("prompt_tokens"), "usage.prompt_tokens")
    tokens_out = read_count(usage.get("completion_tokens"), "usage.completion_tokens")
    if not trace.calls or (tokens_in is None and tokens_out is None):
        return trace
    last: ModelCall = replace(trace.calls[-1], input_tokens=tokens_in, output_tokens=tokens_out)
    return replace(trace, calls=(*trace.calls[:-1], last), input_tokens=tokens_in, output_tokens=tokens_out)


OPENAI_CHAT: Final = Format(
    name="openai_chat",
    title="OpenAI chats",
    recognizes=_recognize,
    split=_split,
    build=_build,
)

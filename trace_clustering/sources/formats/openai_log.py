"""Logs of requests to OpenAI, or what answers alike: `{"request": {"messages": [...]}, "response": {...}}`.

The messages may stand at the top too, and the answer may be Anthropic's. The requests of one conversation are
one trace, although each repeats what was said before.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.chat import (
    find_id,
    holds_messages,
    list_properties,
    parse_list,
    read_list,
    read_usage,
)
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.messages import parse_json_text, read_messages, to_text
from trace_clustering.sources.span import Span
from trace_clustering.sources.spans import build_trace
from trace_clustering.sources.values import make_json, read_mapping, read_name, read_number, read_time
from trace_clustering.traces.trace import ModelCall, Trace

_NAME: Final = "openai_log"
# Of a conversation, or else of the one request.
_IDS: Final = ("trace_id", "conversation_id", "thread_id", "id", "custom_id", "request_id")
_SESSIONS: Final = ("session_id", "thread_id", "conversation_id")
_USERS: Final = ("user_id", "user", "end_user")
_STARTS: Final = ("start_time", "startTime", "created_at", "timestamp", "created")
_ENDS: Final = ("end_time", "endTime", "completed_at")
_COSTS: Final = ("total_cost_usd", "total_cost", "response_cost", "cost")
_MILLISECONDS: Final = ("latency_ms", "duration_ms")
_READ: Final = (*_IDS, *_SESSIONS, *_USERS, *_STARTS, *_ENDS, *_COSTS, *_MILLISECONDS, "model")


def _recognize(record: Record) -> bool:
    return "response" in record and holds_messages(_find_request(record).get("messages"), "role")


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    request, response = _find_request(record), _find_response(record)
    messages = [*read_list(request, "messages"), *_find_answers(response)]
    if system := request.get("system"):  # Anthropic's place for it
        messages.insert(0, {"role": "system", "content": system})
    if not messages:
        return
    part = {
        "id": response.get("id") or record.get("id"),
        "user": _get_first([record, request], _USERS),
        "session": _get_first([record], _SESSIONS),
        "model": _get_first([response, request, record], ("model",)),
        "usage": response.get("usage") or record.get("usage"),
        "error": response.get("error") or record.get("error"),
        "is_answered": bool(response),
        "messages": messages,
        "properties": list_properties(record, *_READ),
        **_read_numbers(record, response),
    }
    read_usage(read_mapping(part["usage"]))
    yield find_id(record, _IDS, messages), make_json(part)


def _find_request(record: Record) -> Mapping[str, Any]:
    return read_mapping(record.get("request") or record.get("body")) or record


def _find_response(record: Record) -> Mapping[str, Any]:
    """Return the answer; one that is nothing but its text, as a message."""
    value = parse_json_text(record.get("response"))
    if value and isinstance(value, str):
        return {"role": "assistant", "content": value}
    response = read_mapping(value)
    return read_mapping(response.get("body")) or response


def _find_answers(response: Mapping[str, Any]) -> list[Any]:
    if "role" in response:  # Anthropic's
        return [response]
    choices = parse_list(response.get("choices")) or []
    answer = choices[0].get("message") if choices and isinstance(choices[0], Mapping) else None
    return [answer] if isinstance(answer, Mapping) else []


def _get_first(records: Iterable[Record], names: Sequence[str]) -> object:
    return next((record[name] for record in records for name in names if record.get(name)), None)


def _read_numbers(record: Record, response: Record) -> dict[str, Any]:
    """Return times, which are in seconds or milliseconds, latency in seconds and cost in US dollars."""
    start, end = _read_first_time(record, _STARTS), _read_first_time(record, _ENDS)
    start = start or read_time(response.get("created"), "response.created", "any")
    milliseconds = _read_first_number(record, _MILLISECONDS)
    seconds = None if milliseconds is None else milliseconds / 1000
    if start and end and seconds is None:
        seconds = (end - start).total_seconds()
    if start and not end and seconds is not None:
        end = _add_seconds(start, seconds)
    return {"start": start, "end": end, "latency": seconds, "cost": _read_first_number(record, _COSTS)}


def _add_seconds(start: datetime, seconds: float) -> datetime:
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError:
        raise BadValueError(f"the latency must end before the year 10000, not after {seconds:g} s") from None


def _read_first_time(record: Record, names: Sequence[str]) -> datetime | None:
    return next((time for name in names if (time := read_time(record.get(name), name, "any"))), None)


def _read_first_number(record: Record, names: Sequence[str]) -> float | None:
    numbers = (read_number(record.get(name), name) for name in names)
    return next((number for number in numbers if number is not None), None)


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    # Of requests without times, the longer ones came later.
    ordered = sorted(parts, key=lambda part: len(part["messages"]))
    yield build_trace(trace_id, [_read_span(part, position) for position, part in enumerate(ordered)], _NAME)


def _read_span(part: Record, position: int) -> Span:
    tokens_in, tokens_out = read_usage(read_mapping(part.get("usage")))
    error = read_mapping(part.get("error")).get("message") or part.get("error")
    call = ModelCall(
        span_id=read_name(part.get("id")) or str(position),
        model=read_name(part.get("model")),
        start=read_time(part.get("start"), "start"),
        end=read_time(part.get("end"), "end"),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost=part.get("cost"),
        latency=part.get("latency"),
        is_error=True if error else False if part.get("is_answered") else None,
        error=to_text(error),
    )
    return Span(
        span_id=call.span_id,
        parent_id="",
        kind="model",
        call=call,
        messages=read_messages(part["messages"]),
        session_id=read_name(part.get("session")),
        user_id=read_name(part.get("user")),
        properties=read_mapping(part.get("properties")),
    )


OPENAI_LOG: Final = Format(
    name=_NAME,
    title="logs of OpenAI requests",
    recognizes=_recognize,
    split=_split,
    build=_build,
    is_spread=True,
)

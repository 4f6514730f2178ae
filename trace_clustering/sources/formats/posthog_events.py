"""PostHog's events of LLM traces: `$ai_trace`, `$ai_generation`, `$ai_span` and `$ai_embedding`.

Also the events in which this project stores its own traces.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from trace_clustering.errors import BadValueError
from trace_clustering.posthog.stored_traces import DIGEST, parse_trace
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.history import read_exchange
from trace_clustering.sources.messages import Message, MessageReader, parse_json_text, to_text
from trace_clustering.sources.span import Span
from trace_clustering.sources.spans import build_traces
from trace_clustering.sources.values import (
    make_json,
    quote_value,
    read_count,
    read_flag,
    read_mapping,
    read_name,
    read_number,
    read_time,
)
from trace_clustering.traces.trace import ModelCall, ToolCall, Trace

_EVENTS: Final = ("$ai_trace", "$ai_generation", "$ai_span", "$ai_embedding")
_MIN_ERROR_STATUS: Final = 400  # of HTTP
_FIELDS: Final = ("uuid", "event", "distinct_id", "timestamp")


def recognize_event(record: Record) -> bool:
    """Return whether these are the keys of an exported event."""
    event = record.get("event")
    return isinstance(event, str) and event.startswith("$ai_") and "properties" in record


def split_event(record: Record) -> Iterator[tuple[str, Record]]:
    """Yield the event with the id of its trace, unless it is of another kind or of no trace."""
    if record.get("event") in _EVENTS:
        properties = make_json(read_mapping(record.get("properties")))
        if trace_id := read_name(properties.get("$ai_trace_id")):
            yield trace_id, {**{n: make_json(record.get(n)) for n in _FIELDS}, "properties": properties}


def build_from_events(trace_id: str, events: Sequence[Record], source: str = "posthog") -> list[Trace]:
    """Return the traces of which these are the events.

    Raises
    ------
    BadValueError
        If a time or a number of an event is none.
    """
    reader = MessageReader()
    traces = build_traces(trace_id, (read_event(event, reader) for event in events), source)
    stored = [event for event in events if DIGEST in event["properties"]]
    if not stored:
        return traces
    newest = max(
        stored, key=lambda event: (to_text(event["timestamp"]), to_text(event["properties"][DIGEST]))
    )
    return [_restore(newest["properties"], traces[0].calls)]


def _restore(properties: dict[str, Any], calls: tuple[ModelCall, ...]) -> Trace:
    """Return a trace that this project stored, which says more than the events of others."""
    try:
        trace = parse_trace(properties, datetime.now(UTC)).trace
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadValueError(f"a stored trace cannot be read: {error!r}") from error
    if trace.start is None and trace.end is None:
        # The events bear the time of storage.
        calls = tuple(replace(call, start=None, end=None) for call in calls)
    return replace(trace, calls=calls)


def read_event(record: Record, reader: MessageReader | None = None) -> Span:
    """Return the row that an event stands for.

    Raises
    ------
    BadValueError
        If a time or a number of the event is none.
    """
    event, properties = record.get("event"), read_mapping(record.get("properties"))
    trace_id = read_name(properties.get("$ai_trace_id"))
    is_trace = event == "$ai_trace"
    span_id = trace_id if is_trace else read_name(properties.get("$ai_span_id") or record.get("uuid"))
    tool = _read_tool(properties) if properties.get("$ai_span_type") == "tool" else None
    return Span(
        span_id=span_id,
        parent_id="" if is_trace else read_name(properties.get("$ai_parent_id")) or trace_id,
        kind="model" if event == "$ai_generation" else "tool" if tool else "other",
        name=read_name(properties.get("$ai_span_name")) or read_name(properties.get("$ai_trace_name")),
        call=_read_call(record, properties),
        messages=[] if tool or event == "$ai_embedding" else _read_messages(properties, reader),
        tool=tool,
        session_id=read_name(properties.get("$ai_session_id")),
        user_id=_read_user(record, trace_id),
        environment=read_name(properties.get("$environment") or properties.get("environment")),
        tags=_read_tags(properties),
        properties={name: value for name, value in properties.items() if not name.startswith("$")},
    )


def _read_call(record: Record, properties: Mapping[str, Any]) -> ModelCall:
    latency = read_number(properties.get("$ai_latency"), "$ai_latency")
    start, end = _read_times(record, latency)
    return ModelCall(
        span_id=read_name(properties.get("$ai_span_id")),
        model=read_name(properties.get("$ai_model")),
        provider=read_name(properties.get("$ai_provider")),
        start=start,
        end=end,
        input_tokens=_count_input(properties),
        output_tokens=read_count(properties.get("$ai_output_tokens"), "$ai_output_tokens"),
        cost=read_number(properties.get("$ai_total_cost_usd"), "$ai_total_cost_usd"),
        latency=latency,
        is_error=_has_failed(properties),
        error=_read_error(properties.get("$ai_error")),
        prompt_name=read_name(properties.get("$ai_prompt_name")),
        prompt_version=read_name(properties.get("$ai_prompt_version")),
    )


def _read_user(record: Record, trace_id: str) -> str:
    # PostHog's libraries send the id of the trace where nobody is known.
    user = read_name(record.get("distinct_id"))
    return "" if user == trace_id else user


def _read_times(record: Record, latency: float | None) -> tuple[datetime | None, datetime | None]:
    """Return start and end: an event is sent when the call ends."""
    end = read_time(record.get("timestamp"), "timestamp", "any")
    if end is None or latency is None:
        return None, end
    try:
        return end - timedelta(seconds=latency), end
    except OverflowError:
        raise BadValueError(f"$ai_latency must be a number of seconds, not {quote_value(latency)}") from None


def _count_input(properties: Mapping[str, Any]) -> int | None:
    """Return all input tokens; Anthropic's count leaves out what was read from and written to the cache."""
    tokens = read_count(properties.get("$ai_input_tokens"), "$ai_input_tokens")
    is_apart = read_flag(properties.get("$ai_cache_reporting_exclusive"))
    if is_apart is None:
        is_apart = read_name(properties.get("$ai_provider")).lower() == "anthropic"
    if tokens is None or not is_apart:
        return tokens
    names = ("$ai_cache_read_input_tokens", "$ai_cache_creation_input_tokens")
    return tokens + sum(read_count(properties.get(name), name) or 0 for name in names)


def _read_messages(properties: Mapping[str, Any], reader: MessageReader | None) -> list[Message]:
    given = _get_first(properties, "$ai_input", "$ai_input_state")
    made = _get_first(properties, "$ai_output_choices", "$ai_output", "$ai_output_state")
    return read_exchange(given, made, reader)


def _get_first(properties: Mapping[str, Any], *names: str) -> object:
    return next((properties[name] for name in names if properties.get(name) is not None), None)


def _read_tool(properties: Mapping[str, Any]) -> ToolCall:
    result = properties.get("$ai_output_state")
    is_error = read_flag(properties.get("$ai_is_error"))
    return ToolCall(
        read_name(properties.get("$ai_span_name")),
        to_text(properties.get("$ai_input_state")),
        result=None if result is None or is_error else to_text(result),
        error=_read_error(properties.get("$ai_error")) or to_text(result) if is_error else None,
    )


def _has_failed(properties: Mapping[str, Any]) -> bool | None:
    flag = read_flag(properties.get("$ai_is_error"))
    status = read_number(properties.get("$ai_http_status"), "$ai_http_status")
    if flag is None and status is not None:
        return status >= _MIN_ERROR_STATUS
    return True if flag is None and properties.get("$ai_error") else flag


def _read_error(value: object) -> str:
    error = parse_json_text(value)
    if isinstance(error, dict):
        return to_text(error.get("message") or error.get("error") or error)
    return to_text(error)


def _read_tags(properties: Mapping[str, Any]) -> tuple[str, ...]:
    tags = parse_json_text(properties.get("$ai_tags", properties.get("tags")))
    return tuple(map(to_text, tags)) if isinstance(tags, list) else ()


POSTHOG = Format("posthog", "PostHog events", recognize_event, split_event, build_from_events, is_spread=True)

"""A trace as PostHog's events: `$ai_trace` with the whole conversation, `$ai_generation` per model call.

What a later call repeats of the conversation is not stored again. `parse_trace` gives back the trace of an
`$ai_trace` event, but for its model calls.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

from trace_clustering.constants import GENERATION_EVENT_NAME, TRACE_EVENT_NAME
from trace_clustering.traces.trace import ModelCall, Role, ToolCall, Trace, Turn
from trace_clustering.traces.window import format_time, parse_time

# Any fixed UUID would do. With another one, all traces would be stored a second time.
_NAMESPACE: Final = uuid.UUID("5f0c9a52-1f0e-5d0b-9d0e-3c1b8a6f4e21")
DIGEST: Final = "$ai_trace_digest"
_SUMMARY: Final = "$ai_given_summary"
_PROPERTIES: Final = "$ai_given_properties"


@dataclass(frozen=True)
class StoredTrace:
    """A trace, and under which moment and digest it is stored.

    Attributes
    ----------
    trace : Trace
    moment : datetime
        When the trace ended, or when it was read if nobody knows.
    digest : str
        Changes with anything that is stored of the trace.
    """

    trace: Trace
    moment: datetime
    digest: str


def prepare_trace(trace: Trace, read_at: datetime) -> StoredTrace:
    """Return a trace with the moment under which it is stored; `read_at` if its times are unknown."""
    moment = trace.end or trace.start or read_at
    content = _to_json([_build_properties(trace), [_describe_call(call) for call in trace.calls]])
    return StoredTrace(trace, moment, hashlib.md5(content.encode(), usedforsecurity=False).hexdigest())


def identify_trace(team_id: int, trace_id: str) -> uuid.UUID:
    """Return the id of a trace's `$ai_trace` event."""
    return uuid.uuid5(_NAMESPACE, f"{team_id}:{TRACE_EVENT_NAME}:{trace_id}")


def build_events(team_id: int, stored: StoredTrace, created_at: datetime) -> list[list[Any]]:
    """Return the rows of a trace's events, `$ai_trace` last: if it is there, all are."""
    trace = stored.trace
    distinct_id = trace.user_id or trace.trace_id
    rows: list[list[Any]] = []
    for position, call in enumerate(trace.calls):
        properties = {"$ai_trace_id": trace.trace_id, **_drop_unknown({"$ai_session_id": trace.session_id})}
        text = _to_json({**properties, **_describe_call(call)})
        identity = uuid.uuid5(_NAMESPACE, f"{team_id}:{trace.trace_id}:{position}")
        moment = call.end or call.start or stored.moment
        rows.append([identity, GENERATION_EVENT_NAME, text, moment, distinct_id, created_at])
    text = _to_json({**_build_properties(trace), DIGEST: stored.digest})
    identity = identify_trace(team_id, trace.trace_id)
    rows.append([identity, TRACE_EVENT_NAME, text, stored.moment, distinct_id, created_at])
    return rows


def parse_trace(properties: dict[str, Any], moment: datetime) -> StoredTrace:
    """Return the trace of an `$ai_trace` event that this module built, without its model calls."""
    turns = [*properties.get("$ai_input_state", ()), *properties.get("$ai_output_state", ())]
    trace = Trace(
        trace_id=properties["$ai_trace_id"],
        session_id=properties.get("$ai_session_id", ""),
        user_id=properties.get("$ai_user_id", ""),
        name=properties.get("$ai_span_name", ""),
        environment=properties.get("$ai_environment", ""),
        start=parse_time(properties.get("$ai_trace_start")),
        end=parse_time(properties.get("$ai_trace_end")),
        turns=tuple(_parse_turn(turn) for turn in turns),
        input_tokens=properties.get("$ai_input_tokens"),
        output_tokens=properties.get("$ai_output_tokens"),
        cost=properties.get("$ai_total_cost_usd"),
        latency=properties.get("$ai_latency"),
        is_error=properties.get("$ai_is_error"),
        error=properties.get("$ai_error", ""),
        tags=tuple(properties.get("$ai_tags", ())),
        is_automation=properties.get("$ai_is_automation", False),
        source=properties.get("$ai_source", ""),
        source_link=properties.get("$ai_source_link", ""),
        summary=properties.get(_SUMMARY),
        properties=properties.get(_PROPERTIES, {}),
    )
    return StoredTrace(trace, moment, properties.get(DIGEST, ""))


def _build_properties(trace: Trace) -> dict[str, Any]:
    turns = [_describe_turn(turn) for turn in trace.turns]
    # What came out is the last answer; everything before it went in.
    last = len(turns) - 1 if turns and turns[-1]["role"] == "assistant" else len(turns)
    own = {
        "$ai_trace_id": trace.trace_id,
        "$ai_input_state": turns[:last],
        "$ai_output_state": turns[last:],
        "$ai_session_id": trace.session_id,
        "$ai_user_id": trace.user_id,
        "$ai_span_name": trace.name,
        "$ai_environment": trace.environment,
        "$ai_trace_start": trace.start and format_time(trace.start),
        "$ai_trace_end": trace.end and format_time(trace.end),
        "$ai_models": list(trace.models),
        "$ai_input_tokens": trace.input_tokens,
        "$ai_output_tokens": trace.output_tokens,
        "$ai_total_cost_usd": trace.cost,
        "$ai_latency": trace.latency,
        "$ai_is_error": trace.is_error,
        "$ai_error": trace.error,
        "$ai_tags": list(trace.tags),
        "$ai_is_automation": trace.is_automation,
        "$ai_source": trace.source,
        "$ai_source_link": trace.source_link,
        _SUMMARY: dict(trace.summary) if trace.summary else None,
        _PROPERTIES: dict(trace.properties) or None,
    }
    # Further properties stand beside the own ones, where filters look; the own ones win.
    return {**{n: v for n, v in trace.properties.items() if n not in own}, **_drop_unknown(own)}


def _describe_call(call: ModelCall) -> dict[str, Any]:
    return _drop_unknown(
        {
            "$ai_span_id": call.span_id,
            "$ai_model": call.model,
            "$ai_provider": call.provider,
            "$ai_input_tokens": call.input_tokens,
            "$ai_output_tokens": call.output_tokens,
            "$ai_total_cost_usd": call.cost,
            "$ai_latency": call.latency,
            "$ai_is_error": call.is_error,
            "$ai_error": call.error,
            "$ai_prompt_name": call.prompt_name,
            "$ai_prompt_version": call.prompt_version,
        }
    )


def _describe_turn(turn: Turn) -> dict[str, Any]:
    """Return a turn as a message of OpenAI's chats; the results of its tools stand with their calls."""
    calls = [
        {
            "type": "function",
            "id": call.call_id,
            "function": {"name": call.name, "arguments": call.arguments},
            **({"result": call.result} if call.result is not None else {}),
            **({"error": call.error} if call.error is not None else {}),
        }
        for call in turn.tool_calls
    ]
    return {"role": turn.role, "content": turn.text, **({"tool_calls": calls} if calls else {})}


def _parse_turn(turn: dict[str, Any]) -> Turn:
    if turn["role"] not in get_args(Role):
        raise ValueError(f"{turn['role']!r} is no role of a turn")
    calls = tuple(
        ToolCall(
            call["function"]["name"],
            call["function"]["arguments"],
            call.get("result"),
            call.get("error"),
            call["id"],
        )
        for call in turn.get("tool_calls", ())
    )
    return Turn(turn["role"], turn["content"], calls)


def _drop_unknown(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the properties without those that are unknown: a stored 0 would count as one."""
    return {name: value for name, value in properties.items() if value not in (None, "", [])}


def _to_json(value: object) -> str:
    return json.dumps(value, allow_nan=False)

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.errors import BadValueError
from trace_clustering.posthog.stored_traces import build_events, prepare_trace
from trace_clustering.sources.formats.posthog_events import POSTHOG
from trace_clustering.traces.trace import ModelCall, ToolCall, Trace, Turn
from trace_clustering_tests.sources.formats.building import build_one, build_traces
from trace_clustering_tests.sources.formats.conversations import (
    CONVERSATIONS,
    build_conversations,
    list_differences,
)

END = datetime(2026, 3, 1, 9, 0, 4, tzinfo=UTC)


def make_event(event: str = "$ai_generation", **properties: Any) -> dict[str, Any]:
    return {
        "uuid": f"uuid of {event} {sorted(properties.items())!r}",
        "event": event,
        "distinct_id": "ann",
        "timestamp": "2026-03-01T09:00:04Z",
        "properties": {"$ai_trace_id": "t", **{f"$ai_{name}": value for name, value in properties.items()}},
    }


def test_conversations(real_data: Path) -> None:
    traces = build_conversations(POSTHOG, real_data, "posthog_events.jsonl.gz")
    assert len(traces) == CONVERSATIONS
    assert list_differences(traces, real_data) == {}


def test_properties_may_be_json_in_a_text() -> None:
    event = make_event(input=[{"role": "user", "content": "Hello"}], model="small")
    text = {**event, "properties": json.dumps(event["properties"])}
    trace = build_one(POSTHOG, text)
    assert (trace.list_texts("user"), trace.models) == (["Hello"], ("small",))


def test_an_event_is_sent_when_the_call_ends() -> None:
    trace = build_one(POSTHOG, make_event(latency=1.5))
    assert (trace.start, trace.end) == (END - timedelta(seconds=1.5), END)


def test_without_a_latency_nobody_knows_when_the_call_began() -> None:
    (call,) = build_one(POSTHOG, make_event()).calls
    assert (call.start, call.end, call.latency) == (None, END, None)


@pytest.mark.parametrize(
    ("provider", "is_apart", "tokens"),
    [("anthropic", None, 115), ("openai", None, 10), ("anthropic", False, 10), ("vertex", True, 115)],
)
def test_cached_tokens_are_input(provider: str, is_apart: bool | None, tokens: int) -> None:
    counts = {"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 5}
    event = make_event(provider=provider, cache_reporting_exclusive=is_apart, **counts)
    assert build_one(POSTHOG, event).input_tokens == tokens


def test_the_error_of_a_trace_is_told() -> None:
    error = {"message": "quota exceeded"}
    trace = build_one(POSTHOG, make_event("$ai_trace", is_error="true", error=json.dumps(error)))
    assert (trace.is_error, trace.error) == (True, "quota exceeded")


@pytest.mark.parametrize(
    ("properties", "is_error"),
    [
        ({"http_status": 200}, False),
        ({"http_status": 429}, True),
        ({"error": "too slow"}, True),
        ({"is_error": False, "http_status": 500}, False),
        ({}, None),
    ],
)
def test_a_call_has_failed_if_anything_says_so(properties: dict[str, Any], is_error: bool | None) -> None:
    assert build_one(POSTHOG, make_event(**properties)).is_error is is_error


def test_the_error_of_a_tool_is_none_of_the_trace() -> None:
    call = {"function": {"name": "find", "arguments": "{}"}, "id": "1", "type": "function"}
    answer = {"role": "assistant", "content": "Sorry.", "tool_calls": [call]}
    tool = make_event("$ai_span", span_name="find", span_type="tool", is_error=True, error="no such file")
    trace = build_one(POSTHOG, tool, make_event(output_choices=[answer], is_error=False))
    assert trace.tool_calls == (ToolCall("find", "{}", error="no such file", call_id="1"),)
    assert (trace.is_error, trace.error) == (False, "")


def test_the_states_of_the_trace_are_its_conversation_without_content_of_the_calls() -> None:
    state = make_event(
        "$ai_trace",
        input_state={"messages": [{"role": "user", "content": "Book a table"}]},
        output_state="It is booked.",
    )
    trace = build_one(POSTHOG, make_event(model="small"), state)
    assert trace.turns == (Turn("user", "Book a table"), Turn("assistant", "It is booked."))


def test_what_is_embedded_is_no_turn_and_no_call() -> None:
    trace = build_one(
        POSTHOG,
        make_event("$ai_embedding", input="parcel", input_tokens=3, total_cost_usd=0.5),
        make_event(input="Where is it?", input_tokens=7, total_cost_usd=0.25),
    )
    assert trace.list_texts("user") == ["Where is it?"]
    assert (len(trace.calls), trace.input_tokens, trace.cost) == (1, 10, 0.75)


def test_the_id_of_the_trace_is_no_user() -> None:
    assert build_one(POSTHOG, {**make_event(), "distinct_id": "t"}).user_id == ""


def test_a_latency_that_no_calendar_holds_is_named() -> None:
    with pytest.raises(BadValueError, match=r"\$ai_latency must be a number of seconds, not 1e\+300"):
        build_one(POSTHOG, make_event(latency=1e300))


def test_of_a_trace_that_was_stored_again_the_newest_counts() -> None:
    events = []
    for end, text in [(END, "new"), (END - timedelta(days=1), "old")]:
        trace = Trace("t", end=end, turns=(Turn("user", text),))
        (row,) = build_events(1, prepare_trace(trace, END), END)
        events.append(dict(zip(("uuid", "event", "properties", "timestamp"), map(str, row), strict=False)))
    assert build_one(POSTHOG, *events).list_texts("user") == ["new"]


def test_own_properties_are_kept() -> None:
    event = make_event("$ai_trace")
    event["properties"] |= {"plan": "pro", "$lib": "posthog-python"}
    assert build_one(POSTHOG, event).properties == {"plan": "pro"}


def test_other_events_hold_nothing_of_a_trace() -> None:
    assert build_traces(POSTHOG, [make_event("$ai_metric"), make_event("$ai_feedback")]) == []


def test_events_without_a_trace_are_left_out() -> None:
    assert build_traces(POSTHOG, [make_event(trace_id=None)]) == []


def test_a_bad_number_is_named() -> None:
    with pytest.raises(BadValueError, match=r"\$ai_input_tokens must be a number, not 'many'"):
        build_one(POSTHOG, make_event(input_tokens="many"))


FULL = Trace(
    trace_id="t::1",
    session_id="s",
    user_id="ann",
    name="bot",
    environment="production",
    start=END - timedelta(seconds=9),
    end=END,
    turns=(
        Turn("system", "Be kind."),
        Turn("user", "Where is my parcel?"),
        Turn("assistant", "", (ToolCall("find", '{"id": 1}', "here", call_id="c1"),)),
        Turn("assistant", "", (ToolCall("find", "{}", error="no id", call_id="c2"),)),
        Turn("tool", "late", (ToolCall("wait", result="late", call_id="c3"),)),
        Turn("assistant", "It is here."),
    ),
    calls=(
        ModelCall(
            "a", "small", "openai", END - timedelta(seconds=2), END, 10, 5, 0.25, 2.0, False, "", "p", "7"
        ),
        ModelCall("b", "large", "openai", None, END, is_error=True, error="timeout"),
    ),
    input_tokens=10,
    output_tokens=5,
    cost=0.25,
    latency=9.0,
    is_error=True,
    error="timeout",
    tags=("vip", "eu"),
    is_automation=True,
    source="langfuse",
    source_link="https://example.com/t",
    properties={"plan": "pro"},
)


BARE = Trace("bare", turns=(Turn("user", "Hello"),), calls=(ModelCall(model="small"),))


@pytest.mark.parametrize("trace", [FULL, BARE], ids=["full", "bare"])
def test_a_stored_trace_comes_back_as_it_was(trace: Trace) -> None:
    rows = build_events(1, prepare_trace(trace, END), END)
    names = ("uuid", "event", "properties", "timestamp", "distinct_id")
    events = [dict(zip(names, map(str, row), strict=False)) for row in rows]
    back = build_one(POSTHOG, *reversed(events))
    assert vars(back) == vars(trace)

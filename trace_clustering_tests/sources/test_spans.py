from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from trace_clustering.sources.messages import Message
from trace_clustering.sources.span import Span
from trace_clustering.sources.spans import add_known, build_trace, build_traces
from trace_clustering.traces.trace import ModelCall, ToolCall, Turn

BEGIN = datetime(2026, 3, 1, 9, tzinfo=UTC)
ASK, ANSWER = Message("user", "Where is it?"), Message("assistant", "Here.")


def make_span(
    span_id: str,
    parent: str = "",
    kind: Literal["model", "tool", "other"] = "model",
    messages: tuple[Message, ...] = (),
    second: int = 0,
    **call: int | float | str | bool | datetime | None,
) -> Span:
    start = BEGIN + timedelta(seconds=second)
    fields = {"span_id": span_id, "start": start, "end": start + timedelta(seconds=1), **call}
    return Span(span_id, parent, kind, span_id, ModelCall(**fields), list(messages))  # type: ignore[arg-type]


def test_no_spans_are_no_trace() -> None:
    assert build_traces("t", [], "made up") == []


@pytest.mark.parametrize(
    ("values", "total"),
    [([], None), ([None], None), ([0, None], 0), ([1, 2], 3), ([0.1, 0.2], 0.3), ([0.2, 0.1, 0.3], 0.6)],
)
def test_what_is_unknown_adds_nothing(values: list[float | None], total: float | None) -> None:
    assert add_known(values) == total


def test_a_call_above_another_agent_counts_beside_it() -> None:
    # The tool stands below the call that asked for it, as some frameworks have it.
    spans = [
        make_span("call", messages=(ASK, ANSWER), input_tokens=10),
        make_span("tool", "call", "tool", second=1),
        make_span("inner", "tool", second=2, input_tokens=5),
    ]
    trace = build_trace("t", spans, "made up")
    assert (trace.input_tokens, [call.span_id for call in trace.calls]) == (15, ["call", "inner"])


def test_an_agent_that_goes_on_with_the_conversation_is_no_other_one() -> None:
    transfer = Message("assistant", "", (ToolCall("transfer", "{}", call_id="c"),))
    told = (ASK, transfer, Message("tool", "transferred", call_id="c"), ANSWER)
    spans = [
        make_span("call", messages=(ASK, transfer), input_tokens=10),
        make_span("tool", "call", "tool", second=1),
        make_span("next", "tool", messages=told, second=2, input_tokens=5),
    ]
    (trace,) = build_traces("t", spans, "made up")
    assert (trace.list_texts("assistant"), trace.input_tokens) == (["Here."], 15)


def test_an_agent_that_is_asked_the_same_is_another_one() -> None:
    spans = [
        make_span("call", messages=(ASK, Message("assistant", "", (ToolCall("ask", "{}"),)))),
        make_span("tool", "call", "tool", second=1),
        make_span("inner", "tool", messages=(ASK, ANSWER), second=2),
        make_span("last", messages=(ASK, ANSWER), second=3),
    ]
    assert [trace.is_automation for trace in build_traces("t", spans, "made up")] == [False, True]


def test_what_only_a_wrapper_tells_is_told() -> None:
    spans = [make_span("wrapper", messages=(ASK, ANSWER)), make_span("call", "wrapper", input_tokens=5)]
    trace = build_trace("t", spans, "made up")
    assert trace.turns == (Turn("user", "Where is it?"), Turn("assistant", "Here."))
    assert [call.span_id for call in trace.calls] == ["call"]


def test_without_content_of_calls_the_outermost_spans_tell_it() -> None:
    chain = (ASK, ANSWER)
    spans = [
        make_span("server", kind="other"),
        make_span("agent", "server", "other", chain, second=1),
        make_span("step", "agent", "other", (Message("user", "a state"),), second=2),
        make_span("next", "server", "other", (Message("user", "And now?"),), second=3),
    ]
    trace = build_trace("t", spans, "made up")
    assert [turn.text for turn in trace.turns] == ["Where is it?", "Here.", "And now?"]


def test_the_root_knows_the_last_word() -> None:
    said = (ASK, ANSWER, Message("user", "Thanks!"))
    spans = [
        make_span("root", kind="other", messages=said),
        make_span("call", "root", messages=(ASK, ANSWER)),
    ]
    assert [turn.text for turn in build_trace("t", spans, "made up").turns] == [
        "Where is it?",
        "Here.",
        "Thanks!",
    ]


def test_the_newest_row_of_a_span_counts() -> None:
    old, new = make_span("a", input_tokens=1), make_span("a", input_tokens=2)
    old = Span("a", "", "model", call=old.call, version=BEGIN)
    new = Span("a", "", "model", call=new.call, version=BEGIN + timedelta(hours=1))
    for rows in ([old, new], [new, old]):
        assert build_trace("t", rows, "made up").input_tokens == 2


def test_results_of_tools_come_from_their_spans_in_order() -> None:
    calls = (ToolCall("find", "1"), ToolCall("find", "2", "known"), ToolCall("move", "3"))
    spans = [
        make_span("call", messages=(ASK, Message("assistant", "", calls))),
        Span("x", "call", "tool", call=ModelCall(start=BEGIN), tool=ToolCall("find", "1", "first")),
        Span("y", "call", "tool", call=ModelCall(start=BEGIN), tool=ToolCall("find", "2", "second")),
    ]
    found = build_trace("t", spans, "made up").tool_calls
    assert [call.result for call in found] == ["first", "known", None]


def test_an_id_that_was_used_twice_has_two_results() -> None:
    messages = [
        Message("assistant", "", (ToolCall("find", "1", call_id="c"),)),
        Message("tool", "first", call_id="c"),
        Message("assistant", "", (ToolCall("find", "2", call_id="c"),)),
    ]
    whole = [*messages, Message("tool", "second", call_id="c")]
    spans = [
        make_span("root", kind="other", messages=(ASK, *whole)),
        make_span("call", "root", messages=(ASK, *messages)),
    ]
    found = build_trace("t", spans, "made up").tool_calls
    assert [call.result for call in found] == ["first", "second"]


def test_a_deep_chain_of_spans_takes_no_recursion_and_no_square_of_time() -> None:
    depth = 50_000
    spans = [make_span(f"{n}", f"{n - 1}", "other", input_tokens=1) for n in range(1, depth)]
    trace = build_trace("t", [make_span("0", kind="other"), *spans], "made up")
    assert (trace.name, trace.input_tokens) == ("0", 1)

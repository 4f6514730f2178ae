"""Notes on a trace: errors and an unanswered end, and nothing that the trace does not say."""

from dataclasses import replace

import pytest

from trace_clustering.documents.notes import MAX_NOTE_LENGTH, MAX_NOTES, list_notes
from trace_clustering.traces.trace import ModelCall, ToolCall, Trace
from trace_clustering_tests.documents.conversations import call_tools, make_trace


def test_a_trace_without_faults_has_no_notes() -> None:
    assert list_notes(make_trace("Where is it?", "Here.", tools=call_tools("find"))) == []
    assert list_notes(Trace("t1")) == []


def test_errors_of_trace_calls_and_tools_are_named_once() -> None:
    calls = (ModelCall(error="rate limit"), ModelCall(error="rate limit"), ModelCall(is_error=True))
    tools = (
        ToolCall("find", error="no such city"),
        ToolCall("find", error="other"),
        ToolCall("book", error=""),
    )
    trace = replace(make_trace("Where?", "Here.", tools=tools), calls=calls, is_error=True, error="it broke")
    assert list_notes(trace) == [
        "Error: it broke",
        "A model call failed 2 times: rate limit",
        "A model call failed: no reason is given",
        "find failed 2 times: no such city",
        "book failed",
    ]


def test_an_error_of_the_trace_that_is_that_of_its_call_is_told_once() -> None:
    trace = replace(make_trace("Where?", "x"), calls=(ModelCall(error="boom", is_error=True),), error="boom")
    assert list_notes(trace) == ["Error: boom"]


def test_a_failed_trace_without_a_reason_is_marked() -> None:
    assert list_notes(replace(make_trace("Where?", "x"), is_error=True)) == ["The trace is marked as failed"]


@pytest.mark.parametrize(
    ("last", "is_noted"),
    [
        ("And what about Sunday?", True),
        ("Cancel it.", True),
        ("Thanks, but can you also cancel it?", True),
        ("Thank you for booking! That's all for now.", False),
        ("Thank you! I hope it all works out well. I will reach out if I need anything else.", False),
        ("ok", False),
        ("谢谢你", False),
        ("Danke, bis dann", False),
        ("<system-reminder>x</system-reminder>", False),
    ],
)
def test_a_request_at_the_end_is_unanswered_and_thanks_are_not(last: str, is_noted: bool) -> None:
    notes = list_notes(make_trace("Where?", "Here.", last))
    assert bool(notes) == is_noted


def test_a_single_message_without_any_answer_is_no_abandoned_task() -> None:
    assert list_notes(make_trace("Where?")) == []


def test_notes_are_limited() -> None:
    tools = tuple(ToolCall(f"tool_{i}", error="x" * 10_000) for i in range(30))
    notes = list_notes(make_trace("Where?", "Here.", tools=tools))
    assert len(notes) == MAX_NOTES
    assert max(map(len, notes)) <= MAX_NOTE_LENGTH

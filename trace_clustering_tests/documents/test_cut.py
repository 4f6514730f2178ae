"""Transcripts of traces: in order, within the limit, and cut where everybody sees it."""

import re
from dataclasses import replace

import pytest

from trace_clustering.documents.cut import cut_middle, write_transcript
from trace_clustering.traces.trace import ToolCall, Trace, Turn
from trace_clustering_tests.documents.conversations import make_trace


@pytest.mark.parametrize("limit", [0, 1, 30, 45, 60, 100, 999])
@pytest.mark.parametrize("length", [0, 1, 44, 60, 100, 12_345])
def test_a_cut_text_is_within_its_limit_and_counts_what_is_missing(length: int, limit: int) -> None:
    text = "".join(chr(97 + i % 26) for i in range(length))
    cut = cut_middle(text, limit)
    assert len(cut) <= limit
    assert cut == text if length <= limit else cut != text
    if found := re.search(r" \[\.\.\. (\d+) characters left out \.\.\.\] ", cut):
        assert len(text) == len(cut) - len(found[0]) + int(found[1])
        assert text.startswith(cut[: found.start()])
        assert text.endswith(cut[found.end() :])


def test_a_short_trace_is_written_whole() -> None:
    tools = (ToolCall("find", '{"a": 1}', "two"), ToolCall("book", "{}", error="no"), ToolCall("wait"))
    trace = replace(make_trace("Where?", "Here.", tools=tools), error="it broke")
    assert write_transcript(trace, 1000) == (
        '[user] Where?\n[call] find({"a": 1}) -> two\n[call] book({}) failed: no\n[call] wait()\n'
        "[assistant] Here.\n[error] it broke"
    )


@pytest.mark.parametrize("limit", [1, 50, 200, 1000, 5000])
def test_a_long_trace_keeps_its_beginning_and_its_end(limit: int) -> None:
    trace = make_trace(*(f"This is message number {i}." for i in range(1000)))
    text = write_transcript(trace, limit)
    assert len(text) <= limit
    if limit >= 200:
        assert text.startswith("[user] This is message number 0.\n")
        assert text.endswith("[assistant] This is message number 999.")
        assert int(re.search(r"\[\.\.\. (\d+) messages and calls left out", text)[1]) == 1001 - len(
            text.split("\n")
        )


def test_a_single_long_message_leaves_room_for_the_others() -> None:
    text = write_transcript(make_trace("x" * 10**6, "Too long.", "Then only the end?"), 2000)
    assert len(text) <= 2000
    assert "characters left out" in text
    assert text.endswith("[assistant] Too long.\n[user] Then only the end?")


def test_many_calls_of_one_turn_are_cut_too() -> None:
    tools = tuple(ToolCall("find", str(i), "x" * 10_000) for i in range(500))
    text = write_transcript(make_trace("Where?", "Here.", tools=tools), 3000)
    assert len(text) <= 3000
    assert text.startswith("[user] Where?")
    assert text.endswith("[assistant] Here.")


def test_a_trace_without_turns_is_empty() -> None:
    assert write_transcript(Trace("t1"), 100) == ""
    assert write_transcript(Trace("t1", turns=(Turn("user", "  "),)), 100) == ""

"""Whatever stands in a trace, its summary has a title and keeps its limits, and redaction comes to an end."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trace_clustering.documents.cut import write_transcript
from trace_clustering.documents.extract import MAX_BULLET_LENGTH, MAX_BULLETS, extract_summary
from trace_clustering.documents.notes import MAX_NOTE_LENGTH, MAX_NOTES
from trace_clustering.documents.redaction import redact_text
from trace_clustering.text import MAX_TITLE_LENGTH
from trace_clustering.traces.trace import ModelCall, ToolCall, Trace, Turn

PIECES = st.sampled_from(
    [
        "Hi",
        "thanks",
        "Question:",
        "Context:\n",
        "<task>",
        "</task>",
        "```\n",
        "\n\n",
        "谢谢",
        " ",
        "{",
        '{"query": "x"}',
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=20), max_size=12).map("".join)
TOOLS = st.builds(ToolCall, TEXTS, TEXTS, st.none() | TEXTS, st.none() | TEXTS)
TURNS = st.builds(
    Turn,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    TEXTS,
    st.lists(TOOLS, max_size=3).map(tuple),
)
TRACES = st.builds(
    Trace,
    st.text(max_size=5),
    name=TEXTS,
    turns=st.lists(TURNS, max_size=8).map(tuple),
    calls=st.lists(st.builds(ModelCall, error=TEXTS, is_error=st.none() | st.booleans()), max_size=3).map(
        tuple
    ),
    is_error=st.none() | st.booleans(),
    error=TEXTS,
)


@given(TRACES)
def test_a_summary_is_within_its_limits(trace: Trace) -> None:
    summary = extract_summary(trace)
    lines = [summary["title"], *summary["bullets"], *summary["interesting_notes"]]
    assert all(line and line == line.strip() and line.isprintable() for line in lines)
    assert len(summary["title"]) <= MAX_TITLE_LENGTH
    assert len(summary["bullets"]) <= MAX_BULLETS
    assert len(summary["interesting_notes"]) <= MAX_NOTES
    assert all(len(line) <= MAX_BULLET_LENGTH for line in summary["bullets"])
    assert all(len(line) <= MAX_NOTE_LENGTH for line in summary["interesting_notes"])
    assert summary == extract_summary(trace)


@given(TRACES, st.integers(0, 300))
def test_a_transcript_is_within_its_limit(trace: Trace, limit: int) -> None:
    assert len(write_transcript(trace, limit)) <= limit


SECRETS = st.sampled_from(
    ["a@b.example ", "password=", "+14155550132 ", "4111 1111 1111 1111 ", "Bearer ", "1", '"', "[key]"]
)


@given(st.lists(SECRETS | st.text(max_size=5), max_size=12).map("".join))
@example("+14155550132 0+14155550132 1+14155550132 ")
def test_what_is_redacted_once_is_redacted(text: str) -> None:
    redacted = redact_text(text)
    assert "a@b.example " not in redacted
    assert redact_text(redacted) == redacted


@pytest.mark.parametrize("texts", [["x" * 10**6], ["Hi. " * 250_000], ["a\n\n" * 300_000], ["?"] * 20_000])
def test_a_huge_conversation_is_summarized(texts: list[str]) -> None:
    trace = Trace("t1", turns=tuple(Turn("user", text) for text in texts))
    assert extract_summary(trace)["title"]

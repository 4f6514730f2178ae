"""Whatever a value is, it is read as messages, or is none; nothing fails."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.sources.history import build_turns, merge_histories, read_exchange
from trace_clustering.sources.messages import Message, read_messages
from trace_clustering_tests.sources.messages.strange_values import VALUES


@settings(max_examples=300, deadline=None)
@given(value=VALUES)
def test_any_value_is_read(value: Any) -> None:
    for message in read_messages(value):
        assert message.role in ("system", "user", "assistant", "tool")
        assert isinstance(message.text, str)
        texts = (text for call in message.tool_calls for text in (call.name, call.arguments, call.call_id))
        assert all(isinstance(text, str) for text in texts)


@settings(max_examples=150, deadline=None)
@given(calls=st.lists(st.tuples(VALUES, VALUES), max_size=4))
def test_any_calls_are_put_together(calls: list[tuple[Any, Any]]) -> None:
    exchanges = [read_exchange(given, made) for given, made in calls]
    merged = merge_histories(exchanges)

    turns = build_turns(merged)

    said = {message.text for messages in exchanges for message in messages if message.role == "user"}
    assert len(turns) <= len(merged) <= sum(map(len, exchanges))
    assert {turn.text for turn in turns if turn.role == "user"} <= said


WORDS = st.sampled_from(("yes", "no", "ok", "I would like to fly to Lima", "Which day do you want to fly?"))


@settings(max_examples=200, deadline=None)
@given(words=st.lists(WORDS, min_size=2, max_size=24), seed=st.integers(0, 3))
def test_a_conversation_of_few_words_is_found_again(words: list[str], seed: int) -> None:
    """Whatever was said, and however often: calls that repeat all of it give it once."""
    said = [Message("user" if n % 2 == 0 else "assistant", word) for n, word in enumerate(words)]
    calls = [said[: end + 1] for end in range(1, len(said), 2 if seed % 2 else 4)]
    system = [Message("system", "Be kind.")] if seed > 1 else []

    assert merge_histories([*system, *call] for call in calls) == [*system, *(calls[-1] if calls else [])]


LENGTH = 200_000
LONG = (
    *("content='" + "a" * LENGTH, "HumanMessage(" + "a" * LENGTH, "content='x' " + "a" * LENGTH),
    *("@@@langfuseMedia:type=" + "a" * LENGTH, "data:" + "a" * LENGTH + ";base64,"),
    *("role='user' content='x' tool_calls=[{" + "'[" * LENGTH, "[{" + "'a':" * LENGTH),
)


@pytest.mark.parametrize("text", LONG, ids=[text[:12] for text in LONG])
def test_long_texts_that_begin_like_messages_are_read_from_left_to_right(text: str) -> None:
    """Work that grew with the square of their length would not end in this test."""
    [guess] = read_messages(text)
    [said] = read_messages([{"role": "user", "content": text}])

    assert guess.role == said.role == "user"
    assert said.text == text

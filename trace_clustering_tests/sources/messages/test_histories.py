"""A reader that remembers what it has read reads the same as one that does not."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.sources.messages import MessageReader, containers, read_messages
from trace_clustering.sources.messages.message import Message
from trace_clustering_tests.sources.messages.strange_values import VALUES

TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Is it sunny in Lima?"},
    {"role": "assistant", "tool_calls": [{"id": "c1", "name": "weather", "args": {"city": "Lima"}}]},
    {"role": "weather", "content": "sunny"},
    {"role": "assistant", "content": "Yes, it is."},
    {"role": "user", "content": "Thanks"},
]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("is_text", [True, False])
def test_histories_that_grow_shrink_and_change_are_read_as_they_are(
    is_text: bool, indent: int | None
) -> None:
    reader = MessageReader()
    changed = [*TALK[:3], {"role": "user", "content": "Stop"}, *TALK[4:]]
    for items in (TALK[:2], TALK[:4], TALK, TALK[2:], changed, TALK[:3], [*TALK, *TALK], TALK[:1]):
        value = json.dumps(items, indent=indent) if is_text else items
        assert reader.read(value) == read_messages(value)


@settings(max_examples=200, deadline=None)
@given(items=st.lists(VALUES, max_size=6), cuts=st.lists(st.integers(0, 6), max_size=6))
def test_any_histories_are_read_as_they_are(items: list[Any], cuts: list[int]) -> None:
    reader = MessageReader()
    for cut in cuts:
        assert repr(reader.read(items[:cut])) == repr(read_messages(items[:cut]))
        text = json.dumps(items[:cut])
        assert repr(reader.read(text)) == repr(read_messages(text))


def test_what_calls_repeat_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    real = containers.read_item

    def count_items(item: object, role: Any) -> list[Message]:
        nonlocal count
        count += 1
        return real(item, role)

    monkeypatch.setattr(containers, "read_item", count_items)
    reader = MessageReader()
    talk = [{"role": "user", "content": f"question {n}"} for n in range(200)]
    for end in range(1, 201):
        reader.read(json.dumps(talk[:end]))
        reader.read(talk[:end])

    assert count == 200

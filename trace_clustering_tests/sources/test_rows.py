"""Rows become records: JSON in texts is read, wrappers are opened, and what is no character is repaired."""

from typing import Any

import pytest

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.formats.registry import recognize_format
from trace_clustering.sources.json_text import Piece
from trace_clustering.sources.rows import find_records, repair_row
from trace_clustering_tests.sources.trace_files import make_chat, make_observation

CHAT = make_chat("1", "question", "answer")
DEEP = "[{'a': " * 900 + "1" + "}]" * 900


def recognize(record: Record) -> Format | None:
    return recognize_format([record])


@pytest.mark.parametrize(
    "messages", [CHAT["messages"], str(CHAT["messages"]), '[{"role": "user", "content": "question"}]']
)
def test_a_list_may_be_a_text_of_json_or_of_python(messages: object) -> None:
    found, records = find_records({"id": "1", "messages": messages}, recognize)
    assert found is not None
    (part,) = found.split(records[0])
    (trace,) = found.build(part[0], [part[1]])
    assert trace.list_texts("user") == ["question"]


@pytest.mark.parametrize(
    "text", ["[{'role': __import__('os')}]", "[{'a': ", DEEP, "{'a': 1} and more", "[{'" * 5]
)
def test_a_text_that_only_begins_like_python_stays_a_text(text: str) -> None:
    assert find_records({"id": "1", "messages": text}, recognize) == (None, [])


@pytest.mark.parametrize(
    "wrapper", [{"data": [CHAT, CHAT]}, {"page": 1, "result": {"items": [None, CHAT, 7, CHAT], "next": None}}]
)
def test_an_object_around_a_list_is_opened(wrapper: dict[str, Any]) -> None:
    found, records = find_records(wrapper, recognize)
    assert found is not None
    assert records == [CHAT, CHAT]


def test_an_object_in_an_object_in_an_object_is_not_opened() -> None:
    assert find_records({"a": {"b": {"c": [CHAT]}}}, recognize) == (None, [])


def test_a_piece_is_taken_only_of_what_may_be_spread() -> None:
    found, records = find_records(Piece(make_observation("1", 1, "question")), recognize)
    assert found is not None
    assert len(records) == 1
    with pytest.raises(BadValueError, match="is longer than 32 MiB"):
        find_records(Piece(CHAT), recognize)


def test_what_is_no_character_is_repaired_in_names_and_values_however_deep() -> None:
    row = {"a": [{"b\ud800": ["\udfff", "한국어 \ud7ff", 1, None]}], "c": b"caf\xe9", "d": "sound"}
    assert repair_row(row)
    assert row == {"a": [{"b\ufffd": ["\ufffd", "한국어 \ud7ff", 1, None]}], "c": "caf\ufffd", "d": "sound"}
    assert not repair_row(row)


def test_a_row_that_is_too_deep_or_holds_an_error_is_bad() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(BadValueError, match="nested too deeply"):
        repair_row({"a": deep})
    with pytest.raises(BadValueError, match="at cannot be read: out of range"):
        repair_row({"at": OverflowError("out of range")})

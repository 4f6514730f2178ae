import json

import pytest

from trace_clustering.sources.otel.cut_json import parse_cut_json

MESSAGES = [
    {"role": "system", "parts": [{"type": "text", "content": 'Say "hi" \\ {[é]}\n'}]},
    {"role": "user", "parts": [{"type": "text", "content": "Where is my parcel?"}]},
]
TEXT = json.dumps(MESSAGES)


@pytest.mark.parametrize("value", ["Hello", "[Hello", "{{name}}", "", None, 3, MESSAGES])
def test_what_is_no_json_is_as_it_was(value: object) -> None:
    assert parse_cut_json(value) == value


@pytest.mark.parametrize("value", [MESSAGES, {"messages": MESSAGES}])
def test_json_that_was_not_cut_is_read(value: object) -> None:
    assert parse_cut_json(json.dumps(value)) == value


@pytest.mark.parametrize("length", range(16, len(TEXT)))
def test_wherever_it_was_cut_the_beginning_is_read(length: int) -> None:
    parsed = parse_cut_json(TEXT[:length])
    read = json.dumps(parsed, ensure_ascii=False)
    assert isinstance(parsed, str) or parsed[0]["role"].startswith("s")  # type: ignore[index]
    assert read.count("…") <= 1


def test_the_text_that_was_cut_is_kept() -> None:
    parsed = parse_cut_json(TEXT[: TEXT.index("my parcel")])
    assert parsed == [MESSAGES[0], {"role": "user", "parts": [{"type": "text", "content": "Where is …"}]}]


def test_what_stands_before_a_cut_name_is_kept() -> None:
    assert parse_cut_json(TEXT[: TEXT.index('": [{"type": "text", "content": "Where')]) == [MESSAGES[0]]


@pytest.mark.parametrize("tail", ["\\", "\\u", "\\u00e", '\\"', "\\\\"])
def test_a_text_may_be_cut_within_an_escape(tail: str) -> None:
    kept = {'\\"': 'a"', "\\\\": "a\\"}.get(tail, "a")
    assert parse_cut_json('[{"content": "a' + tail) == [{"content": kept + "…"}]


@pytest.mark.parametrize("text", ['{"role', '[{"role": "user", "content"', '{"a" b', "[{]"])
def test_what_cannot_be_read_is_a_text(text: str) -> None:
    assert parse_cut_json(text) == text

"""An object that is too long comes in pieces that hold all of it, each with what stands around its list."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.sources.json_lists import JsonText, split_objects

LIMIT = 2000


def split(text: str, block: int = 300) -> list[JsonText]:
    content = text.encode()
    blocks = [content[start : start + block] for start in range(0, len(content), block)]
    return list(split_objects(iter(blocks), LIMIT))


def parse(piece: JsonText) -> Any:
    assert isinstance(piece.content, bytes), piece
    return json.loads(piece.content)


def list_spans(value: Any) -> list[tuple[str, str, int]]:
    """Return of each span of OTLP the names of its resource and scope, and its number."""
    return [
        (resource["resource"], scope["scope"], span["n"])
        for resource in value["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def make_otlp(sizes: list[list[int]], filler: str) -> dict[str, Any]:
    return {
        "resourceSpans": [
            {
                "resource": f"r{r}",
                "scopeSpans": [
                    {"scope": f"r{r}s{s}", "spans": [{"n": n, "name": filler} for n in range(size)]}
                    for s, size in enumerate(scopes)
                ],
            }
            for r, scopes in enumerate(sizes)
        ],
        "end": True,
    }


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    "sizes", [[[1]] * 200, [[500]], [[1, 2], [300, 2], [1]], [[1] * 100, [2] * 100], [[200], [200, 200]], []]
)
def test_every_span_comes_once_with_its_resource_and_scope(
    sizes: list[list[int]], indent: int | None
) -> None:
    whole = make_otlp(sizes, 'a "quoted" } ] text \\')
    pieces = split(json.dumps(whole, indent=indent))
    found = [span for piece in pieces for span in list_spans(parse(piece))]
    assert sorted(found) == sorted(list_spans(whole))
    assert all(len(piece.content) < 2 * LIMIT for piece in pieces)
    assert all(piece.is_piece for piece in pieces) == (len(pieces) > 1)


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(0, 40), max_size=4), max_size=6),
    filler=st.text(max_size=60),
    block=st.integers(1, 700),
)
def test_whatever_is_long_nothing_is_lost_and_nothing_comes_twice(
    sizes: list[list[int]], filler: str, block: int
) -> None:
    whole = make_otlp(sizes, filler)
    found = [span for piece in split(json.dumps(whole), block) for span in list_spans(parse(piece))]
    assert sorted(found) == sorted(list_spans(whole))


def test_several_lists_and_several_objects_are_read() -> None:
    traces, runs = ([{kind: n, "text": "x" * 20} for n in range(200)] for kind in ("trace", "run"))
    text = (
        json.dumps({"page": 1, "traces": traces, "middle": 2, "runs": runs}) + "\n" + json.dumps({"last": 3})
    )
    found = [parse(piece) for piece in split(text)]
    assert [item for value in found for item in value.get("traces", [])] == traces
    assert [item for value in found for item in value.get("runs", [])] == runs
    assert all(value["page"] == 1 for value in found[:-1])
    assert found[-1] == {"last": 3}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"nodes": {str(n): {"text": ["x" * 20]} for n in range(200)}}),
        json.dumps({"vector": [0.5] * 2000}),
        json.dumps({"messages": [{"text": "x" * 3000}]}),
    ],
)
def test_what_is_long_without_a_long_list_is_one_bad_record(text: str) -> None:
    *_, last = found = split(text + '{"last": 1}')
    assert [type(piece.content) for piece in found] == [str, bytes]
    assert parse(last) == {"last": 1}


@pytest.mark.parametrize("cut", [1500, 3000, 5000])
def test_an_object_that_is_cut_says_so_at_its_end(cut: int) -> None:
    *pieces, last = split(json.dumps(make_otlp([[500]], "a name"))[:cut])
    assert [span[2] for piece in pieces for span in list_spans(parse(piece))] == list(range(len(pieces)))
    assert isinstance(last.content, str) or b"]}" not in last.content[-2:]


@pytest.mark.parametrize("damage", ["}" * 50, "]" * 50, '"', "\\", "oops,"])
def test_damage_never_raises(damage: str) -> None:
    text = json.dumps(make_otlp([[500]], "a name"))
    for place in (10, 100, 2500, len(text) - 5):
        assert split(text[:place] + damage + text[place:])

"""The objects of an array are the same whether they are parsed on the way or looked for by their brackets."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.sources.json_arrays import read_sound_objects
from trace_clustering.sources.json_text import read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=8)


def read_in_blocks(content: bytes, block: int) -> tuple[list[dict[str, Any]], bytes]:
    blocks = iter([content[start : start + block] for start in range(0, len(content), block)])
    objects = read_sound_objects(blocks)
    found = []
    while True:
        try:
            found.append(next(objects))
        except StopIteration as ended:
            return found, ended.value + b"".join(blocks)


@settings(max_examples=300, deadline=None)
@given(
    objects=OBJECTS, block=st.integers(1, 50), indent=st.sampled_from([None, 0, 2]), ascii_only=st.booleans()
)
def test_sound_objects_come_in_order_and_the_rest_begins_with_the_last(
    objects: list[dict[str, Any]], block: int, indent: int | None, ascii_only: bool
) -> None:
    content = json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode()
    found, rest = read_in_blocks(content, block)
    assert found == objects[: len(found)]
    assert len(found) == max(len(objects) - 1, 0)
    assert json.loads(b"[" + rest) == objects[len(found) :]


@settings(max_examples=200, deadline=None)
@given(
    objects=OBJECTS,
    place=st.integers(0, 10**6),
    damage=st.sampled_from([b"", b"oops", b"}", b"]", b'"', b"\xff", b",", b"7,"]),
)
def test_an_array_reads_as_its_values_whatever_damages_it(
    tmp_path_factory: Any, objects: list[dict[str, Any]], place: int, damage: bytes
) -> None:
    content = json.dumps(objects).encode()
    place = 1 + place % (len(content) - 1)
    path = Path(tmp_path_factory.getbasetemp()) / "damaged.json"
    path.write_bytes(content[:place] + damage + content[place:])
    found = list(read_json(path))
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    sound = [row for _, row in found if isinstance(row, dict)]
    assert damage or sound == objects

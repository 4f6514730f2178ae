"""The parts of a trace come together, whether they fit into memory or not."""

import pytest

from trace_clustering.constants import MAX_TRACE_BYTES
from trace_clustering.sources.grouping import Part, PartStore


def make_parts(traces: int, parts: int) -> list[Part]:
    places = [(0, number, part) for part in range(parts) for number in range(traces)]
    return [Part(f"t{place[1]}", "made_up", place, {"n": place[2], "é": [None]}) for place in places]


def take_all(parts: list[Part], max_bytes: int) -> list[list[Part]]:
    with PartStore(max_bytes) as store:
        for part in parts:
            store.add(part)
        groups = list(store.take_groups())
    assert not any(group.is_too_large for group in groups)
    return [group.parts for group in groups]


@pytest.mark.parametrize("max_bytes", [0, 5_000, 10**9])
def test_each_trace_comes_once_with_all_its_parts_in_order(max_bytes: int) -> None:
    groups = take_all(make_parts(200, 5), max_bytes)
    assert sorted(group[0].trace_id for group in groups) == sorted(f"t{n}" for n in range(200))
    for group in groups:
        assert {part.trace_id for part in group} == {group[0].trace_id}
        assert [part.content for part in group] == [{"n": p, "é": [None]} for p in range(5)]


def test_the_order_depends_on_the_ids_alone() -> None:
    parts = make_parts(300, 1)
    assert take_all(parts, 0) == take_all(parts[::-1], 10**9)


@pytest.mark.slow
def test_a_trace_that_is_too_large_is_not_read_into_memory() -> None:
    with PartStore() as store:
        for number in range(MAX_TRACE_BYTES // 2**20 + 1):
            store.add(Part("large", "made_up", (0, number, 0), {"text": "x" * 2**20}))
        store.add(Part("small", "made_up", (1, 0, 0), {}))
        groups = {group.parts[0].trace_id: group for group in store.take_groups()}
    assert not groups["small"].is_too_large
    assert groups["large"].is_too_large
    assert len(groups["large"].parts) == 1

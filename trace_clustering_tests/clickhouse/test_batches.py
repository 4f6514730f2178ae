"""Long lists of ids travel in pieces that a server accepts."""

import pytest

from trace_clustering.clickhouse.batches import MAX_BYTES, MAX_ITEMS, split_for_parameters


@pytest.mark.parametrize("text", ["a", "é" * 40, "x" * 500, "y" * (MAX_BYTES + 1)])
@pytest.mark.parametrize("count", [0, 1, MAX_ITEMS, MAX_ITEMS + 1])
def test_every_item_is_in_one_batch_in_order_and_no_batch_is_too_large(text: str, count: int) -> None:
    items = [f"{text}{number}" for number in range(count)]
    batches = list(split_for_parameters(items, str))
    assert [item for batch in batches for item in batch] == items
    for batch in batches:
        assert len(batch) <= MAX_ITEMS
        assert len(batch) == 1 or sum(len(item.encode()) for item in batch) <= MAX_BYTES


def test_a_batch_holds_at_most_as_many_items_as_asked() -> None:
    assert list(split_for_parameters("abcde", str, max_items=2)) == [["a", "b"], ["c", "d"], ["e"]]

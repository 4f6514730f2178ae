"""Long lists of ids, in pieces that fit into one bound parameter."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

MAX_ITEMS = 1000
# A parameter travels to a server in one form field of at most 128 KiB, quotes and escapes included.
MAX_BYTES = 48 * 1024


def parameter_batches(
    items: Iterable[T], text: Callable[[T], str], *, max_items: int = MAX_ITEMS
) -> Iterator[list[T]]:
    """Yield the items in order, in lists whose texts fit into one parameter."""
    batch: list[T] = []
    size = 0
    for item in items:
        length = len(text(item).encode(errors="replace"))
        if batch and (len(batch) == max_items or size + length > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch

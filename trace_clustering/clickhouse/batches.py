"""Splits long lists of values into batches that fit into one bound parameter each."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

MAX_ITEMS = 1000
# The client sends a parameter in one form field, and the server refuses fields over 128 KiB. Quotes and
# escapes count too, so the limit is lower here.
MAX_BYTES = 48 * 1024


def split_for_parameters(
    items: Iterable[T], to_text: Callable[[T], str], *, max_items: int = MAX_ITEMS
) -> Iterator[list[T]]:
    """Yield the items in order, in lists whose texts fit into one parameter.

    An item that is too long by itself gets a list of its own.
    """
    batch: list[T] = []
    size = 0
    for item in items:
        length = len(to_text(item).encode(errors="replace"))
        if batch and (len(batch) == max_items or size + length > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch

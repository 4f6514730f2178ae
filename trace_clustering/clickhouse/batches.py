"""Splits long lists into batches: by number and size, or so that they fit into one bound parameter each."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

MAX_ITEMS = 1000
# The client sends a parameter in one form field, and the server refuses fields over 128 KiB. Quotes and
# escapes count too, so the limit is lower here.
MAX_BYTES = 48 * 1024


def split_by_size(
    items: Iterable[T], measure: Callable[[T], int], *, max_items: int, max_bytes: int
) -> Iterator[list[T]]:
    """Yield the items in order, in lists of limited length whose sizes add up to no more than a limit.

    An item that is too large by itself gets a list of its own.
    """
    batch: list[T] = []
    size = 0
    for item in items:
        length = measure(item)
        if batch and (len(batch) == max_items or size + length > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch


def split_by_number(items: Iterable[T], max_items: int) -> Iterator[list[T]]:
    """Yield the items in order, in lists of limited length."""
    return split_by_size(items, lambda _: 0, max_items=max_items, max_bytes=0)


def split_for_parameters(
    items: Iterable[T], to_text: Callable[[T], str], *, max_items: int = MAX_ITEMS
) -> Iterator[list[T]]:
    """Yield the items in order, in lists whose texts fit into one parameter."""
    return split_by_size(
        items,
        lambda item: len(to_text(item).encode(errors="replace")),
        max_items=max_items,
        max_bytes=MAX_BYTES,
    )

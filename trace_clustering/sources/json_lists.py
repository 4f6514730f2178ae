"""Splits an object that is too large for memory at the long list inside it, such as one OTLP file."""

import re
from collections.abc import Generator, Iterator
from itertools import chain
from typing import Final, NamedTuple

from trace_clustering.constants import MAX_RECORD_BYTES
from trace_clustering.sources.json_values import CUT, TEXT_PATTERN, Splitter

# Of the list at which an object is split, an item is at most this long as far as was seen.
_MAX_ITEM_BYTES: Final = MAX_RECORD_BYTES // 2
# What stands around the list is read again with each item.
_MAX_CONTEXT_BYTES: Final = 1024**2
_TO_BRACKET: Final = re.compile(
    rb'[^"{}\[\]]*+(?:"' + TEXT_PATTERN + rb'"[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL
)
_LIST: Final = ord("[")
_CLOSING: Final = {ord("{"): ord("}"), _LIST: ord("]")}


class JsonText(NamedTuple):
    """The text of a value, or the reason why it cannot be read.

    A piece is an object with one item of its long list, or with what else is in it.
    """

    content: bytes | str
    is_piece: bool


class _Open(NamedTuple):
    """A bracket that is not closed yet, and where the item begins that is not closed in it."""

    bracket: int
    position: int
    item: int


class _LongList(NamedTuple):
    """A list, what stands before and after it in its object, and where its items begin."""

    before: bytes
    after: bytes
    begin: int
    neighbours: list[bytes]


def split_objects(blocks: Iterator[bytes]) -> Iterator[JsonText]:
    """Yield the texts of objects that stand one after the other, and those that are too long in pieces.

    Raises
    ------
    OverflowError
        If an object has no end within four times `MAX_RECORD_BYTES`, and no long list.
    """
    is_rest = False
    while True:
        splitter = Splitter()
        for block in blocks:
            splitter.add(block)
            for value in splitter.take_values():
                yield JsonText(value, is_rest)
                is_rest = False
            if splitter.is_too_long:
                if long_list := _find_long_list(splitter.buffer):
                    break
                splitter.skip_looked_at()
        else:
            if rest := splitter.describe_rest():
                yield JsonText(rest, is_rest)
            return
        for neighbour in long_list.neighbours:
            yield JsonText(neighbour, is_piece=True)
        behind = yield from _split_list(long_list, bytes(splitter.buffer[long_list.begin :]), blocks)
        if behind is None:
            return
        # The list is emptied, and what follows it is part of the same object.
        blocks = chain([long_list.before + b"]" + behind], blocks)
        is_rest = True


def _split_list(
    long_list: _LongList, items: bytes, blocks: Iterator[bytes]
) -> Generator[JsonText, None, bytes | None]:
    """Yield an object for each item of a list; return what stands behind it, or None if it has no end."""
    splitter = Splitter()
    splitter.add(items)
    for block in chain([b""], blocks):
        splitter.add(block)
        for value in splitter.take_values():
            whole = long_list.before + value + long_list.after if isinstance(value, bytes) else value
            yield JsonText(whole, is_piece=True)
        if splitter.is_closed:
            return bytes(splitter.buffer)
        if splitter.is_too_long:
            splitter.skip_looked_at()
    yield JsonText(CUT, is_piece=True)
    return None


def _find_long_list(text: bytearray) -> _LongList | None:
    """Return the outermost list that fills most of a text with items that are not too long."""
    found = _find_open_brackets(text)
    index = next((i for i, bracket in enumerate(found) if _is_long_list(bracket, len(text))), None)
    if index is None:
        return None
    before, neighbours, end = b"", [], 0
    for outer, (bracket, position, item) in enumerate(found[:index]):
        if bracket == _LIST:
            before += text[end : position + 1]
            end = item
            if items := text[position + 1 : item].strip().rstrip(b","):
                neighbours.append(before + items + _close(found[: outer + 1]))
    before += text[end : found[index].position + 1]
    if len(before) > _MAX_CONTEXT_BYTES:
        return None
    return _LongList(before, _close(found[: index + 1]), found[index].position + 1, neighbours)


def _is_long_list(bracket: _Open, length: int) -> bool:
    is_long = length - bracket.position > _MAX_ITEM_BYTES >= length - bracket.item
    return bracket.bracket == _LIST and is_long


def _find_open_brackets(text: bytearray) -> list[_Open]:
    found: list[_Open] = []
    position = 0
    while match := _TO_BRACKET.match(text, position):
        position = match.end()
        bracket = text[position - 1]
        if bracket not in _CLOSING:
            del found[-1:]  # a damaged text may close more than it opens
            continue
        if found:
            found[-1] = found[-1]._replace(item=position - 1)
        found.append(_Open(bracket, position - 1, position))
    return found


def _close(brackets: list[_Open]) -> bytes:
    return bytes(_CLOSING[bracket.bracket] for bracket in reversed(brackets))

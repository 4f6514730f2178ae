"""Splits an object that is too large for memory at the long list inside it, such as one OTLP file."""

import re
from collections.abc import Generator, Iterator
from itertools import chain
from typing import Final, NamedTuple

from trace_clustering.constants import MAX_RECORD_BYTES
from trace_clustering.sources.json_values import CUT, TEXT_PATTERN, Splitter

# What stands around the list is read again with each item.
_MAX_CONTEXT_BYTES: Final = 1024**2
# How many beginnings of a text, each longer than the next, are searched for a list that is open there.
_LOOKS: Final = 16
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


def split_objects(blocks: Iterator[bytes], max_bytes: int = MAX_RECORD_BYTES) -> Iterator[JsonText]:
    """Yield the texts of objects that stand one after the other; of one that is too long, pieces.

    Raises
    ------
    OverflowError
        If an object has no end within four times `MAX_RECORD_BYTES`, and no long list.
    """
    is_rest = False
    while True:
        splitter = Splitter(max_bytes, keeps_ended=True)
        for block in blocks:
            splitter.add(block)
            for value in splitter.take_values():
                yield JsonText(value, is_rest)
                is_rest = False
            if splitter.is_too_long:
                # Of an object whose beginning was skipped, no piece can be made.
                long_list = None if splitter.skipped else _find_long_list(splitter.buffer, max_bytes)
                if long_list:
                    break
                splitter.skip_looked_at()
        else:
            if last := splitter.describe_rest():
                yield JsonText(last, is_rest)
            return
        for neighbour in long_list.neighbours:
            yield JsonText(neighbour, is_piece=True)
        items = bytes(splitter.buffer[long_list.begin :])
        rest = yield from _split_list(long_list, items, blocks, max_bytes)
        if rest is None:
            return
        blocks = chain([rest], blocks)
        is_rest = True


def _split_list(
    long_list: _LongList, items: bytes, blocks: Iterator[bytes], max_bytes: int
) -> Generator[JsonText, None, bytes | None]:
    """Yield an object for each item of a list, until it ends or an item is too long.

    Returns the text of the object without these items; None if the file ends in the list.
    """
    splitter = Splitter(max_bytes, keeps_ended=True)
    splitter.add(items)
    for block in chain([b""], blocks):
        splitter.add(block)
        for value in splitter.take_values():
            whole = long_list.before + value + long_list.after if isinstance(value, bytes) else value
            yield JsonText(whole, is_piece=True)
        if splitter.is_closed:
            return long_list.before + b"]" + splitter.buffer
        if splitter.is_too_long:
            rest = long_list.before + splitter.buffer
            if not splitter.skipped and _find_long_list(bytearray(rest), max_bytes):
                return rest
            splitter.skip_looked_at()
    yield JsonText(CUT, is_piece=True)
    return None


def _find_long_list(text: bytearray, max_bytes: int) -> _LongList | None:
    """Return the outermost list that fills most of a text with items that are not too long."""
    # The list may end before the end of what was read, and others may stand before it.
    for length in (len(text) * part // _LOOKS for part in range(_LOOKS, 0, -1)):
        found = _find_open_brackets(text[:length])
        for index, bracket in enumerate(found):
            is_long = length - bracket.position > max_bytes // 4
            if bracket.bracket == _LIST and is_long and length - bracket.item <= max_bytes // 4:
                return _take_long_list(text, found[: index + 1])
    return None


def _take_long_list(text: bytearray, found: list[_Open]) -> _LongList | None:
    """Return the list whose bracket is the last one, or None if too much stands around it."""
    *around, long_list = found
    before, neighbours, end = b"", [], 0
    for index, (bracket, position, item) in enumerate(around):
        if bracket == _LIST:
            before += text[end : position + 1]
            end = item
            if items := text[position + 1 : item].strip().rstrip(b","):
                neighbours.append(before + items + _close(around[: index + 1]))
    before += text[end : long_list.position + 1]
    if len(before) > _MAX_CONTEXT_BYTES:
        return None
    return _LongList(before, _close(found), long_list.position + 1, neighbours)


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

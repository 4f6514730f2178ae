"""Splits a JSON array, or JSON objects one after the other, into the texts of their values."""

import re
from collections.abc import Iterator
from typing import Final

from trace_clustering.constants import MAX_RECORD_BYTES

TOO_LONG: Final = f"is longer than {MAX_RECORD_BYTES // 1024**2} MiB"
CUT: Final = "is missing: the array does not end, so the file is cut"
_TRAILING: Final = "stands after the end of the array"
_BETWEEN: Final = re.compile(rb'["}\],]|[{\[]+')
_WITHIN: Final = re.compile(rb'"|[}\]]+|[{\[]+')
# Possessive, so that it keeps no way back for each character.
TEXT_PATTERN: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_IN_TEXT: Final = re.compile(TEXT_PATTERN, re.DOTALL)
# All texts and numbers up to a bracket at once, which takes a third of the time.
_TO_BRACKET: Final = re.compile(
    rb'[^"{}\[\]]*+(?:"' + TEXT_PATTERN + rb'"[^"{}\[\]]*+)*+([}\]]+|[{\[]+)', re.DOTALL
)
# The time to look for the end of a value grows with its brackets and quotes.
_MAX_SKIPPED_BYTES: Final = 4 * MAX_RECORD_BYTES


def split_values(blocks: Iterator[bytes], *, in_array: bool) -> Iterator[bytes | str]:
    """Yield the texts of the values, and of those that cannot be read the reason.

    Raises
    ------
    OverflowError
        If a value has no end within four times `MAX_RECORD_BYTES`.
    """
    splitter = Splitter()
    if in_array:
        splitter.add(next(blocks).partition(b"[")[2])
    for block in blocks:
        yield from splitter.take_values()
        if splitter.is_too_long:
            splitter.skip_looked_at()
        splitter.add(block)
    yield from splitter.take_values()
    if rest := splitter.describe_rest():
        yield rest
    elif in_array and not splitter.is_closed:
        yield CUT


class Splitter:
    """Follows quotes and brackets through the blocks of a text.

    Parameters
    ----------
    max_bytes : int
        Of a value; a longer one is not kept.
    keeps_ended : bool
        Whether a value is kept that is longer by less than a block.

    Attributes
    ----------
    is_closed : bool
        Whether the bracket that closes the array was seen.
    buffer : bytearray
        Begins with the value that has not ended, or with what stands behind the array.
    skipped : int
        Length of what was not kept of the value that has not ended.

    Notes
    -----
    The first `_position` bytes of `buffer` were looked at.
    """

    def __init__(self, max_bytes: int = MAX_RECORD_BYTES, *, keeps_ended: bool = False) -> None:
        self._keeps_ended = keeps_ended
        self._max_bytes = max_bytes
        self.is_closed = False
        self.buffer = bytearray()
        self._position = 0
        self._depth = 0
        self._in_text = False
        self.skipped = 0

    def add(self, block: bytes) -> None:
        """Add the next block of the text."""
        self.buffer += block

    def take_values(self) -> Iterator[bytes | str]:
        """Yield the values that have ended, and forget them."""
        start = 0
        while (end := self._find_end()) is not None:
            if value := self._describe(bytes(self.buffer[start:end])):
                yield value
            start, self.skipped = self._position, 0
        del self.buffer[:start]
        self._position -= start

    @property
    def is_too_long(self) -> bool:
        """Whether the value that has not ended is longer than it may be."""
        return len(self.buffer) > self._max_bytes and not self.is_closed

    def describe_rest(self) -> bytes | str:
        """Return what is left at the end of the text; empty if nothing."""
        rest = self._describe(bytes(self.buffer))
        return _TRAILING if rest and self.is_closed else rest

    def skip_looked_at(self) -> None:
        """Forget the beginning of a value that is too long.

        Raises
        ------
        OverflowError
            If it has no end within four times `MAX_RECORD_BYTES`.
        """
        self.skipped += self._position
        if self.skipped > _MAX_SKIPPED_BYTES:
            raise OverflowError
        del self.buffer[: self._position]
        self._position = 0

    def _describe(self, value: bytes) -> bytes | str:
        if self.skipped or (len(value) > self._max_bytes and not self._keeps_ended):
            return TOO_LONG
        return value.strip()

    def _find_end(self) -> int | None:
        """Go on to the end of a value and return it; None if it is not there yet."""
        while True:
            if self._in_text and not self._leave_text():
                return None
            found = self._find_mark()
            if not found or self.is_closed:
                self._position = len(self.buffer)
                return None
            mark = found[found.lastindex or 0]
            self._position = found.end()
            if mark == b'"':
                self._in_text = True
            elif mark[:1] in b"{[":
                self._depth += len(mark)
            elif self._depth == 0:
                self.is_closed = mark != b","
                return found.start()
            elif self._depth > len(mark):
                self._depth -= len(mark)
            else:
                self._position = found.end() - len(mark) + self._depth
                self._depth = 0
                return self._position

    def _find_mark(self) -> re.Match[bytes] | None:
        if not self._depth:
            return _BETWEEN.search(self.buffer, self._position)
        return _TO_BRACKET.match(self.buffer, self._position) or _WITHIN.search(self.buffer, self._position)

    def _leave_text(self) -> bool:
        """Go on behind the quote that ends a text; return False if it is not there yet."""
        found = _IN_TEXT.match(self.buffer, self._position)
        self._position = found.end() if found else self._position
        # Before the end of the buffer, the pattern stops at a quote, or at a backslash that comes last.
        if self.buffer[self._position : self._position + 1] != b'"':
            return False
        self._position += 1
        self._in_text = False
        return True

"""Splits a JSON array, or JSON objects one after the other, into the texts of their values."""

import re
from collections.abc import Iterator
from typing import Final

from trace_clustering.constants import MAX_RECORD_BYTES

TOO_LONG: Final = f"is longer than {MAX_RECORD_BYTES // 1024**2} MiB"
_CUT: Final = "is missing: the array does not end, so the file is cut"
_TRAILING: Final = "stands after the end of the array"
_BETWEEN: Final = re.compile(rb'["}\],]|[{\[]+')
_WITHIN: Final = re.compile(rb'"|[}\]]+|[{\[]+')
# Possessive, so that it keeps no way back for each character.
_IN_TEXT: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
# The time to look for the end of a value grows with its brackets and quotes.
_MAX_SKIPPED_BYTES: Final = 4 * MAX_RECORD_BYTES


def split_values(blocks: Iterator[bytes], *, in_array: bool) -> Iterator[bytes | str]:
    """Yield the texts of the values, and of those that cannot be read the reason.

    Raises
    ------
    OverflowError
        If a value has no end within four times `MAX_RECORD_BYTES`.
    """
    splitter = _Splitter()
    if in_array:
        splitter.add(next(blocks).partition(b"[")[2])
    for block in blocks:
        yield from splitter.take_values()
        splitter.add(block)
    yield from splitter.take_values()
    if rest := splitter.describe_rest():
        yield rest
    elif in_array and not splitter.is_closed:
        yield _CUT


class _Splitter:
    """Follows quotes and brackets through the blocks of a text.

    Attributes
    ----------
    is_closed : bool
        Whether the bracket that closes the array was seen.

    Notes
    -----
    `_buffer` begins with the value that has not ended; its first `_position` bytes were looked at. Of a value
    that is too long only the length is kept, in `_skipped`.
    """

    def __init__(self) -> None:
        self.is_closed = False
        self._buffer = bytearray()
        self._position = 0
        self._depth = 0
        self._in_text = False
        self._skipped = 0

    def add(self, block: bytes) -> None:
        """Add the next block of the text."""
        self._buffer += block

    def take_values(self) -> Iterator[bytes | str]:
        """Yield the values that have ended, and forget them."""
        start = 0
        while (end := self._find_end()) is not None:
            if value := self._describe(bytes(self._buffer[start:end])):
                yield value
            start, self._skipped = self._position, 0
        del self._buffer[:start]
        self._position -= start
        if len(self._buffer) > MAX_RECORD_BYTES:
            self._skip_looked_at()

    def describe_rest(self) -> bytes | str:
        """Return what is left at the end of the text; empty if nothing."""
        rest = self._describe(bytes(self._buffer))
        return _TRAILING if rest and self.is_closed else rest

    def _describe(self, value: bytes) -> bytes | str:
        if self._skipped or len(value) > MAX_RECORD_BYTES:
            return TOO_LONG
        return value.strip()

    def _find_end(self) -> int | None:
        """Go on to the end of a value and return it; None if it is not there yet."""
        while True:
            if self._in_text and not self._leave_text():
                return None
            found = (_WITHIN if self._depth else _BETWEEN).search(self._buffer, self._position)
            if not found or self.is_closed:
                self._position = len(self._buffer)
                return None
            mark = found[0]
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
                self._position = found.start() + self._depth
                self._depth = 0
                return self._position

    def _leave_text(self) -> bool:
        """Go on behind the quote that ends a text; return False if it is not there yet."""
        found = _IN_TEXT.match(self._buffer, self._position)
        self._position = found.end() if found else self._position
        # Before the end of the buffer, the pattern stops at a quote, or at a backslash that comes last.
        if self._buffer[self._position : self._position + 1] != b'"':
            return False
        self._position += 1
        self._in_text = False
        return True

    def _skip_looked_at(self) -> None:
        """Forget the beginning of a value that is too long."""
        self._skipped += self._position
        if self._skipped > _MAX_SKIPPED_BYTES:
            raise OverflowError
        del self._buffer[: self._position]
        self._position = 0

"""Splits JSON text into records: JSON Lines, an array, or objects one after the other; packed or not.

Whatever is in a file, no more of it is in memory than one record of `MAX_RECORD_BYTES` and a block.
"""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal

from trace_clustering.constants import MAX_RECORD_BYTES, MAX_SKIPPED_BYTES
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.inputs import find_suffix
from trace_clustering.sources.json_arrays import read_sound_objects
from trace_clustering.sources.json_lists import JsonText, split_objects
from trace_clustering.sources.json_values import TOO_LONG, split_values
from trace_clustering.sources.packed import USUAL_PACKING_RATIO, is_packed, read_text_blocks

_SAMPLED_BYTES: Final = 16 * 1024**2

_HINT: Final = "; an array belongs in a file that ends in .json"

Form = Literal["lines", "array", "objects"]


class Piece(dict[str, Any]):
    """An object that is too long for memory, with one item of its long list."""


def count_json(path: Path) -> int:
    """Return the approximate number of records in a file of JSON, without parsing them."""
    form, blocks = _open_text(path)
    seen = found = 0

    def take_sample() -> Iterator[bytes]:
        nonlocal seen
        for block in blocks:
            seen += len(block)
            yield block
            if seen > _SAMPLED_BYTES:
                return

    if form == "lines":
        found = sum(block.count(b"\n") for block in take_sample())
    else:
        found = sum(1 for _ in split_values(take_sample(), in_array=form == "array"))
    if seen <= _SAMPLED_BYTES:
        return found
    # The rest will be like this.
    expanded = path.stat().st_size * (USUAL_PACKING_RATIO if is_packed(path) else 1)
    return max(found, found * expanded // seen)


def read_json(path: Path, *, in_pieces: bool = False) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield each record with its number, or the reason why it is none.

    The number is that of the line; in an array, or among objects of several lines, that of the record. Bytes
    that are not UTF-8 become half surrogate pairs, as with `surrogateescape`. With `in_pieces`, an object
    that is too long is split at the long list inside it, and an array is read in a file of lines too.

    Raises
    ------
    InvalidRecordError
        If the file is damaged, or the end of a record is not found.
    """
    form, blocks = _open_text(path, in_pieces=in_pieces)
    number = 0
    try:
        for number, value in _split_text(form, blocks, in_pieces=in_pieces):
            if isinstance(value, dict):
                yield number, value
            elif isinstance(value.content, str):
                yield number, value.content
            elif value.content.strip():
                row = _parse(value.content)
                yield number, Piece(row) if value.is_piece and isinstance(row, dict) else row
    except OverflowError:
        raise InvalidRecordError(
            f"{path} is no file of records: what begins after number {number} is far longer than "
            f"{MAX_RECORD_BYTES // 1024**2} MiB and does not end"
        ) from None


def _split_text(
    form: Form, blocks: Iterator[bytes], *, in_pieces: bool
) -> Iterator[tuple[int, dict[str, Any] | JsonText]]:
    """Yield each value with its number: its text, or the value itself where it was parsed on the way."""
    if form == "lines":
        for number, line in split_lines(blocks):
            yield number, JsonText(line, is_piece=False)
    elif form == "array":
        yield from _split_array(blocks)
    elif in_pieces:
        yield from enumerate(split_objects(blocks), start=1)
    else:
        for number, value in enumerate(split_values(blocks, in_array=False), start=1):
            yield number, JsonText(value, is_piece=False)


def _split_array(blocks: Iterator[bytes]) -> Iterator[tuple[int, dict[str, Any] | JsonText]]:
    sound = read_sound_objects(blocks)
    number, rest = 0, b""
    while True:
        try:
            row = next(sound)
        except StopIteration as ended:
            rest = ended.value
            break
        number += 1
        yield number, row
    # What is damaged or long is found by its brackets.
    values = split_values(chain([b"[" + rest], blocks), in_array=True)
    for place, value in enumerate(values, start=number + 1):
        yield place, JsonText(value, is_piece=False)


def find_unit(path: Path, *, in_pieces: bool = False) -> str:
    """Return what the numbers of `read_json` count."""
    return "line" if _open_text(path, in_pieces=in_pieces)[0] == "lines" else "record"


def split_lines(blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes | str]]:
    """Yield the lines of a text with their numbers, and of lines that are too long the reason.

    Raises
    ------
    OverflowError
        If a line has no end within `MAX_SKIPPED_BYTES`.
    """
    pieces: list[bytes] = []
    size = 0
    number = 1
    for block in blocks:
        if not size and not block.strip():  # a file may hold a billion blank lines
            number += block.count(b"\n")
            continue
        *ended, rest = block.split(b"\n")
        for line in ended:
            pieces.append(line)
            yield number, b"".join(pieces) if size + len(line) <= MAX_RECORD_BYTES else TOO_LONG
            pieces.clear()
            size = 0
            number += 1
        size += len(rest)
        if size <= MAX_RECORD_BYTES:
            pieces.append(rest)
        else:
            pieces.clear()
        if size > MAX_SKIPPED_BYTES:
            raise OverflowError
    if size:
        yield number, b"".join(pieces) if size <= MAX_RECORD_BYTES else TOO_LONG


def _parse(text: bytes) -> dict[str, Any] | str:
    try:
        row = json.loads(text.decode(errors="surrogateescape").lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        return f"is not JSON: {error}" + (_HINT if text.strip() == b"[" else "")
    if isinstance(row, dict):
        return row
    return "is not a JSON object" + (_HINT if isinstance(row, list) else "")


def _open_text(path: Path, *, in_pieces: bool = False) -> tuple[Form, Iterator[bytes]]:
    """Return how records are written in a file, and its content in UTF-8 without a byte order mark."""
    blocks = read_text_blocks(path)
    first = next(blocks, b"")
    beginning = first.lstrip()
    is_array = in_pieces and beginning.startswith(b"[") and not _has_whole_line(beginning, b"]")
    form: Form = "array" if is_array else _find_form(beginning, find_suffix(path))
    return form, chain([first], blocks)


def _find_form(beginning: bytes, suffix: str) -> Form:
    if suffix != ".json":
        return "lines"
    if beginning.startswith(b"["):
        return "array"
    # A line that is an object ends as one; the first line of an object that is spread out does not.
    is_line = _has_whole_line(beginning, b"}") or not beginning.startswith(b"{")
    return "lines" if is_line else "objects"


def _has_whole_line(beginning: bytes, end: bytes) -> bool:
    """Return whether the first line ends as a whole value does, and another line follows."""
    first, ended, rest = beginning.partition(b"\n")
    return bool(ended and rest.strip()) and first.rstrip().endswith(end)

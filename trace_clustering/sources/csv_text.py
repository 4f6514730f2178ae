"""Reads the rows of a CSV file as texts by the names of its first line."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from trace_clustering.constants import MAX_RECORD_BYTES
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.json_text import split_lines
from trace_clustering.sources.packed import read_text_blocks

_DELIMITERS: Final = ",;\t|"
_QUOTED: Final = re.compile(r'"[^"]*"')
# The line with which Excel says how a file is separated.
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\s*", re.IGNORECASE)


def read_csv(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield each row with its number, or the reason why it is none; an empty cell is None.

    The names stand in the first line, and may be separated by commas, semicolons, tabs or bars. Bytes that
    are not UTF-8 become half surrogate pairs, as with `surrogateescape`.

    Raises
    ------
    InvalidRecordError
        If the file is damaged, or a field is so long that the end of its row cannot be told.
    """
    # The limit is one for the whole process, and nothing else here reads CSV.
    csv.field_size_limit(MAX_RECORD_BYTES)
    lines = _decode_lines(path)
    first = next(lines, "")
    separator = _SEPARATOR_LINE.fullmatch(first)
    if separator:
        first = next(lines, "")
    delimiter = separator[1] if separator else _find_delimiter(first)
    number = 0
    try:
        reader = csv.reader(_chain(first, lines), delimiter=delimiter)
        names = [name.strip() for name in next(reader, [])]
        for cells in reader:
            if not any(cells):
                continue
            number += 1
            if len(cells) > len(names):
                yield number, f"has {len(cells)} cells, and the first line has {len(names)} names"
            else:
                yield number, {name: cell or None for name, cell in zip(names, cells, strict=False)}
    except (csv.Error, OverflowError) as error:
        raise InvalidRecordError(
            f"{path} cannot be read as CSV after row {number}: {error or 'a line without end'}; look for a "
            "quote that is not closed, or for lines that end in a carriage return alone"
        ) from error


def _decode_lines(path: Path) -> Iterator[str]:
    for _, line in split_lines(read_text_blocks(path)):
        if isinstance(line, str):
            raise csv.Error(f"the next line {line}")
        yield line.decode(errors="surrogateescape") + "\n"


def _chain(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _find_delimiter(line: str) -> str:
    """Return what separates the names of the first line."""
    unquoted = _QUOTED.sub("", line)
    return max(_DELIMITERS, key=unquoted.count)

"""Makes records that a format can take apart out of the rows of a file."""

import ast
import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.json_text import Piece
from trace_clustering.sources.json_values import TOO_LONG
from trace_clustering.sources.messages import parse_json_text

Recognize = Callable[[Record], Format | None]

NO_CHARACTER: Final = re.compile("[\ud800-\udfff]")
# Halves of surrogate pairs as `pickle` writes them.
_HALF_PAIR: Final = re.compile(rb"\xed[\xa0-\xbf]")
# How objects with texts for names begin in Python; taking them apart takes a hundred times their memory.
_PYTHON: Final = ("[{'", "{'")
_MAX_PYTHON_LENGTH: Final = 1024**2
# Lists of records may lie in an object in an object: {"data": {"traces": [...]}}.
_MAX_WRAPPERS: Final = 2


def repair_row(row: dict[str, Any]) -> bool:
    r"""Put `\ufffd` for what is no character, in place; return whether there was any. Bytes become text.

    Raises
    ------
    BadValueError
        If the row is nested too deeply, or a value cannot be told in Python.
    """
    for name, value in row.items():
        if isinstance(value, Exception):
            raise BadValueError(f"{name} cannot be read: {value}")
        if isinstance(value, bytes):  # as older programs wrote text to Parquet
            row[name] = value.decode(errors="surrogateescape")
    try:
        if not _HALF_PAIR.search(pickle.dumps(row)):
            return False
        repaired = _repair(row)
        if repaired == row:
            return False
    except RecursionError:
        raise BadValueError("is nested too deeply") from None
    row.clear()
    row.update(repaired)
    return True


def find_records(row: dict[str, Any], recognize: Recognize) -> tuple[Format | None, list[Record]]:
    """Return the records that a row holds, and their format, or None if it is of none.

    A row is a record itself; or one of CSV or Parquet whose texts hold JSON; or an object around a list of
    records.

    Raises
    ------
    BadValueError
        If the row is a piece of a record that cannot be read in pieces.
    """
    if found := recognize(row):
        if isinstance(row, Piece) and not found.is_spread:
            raise BadValueError(TOO_LONG)
        return found, [row]
    decoded = {name: _decode_text(value) for name, value in row.items()}
    if found := recognize(decoded):
        return found, [decoded]
    items = list(_list_items(row, _MAX_WRAPPERS))
    found = next((known for item in items if (known := recognize(item))), None)
    return (found, items) if found else (None, [])


def _decode_text(value: object) -> object:
    """Return the list or object that a text holds, as JSON or as Python, in which pandas writes it to CSV."""
    if isinstance(value, str) and value.startswith(_PYTHON) and len(value) <= _MAX_PYTHON_LENGTH:
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return value
    return parse_json_text(value)


def _list_items(wrapper: dict[str, Any], depth: int) -> Iterator[Record]:
    for value in wrapper.values():
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict))
        elif isinstance(value, dict) and depth > 1:
            yield from _list_items(value, depth - 1)


def _repair(value: Any) -> Any:  # noqa: ANN401 - any value of JSON or Parquet
    if isinstance(value, str):
        return NO_CHARACTER.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_repair(name): _repair(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_repair(item) for item in value]
    return value

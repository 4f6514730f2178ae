"""Parses one row of a file to a trace record, and says what is wrong with a bad one."""

import json
import math
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np

from trace_clustering.constants import MAX_JSON_DEPTH
from trace_clustering.errors import BadValueError
from trace_clustering.traces.arrays import FloatArray
from trace_clustering.traces.record import TraceRecord
from trace_clustering.traces.window import format_time

_NO_CHARACTER: Final = re.compile("[\ud800-\udfff]")
# Range of ClickHouse's DateTime64 with microseconds.
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot be loaded.

    Attributes
    ----------
    line : int
        Counts from 1: the line of a JSON Lines file, the row of a Parquet file, the record of an array.
    reason : str
    place : str
        Where it is, for messages: `line 3`, or `part-1.parquet, row 3`.
    """

    line: int
    reason: str
    place: str = ""


@dataclass
class Repairs:
    """Counts the records with text that was no Unicode, and in which `\ufffd` now stands for it."""

    records: int = 0


def parse_record(row: dict[str, Any], repairs: Repairs) -> TraceRecord:
    """Check the fields of a row and return its record.

    Half surrogate pairs stand for what was no character. In a trace's id they are refused: two ids could
    become one.

    Raises
    ------
    BadValueError
        If a field is missing or wrong.
    """
    reader = RowReader(row)
    record = TraceRecord(
        trace_id=parse_trace_id(row.get("trace_id")),
        timestamp=parse_timestamp(row.get("timestamp")),
        title=reader.read_text("title"),
        flow_diagram=reader.read_text("flow_diagram"),
        bullets=reader.read_texts("bullets"),
        interesting_notes=reader.read_texts("interesting_notes"),
        properties=reader.read_properties(),
        embedding=parse_embedding(row.get("embedding")),
    )
    repairs.records += reader.has_repaired
    return record


def parse_trace_id(value: object) -> str:
    """Return the id of a trace, or raise `BadValueError`."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise BadValueError(f"trace_id must be a text that is not empty, not {_quote_value(value)}")
    if _NO_CHARACTER.search(value):
        raise BadValueError(
            "trace_id holds what is no character: bytes that are not UTF-8, or half of a surrogate pair"
        )
    return value


def parse_timestamp(value: object) -> datetime:
    """Return a moment in UTC, or raise `BadValueError`."""
    moment = value
    if isinstance(value, date) and not isinstance(value, datetime):
        moment = datetime.combine(value, time(), UTC)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        raise BadValueError(
            f"timestamp must be ISO 8601 such as 2025-01-22T13:45:00Z, not {_quote_value(value)}"
        )
    out_of_range = BadValueError(f"timestamp {_quote_value(value)} is outside the years 1900 to 2261")
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # before year 1 or after year 9999 in UTC
        raise out_of_range from None
    if not _EARLIEST <= moment < _LATEST:
        raise out_of_range
    return moment


class RowReader:
    """Reads the texts of a row, and remembers whether it repaired one."""

    def __init__(self, row: dict[str, Any]) -> None:
        self._row = row
        self.has_repaired = False

    def read_text(self, name: str) -> str:
        """Return a text; empty if it is missing."""
        value: object = self._row.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise BadValueError(f"{name} must be a text, not {_quote_value(value)}")
        return self._repair(value)

    def read_texts(self, name: str) -> list[str]:
        """Return a list of texts; they may be in objects, as PostHog's own events have them."""
        value = self._row.get(name)
        if value is None:
            return []
        items = value if isinstance(value, list) else [None]
        texts: list[Any] = [item.get("text") if isinstance(item, dict) else item for item in items]
        if not all(isinstance(text, str) for text in texts):
            raise BadValueError(f"{name} must be a list of texts, not {_quote_value(value)}")
        return [self._repair(text) for text in texts]

    def read_properties(self) -> dict[str, Any]:
        """Return the properties as JSON; empty if they are missing."""
        properties = _decode_properties(self._row.get("properties"))
        try:
            text = json.dumps(properties, allow_nan=False, ensure_ascii=False, default=_convert_value)
        except ValueError:
            raise BadValueError("properties hold NaN or infinity, which JSON does not have") from None
        except TypeError as error:  # bytes inside a Parquet struct
            raise BadValueError(f"properties must be a JSON object: {error}") from None
        except RecursionError:
            raise BadValueError("properties are nested too deeply") from None
        _require_flat(properties, text)
        repaired = self._repair(text)
        # Reading it again gives texts and numbers where times and decimals of Parquet were.
        return dict(json.loads(repaired))

    def _repair(self, text: str) -> str:
        if not _NO_CHARACTER.search(text):
            return text
        self.has_repaired = True
        return _NO_CHARACTER.sub("\ufffd", text)


def _decode_properties(value: object) -> dict[str, Any]:
    properties: object = {} if value is None else value
    if isinstance(value, str):
        try:
            properties = json.loads(value or "{}")
        except (ValueError, RecursionError):
            properties = None
    if not isinstance(properties, dict):
        raise BadValueError(f"properties must be a JSON object, not {_quote_value(value)}")
    return properties


def _require_flat(properties: dict[str, Any], text: str) -> None:
    """Refuse properties that are so deep that Python's limit could be met where they are written."""
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return
    level: list[Any] = [properties]
    for _ in range(MAX_JSON_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise BadValueError(f"properties are nested more than {MAX_JSON_DEPTH} levels deep")


def _convert_value(value: object) -> object:
    """Return a value of Parquet as JSON has it."""
    if isinstance(value, datetime):
        return format_time(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"it holds a value of the type {type(value).__name__}")


def parse_embedding(value: object) -> FloatArray:
    """Return an embedding, shape (d,), or raise `BadValueError`."""
    if value is None:
        raise BadValueError("embedding is missing")
    if isinstance(value, list) and any(isinstance(number, Decimal) for number in value):
        value = [float(number) if isinstance(number, Decimal) else number for number in value]
    try:
        vector = np.asarray(value)
    except ValueError:  # lists of different lengths inside
        vector = np.empty(0)
    holds_booleans = isinstance(value, list) and any(isinstance(number, bool) for number in value)
    if vector.ndim != 1 or len(vector) == 0 or vector.dtype.kind not in "iuf" or holds_booleans:
        raise BadValueError("embedding must be a list of numbers that is not empty")
    with np.errstate(over="ignore"):
        single = vector.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(single))
    if len(bad):
        kind = "NaN" if math.isnan(single[bad[0]]) else "too large for 32 bits"
        raise BadValueError(f"embedding[{bad[0]}] is {kind}")
    return single


def _quote_value(value: object) -> str:
    try:
        text = json.dumps(value, default=str)
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= 80 else text[:79] + "…"

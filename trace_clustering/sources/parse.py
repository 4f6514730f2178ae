"""Parses one row of a file to a trace record, and says what is wrong with a bad one."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trace_clustering.errors import BadValueError
from trace_clustering.traces.arrays import FloatArray
from trace_clustering.traces.record import TraceRecord

# Range of ClickHouse's DateTime64 with microseconds.
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot be loaded.

    `line` counts from 1: the line of a JSON Lines file, the row of a Parquet file.
    """

    line: int
    reason: str


def parse_record(row: dict[str, Any]) -> TraceRecord:
    """Check the fields of a row and return its record.

    Raises
    ------
    BadValueError
        If a field is missing or wrong.
    """
    return TraceRecord(
        trace_id=_parse_trace_id(row.get("trace_id")),
        timestamp=_parse_timestamp(row.get("timestamp")),
        title=_read_text(row, "title"),
        flow_diagram=_read_text(row, "flow_diagram"),
        bullets=_read_texts(row, "bullets"),
        interesting_notes=_read_texts(row, "interesting_notes"),
        properties=_parse_properties(row.get("properties")),
        embedding=_parse_embedding(row.get("embedding")),
    )


def _parse_trace_id(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadValueError(f"trace_id must be a text that is not empty, not {_quote_value(value)}")
    return _require_utf8("trace_id", value)


def _parse_timestamp(value: object) -> datetime:
    moment = value
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


def _read_text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadValueError(f"{name} must be a text, not {_quote_value(value)}")
    return _require_utf8(name, value)


def _read_texts(row: dict[str, Any], name: str) -> list[str]:
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadValueError(f"{name} must be a list of texts, not {_quote_value(value)}")
    return [_require_utf8(name, item) for item in value]


def _require_utf8(name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadValueError(f"{name} holds half of a surrogate pair, which is not a character") from None
    return text


def _parse_properties(value: object) -> dict[str, Any]:
    properties = value
    if isinstance(value, str):
        try:
            properties = json.loads(value or "{}")
        except (ValueError, RecursionError):
            properties = None
    elif value is None:
        properties = {}
    if not isinstance(properties, dict):
        raise BadValueError(f"properties must be a JSON object, not {_quote_value(value)}")
    try:
        _require_utf8("properties", json.dumps(properties, allow_nan=False, ensure_ascii=False))
    except ValueError:
        raise BadValueError("properties hold NaN or infinity, which JSON does not have") from None
    except TypeError as error:  # a time or bytes inside a Parquet struct
        raise BadValueError(f"properties must be a JSON object: {error}") from None
    return properties


def _parse_embedding(value: object) -> FloatArray:
    if value is None:
        raise BadValueError("embedding is missing")
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

"""Trace records: what one row of a file must hold to be loaded."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trace_clustering.errors import BadValueError
from trace_clustering.traces.arrays import FloatArray
from trace_clustering.traces.record import TraceRecord

# What DateTime64 with microseconds can hold.
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
        trace_id=_trace_id(row.get("trace_id")),
        timestamp=_timestamp(row.get("timestamp")),
        title=_text(row, "title"),
        flow_diagram=_text(row, "flow_diagram"),
        bullets=_texts(row, "bullets"),
        interesting_notes=_texts(row, "interesting_notes"),
        properties=_properties(row.get("properties")),
        embedding=_embedding(row.get("embedding")),
    )


def _trace_id(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadValueError(f"trace_id must be a text that is not empty, not {_shown(value)}")
    return _encodable("trace_id", value)


def _timestamp(value: object) -> datetime:
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        raise BadValueError(f"timestamp must be ISO 8601 such as 2025-01-22T13:45:00Z, not {_shown(value)}")
    out_of_range = BadValueError(f"timestamp {_shown(value)} is outside the years 1900 to 2261")
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # beyond the first or last year that Python has
        raise out_of_range from None
    if not _EARLIEST <= moment < _LATEST:
        raise out_of_range
    return moment


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadValueError(f"{name} must be a text, not {_shown(value)}")
    return _encodable(name, value)


def _texts(row: dict[str, Any], name: str) -> list[str]:
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadValueError(f"{name} must be a list of texts, not {_shown(value)}")
    return [_encodable(name, item) for item in value]


def _encodable(name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadValueError(f"{name} holds half of a surrogate pair, which is no character") from None
    return text


def _properties(value: object) -> dict[str, Any]:
    properties = value
    if isinstance(value, str):
        try:
            properties = json.loads(value or "{}")
        except (ValueError, RecursionError):
            properties = None
    elif value is None:
        properties = {}
    if not isinstance(properties, dict):
        raise BadValueError(f"properties must be a JSON object, not {_shown(value)}")
    try:
        _encodable("properties", json.dumps(properties, allow_nan=False, ensure_ascii=False))
    except ValueError:
        raise BadValueError("properties hold NaN or infinity, which JSON does not have") from None
    except TypeError as error:  # a time or bytes inside a Parquet struct
        raise BadValueError(f"properties must be a JSON object: {error}") from None
    return properties


def _embedding(value: object) -> FloatArray:
    if value is None:
        raise BadValueError("embedding is missing")
    try:
        vector = np.asarray(value)
    except ValueError:  # lists of different lengths inside
        vector = np.empty(0)
    holds_truth = isinstance(value, list) and any(isinstance(number, bool) for number in value)
    if vector.ndim != 1 or len(vector) == 0 or vector.dtype.kind not in "iuf" or holds_truth:
        raise BadValueError("embedding must be a list of numbers that is not empty")
    with np.errstate(over="ignore"):
        single = vector.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(single))
    if len(bad):
        kind = "NaN" if math.isnan(single[bad[0]]) else "too large for 32 bits"
        raise BadValueError(f"embedding[{bad[0]}] is {kind}")
    return single


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, default=str)
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= 80 else text[:79] + "…"

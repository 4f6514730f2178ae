"""Trace records in files: JSON Lines or Parquet, read in batches and checked one by one."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from trace_clustering.artifacts import FloatArray
from trace_clustering.errors import InvalidRecordError

_ROWS_PER_READ = 1000
_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
# What DateTime64 with microseconds can hold.
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class TraceRecord:
    """One trace to load: its summary, the properties of its generation, and its vector, shape (d,)."""

    trace_id: str
    timestamp: datetime
    title: str
    flow_diagram: str
    bullets: list[str]
    interesting_notes: list[str]
    properties: dict[str, Any]
    embedding: FloatArray


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot be loaded.

    `line` counts from 1: the line of a JSON Lines file, the row of a Parquet file.
    """

    line: int
    reason: str


def file_digest(path: Path) -> str:
    """Return a short text that identifies the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def count_records(path: Path) -> int:
    """Return about how many records a file holds, without reading them.

    Raises
    ------
    InvalidRecordError
        If the file is not there, or is neither JSON Lines nor Parquet.
    """
    if _is_parquet(path):
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return int(pq.read_metadata(path).num_rows)
        except pa.ArrowException as error:
            raise InvalidRecordError(f"{path} cannot be read as Parquet: {error}") from error
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def read_records(path: Path) -> Iterator[TraceRecord | BadRecord]:
    """Read the records of a file in order, good and bad; the first good vector fixes the length of all.

    Raises
    ------
    InvalidRecordError
        If the file is not there, or is neither JSON Lines nor Parquet.
    """
    length: int | None = None
    rows = _read_parquet(path) if _is_parquet(path) else _read_json_lines(path)
    for line, row in rows:
        try:
            if isinstance(row, str):
                raise _BadValueError(row)
            record = _parse(row)
            if length is not None and len(record.embedding) != length:
                raise _BadValueError(
                    f"embedding has {len(record.embedding)} numbers, the records before it have {length}"
                )
        except _BadValueError as error:
            yield BadRecord(line, str(error))
        else:
            length = len(record.embedding)
            yield record


class _BadValueError(Exception):
    """Why one record is bad."""


def _is_parquet(path: Path) -> bool:
    if not path.is_file():
        raise InvalidRecordError(f"There is no file {path}")
    suffix = path.suffix.lower()
    if suffix not in (".jsonl", ".ndjson", ".json", ".parquet", ".pq"):
        raise InvalidRecordError(
            f"{path} ends in {suffix or 'nothing'}; "
            "give a JSON Lines file (.jsonl) or a Parquet file (.parquet)"
        )
    return suffix in (".parquet", ".pq")


def _read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, f"is not JSON: {error}"
                continue
            yield number, row if isinstance(row, dict) else "is not a JSON object"


def _read_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in TraceRecord.__dataclass_fields__ if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=_ROWS_PER_READ, columns=names):
                vectors = _vectors(batch)
                for index, row in enumerate(batch.drop_columns(["embedding"] if vectors else []).to_pylist()):
                    number += 1
                    yield number, {**row, "embedding": vectors[index]} if vectors else row
    except pa.ArrowException as error:
        raise InvalidRecordError(f"{path} cannot be read as Parquet: {error}") from error


def _vectors(batch: Any) -> list[Any]:  # noqa: ANN401 - an Arrow record batch
    """Return the embeddings of a batch as arrays, without a Python object per number."""
    if "embedding" not in batch.schema.names:
        return []
    return [
        None if not scalar.is_valid else scalar.values.to_numpy(zero_copy_only=False)
        for scalar in batch["embedding"]
    ]


def _parse(row: dict[str, Any]) -> TraceRecord:
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
        raise _BadValueError(f"trace_id must be a text that is not empty, not {_shown(value)}")
    return _encodable("trace_id", value)


def _timestamp(value: object) -> datetime:
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        raise _BadValueError(f"timestamp must be ISO 8601 such as 2025-01-22T13:45:00Z, not {_shown(value)}")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if not _EARLIEST <= moment <= _LATEST:
        raise _BadValueError(f"timestamp {_shown(value)} is outside the years 1900 to 2261")
    return moment


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _BadValueError(f"{name} must be a text, not {_shown(value)}")
    return _encodable(name, value)


def _texts(row: dict[str, Any], name: str) -> list[str]:
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _BadValueError(f"{name} must be a list of texts, not {_shown(value)}")
    return [_encodable(name, item) for item in value]


def _encodable(name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _BadValueError(f"{name} holds half of a surrogate pair, which is no character") from None
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
        raise _BadValueError(f"properties must be a JSON object, not {_shown(value)}")
    try:
        json.dumps(properties, allow_nan=False)
    except ValueError:
        raise _BadValueError("properties hold NaN or infinity, which JSON does not have") from None
    return properties


def _embedding(value: object) -> FloatArray:
    if value is None:
        raise _BadValueError("embedding is missing")
    try:
        vector = np.asarray(value)
    except ValueError:  # lists of different lengths inside
        vector = np.empty(0)
    if vector.ndim != 1 or len(vector) == 0 or vector.dtype.kind not in "iuf":
        raise _BadValueError("embedding must be a list of numbers that is not empty")
    bad = np.flatnonzero(~(np.abs(vector) <= _LARGEST_FLOAT32))
    if len(bad):
        kind = "NaN" if math.isnan(vector[bad[0]]) else "too large for 32 bits"
        raise _BadValueError(f"embedding[{bad[0]}] is {kind}")
    return vector.astype(np.float32)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:79] + "…"

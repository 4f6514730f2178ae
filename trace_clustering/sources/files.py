"""Reads trace records from files: JSON Lines, JSON arrays or Parquet, or a folder of them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trace_clustering.errors import BadValueError
from trace_clustering.sources.containers import Row, count_rows, name_unit, read_rows
from trace_clustering.sources.inputs import list_parts
from trace_clustering.sources.parse import BadRecord, Repairs, parse_record
from trace_clustering.traces.record import TraceRecord

_COLUMNS: Final = tuple(TraceRecord.__dataclass_fields__)


def digest_file(path: Path) -> str:
    """Return a short text that identifies the content of a file, or of the files of a folder."""
    digests = []
    for part in list_parts(path):
        with part.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    whole = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return whole[:16]


def count_records(path: Path) -> int:
    """Return the approximate number of records in a file or folder, without parsing them.

    Raises
    ------
    InvalidRecordError
        If the file is not there, or is of no kind that can be read.
    """
    return sum(count_rows(part, _COLUMNS) for part in list_parts(path))


def read_records(path: Path, repairs: Repairs | None = None) -> Iterator[TraceRecord | BadRecord]:
    """Read the records of a file or folder in order, good and bad.

    All embeddings must have the length of the first good one. `repairs` counts the repaired records.

    Raises
    ------
    InvalidRecordError
        If the file is not there, or is of no kind that can be read.
    """
    length: int | None = None
    repairs = repairs or Repairs()
    parts = list_parts(path)
    for part in parts:
        place = f"{part.relative_to(path)}, " if len(parts) > 1 else ""
        unit = name_unit(part)
        for number, row in read_rows(part, _COLUMNS):
            try:
                record = _parse_row(row, length, repairs)
            except BadValueError as error:
                yield BadRecord(number, str(error), f"{place}{unit} {number}")
            else:
                length = len(record.embedding)
                yield record


def _parse_row(row: Row, length: int | None, repairs: Repairs) -> TraceRecord:
    if isinstance(row, str):
        raise BadValueError(row)
    record = parse_record(row, repairs)
    if length is not None and len(record.embedding) != length:
        raise BadValueError(
            f"embedding has {len(record.embedding)} numbers, the records before it have {length}"
        )
    return record

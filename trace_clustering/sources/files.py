"""Reads trace records from JSON Lines or Parquet files, in batches."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trace_clustering.errors import BadValueError, InvalidRecordError
from trace_clustering.sources.parse import BadRecord, parse_record
from trace_clustering.traces.record import TraceRecord

_ROWS_PER_READ = 1000


def digest_file(path: Path) -> str:
    """Return a short text that identifies the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def count_records(path: Path) -> int:
    """Return the approximate number of records in a file, without parsing them.

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
    """Read the records of a file in order, good and bad.

    All embeddings must have the length of the first good one.

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
                raise BadValueError(row)
            record = parse_record(row)
            if length is not None and len(record.embedding) != length:
                raise BadValueError(
                    f"embedding has {len(record.embedding)} numbers, the records before it have {length}"
                )
        except BadValueError as error:
            yield BadRecord(line, str(error))
        else:
            length = len(record.embedding)
            yield record


def _is_parquet(path: Path) -> bool:
    """Return whether a file is Parquet, else it is JSON Lines; raise if it is neither, or cannot be read."""
    try:
        path.open("rb").close()
    except (FileNotFoundError, IsADirectoryError):
        raise InvalidRecordError(f"There is no file {path}") from None
    except OSError as error:
        raise InvalidRecordError(f"{path} cannot be read: {error.strerror}") from error
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
                columns = [_convert_column(column) for column in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield number, dict(zip(batch.schema.names, values, strict=True))
    except (pa.ArrowException, OSError) as error:  # OSError: damaged pages
        raise InvalidRecordError(f"{path} cannot be read as Parquet: {error}") from error


def _convert_column(column: Any) -> list[Any]:  # noqa: ANN401 - an Arrow array
    """Return the values of a column, with lists of floats as arrays: no Python object for each number."""
    import pyarrow as pa

    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return _convert_column(column.storage)
    if _is_list(kind) and pa.types.is_floating(kind.value_type):
        return [
            scalar.values.to_numpy(zero_copy_only=False) if scalar.is_valid else None for scalar in column
        ]
    if pa.types.is_timestamp(kind) and kind.unit == "ns":  # Python's datetime has no nanoseconds
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, LookupError):
        return [_convert_scalar(scalar) for scalar in column]


def _is_list(kind: Any) -> bool:  # noqa: ANN401 - an Arrow type
    import pyarrow as pa

    return any(
        is_kind(kind) for is_kind in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    )


def _convert_scalar(scalar: Any) -> object:  # noqa: ANN401 - an Arrow scalar
    """Return a value, or the error if Python cannot hold it: a time before year 1, text that is not UTF-8."""
    try:
        return scalar.as_py()
    except (ValueError, OverflowError, LookupError) as error:
        return error

"""Reads the rows of a Parquet file as Python values, no more at once than a batch takes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trace_clustering.constants import MAX_BATCH_BYTES, MAX_RECORD_BYTES
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.json_values import TOO_LONG
from trace_clustering.sources.parquet_probe import READ_BUFFER_BYTES, choose_columns, probe_parquet


def read_parquet(
    path: Path, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield each row with its number, or the reason why it is not read.

    Text that is not UTF-8 holds half surrogate pairs, as with `surrogateescape`. A value that Python cannot
    hold is given as an error. Of the columns that are named, those are read that are there; by default all.

    Raises
    ------
    InvalidRecordError
        If the file is damaged, or takes too much memory or time.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    _, rows_at_once = probe_parquet(path, columns)
    number = 0
    try:
        with pq.ParquetFile(path, buffer_size=READ_BUFFER_BYTES) as file:
            names = choose_columns(file.schema_arrow.names, columns)
            batches = file.iter_batches(batch_size=rows_at_once, columns=names, use_threads=False)
            for batch in batches:
                for part in _split_batch(batch):
                    if part.num_rows == 1 and _measure(part) > MAX_RECORD_BYTES:
                        number += 1
                        yield number, TOO_LONG
                        continue
                    converted = [_convert_column(column) for column in part.columns]
                    for values in zip(*converted, strict=True):
                        number += 1
                        yield number, dict(zip(part.schema.names, values, strict=True))
    except (pa.ArrowException, OSError) as error:  # it changed since it was probed
        raise InvalidRecordError(f"{path} cannot be read as Parquet: {error}") from error


def _split_batch(batch: Any) -> Iterator[Any]:  # noqa: ANN401 - Arrow record batches
    """Yield a batch whole if it is small, else its rows one by one: Python values take several times more."""
    if _measure(batch) <= MAX_BATCH_BYTES:
        yield batch
    else:
        yield from (batch.slice(row, 1) for row in range(batch.num_rows))


def _measure(batch: Any) -> int:  # noqa: ANN401 - an Arrow record batch
    """Return how many bytes the values of a batch take at most; a dictionary may be used by every row."""
    import pyarrow as pa

    return sum(
        column.nbytes * len(column) if pa.types.is_dictionary(column.type) else column.nbytes
        for column in batch.columns
    )


def _convert_column(column: Any) -> list[Any]:  # noqa: ANN401 - an Arrow array
    """Return the values of a column, with lists of floats as arrays: no Python object for each number."""
    import pyarrow as pa

    kind = column.type
    if isinstance(column, pa.ExtensionArray) and not isinstance(kind, pa.UuidType):
        return _convert_column(column.storage)
    if _is_list(kind) and pa.types.is_floating(kind.value_type):
        return [
            scalar.values.to_numpy(zero_copy_only=False) if scalar.is_valid else None for scalar in column
        ]
    if _is_simple(kind):
        try:
            return list(column.to_pylist())
        except (ValueError, OverflowError, LookupError):  # a time before year 1, text that is not UTF-8
            pass
    return [_try_convert_scalar(scalar) for scalar in column]


def _is_list(kind: Any) -> bool:  # noqa: ANN401 - an Arrow type
    import pyarrow as pa

    return any(
        is_kind(kind) for is_kind in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    )


def _is_simple(kind: Any) -> bool:  # noqa: ANN401 - an Arrow type
    """Return whether Arrow converts a type as JSON has it: no maps, no ids, and no times in nanoseconds."""
    import pyarrow as pa

    if (
        isinstance(kind, pa.UuidType)
        or pa.types.is_map(kind)
        or (pa.types.is_timestamp(kind) and kind.unit == "ns")
    ):
        return False
    return all(_is_simple(kind.field(index).type) for index in range(kind.num_fields))


def _try_convert_scalar(scalar: Any) -> object:  # noqa: ANN401 - an Arrow scalar
    """Return a value, or the error if Python cannot hold it."""
    try:
        return _convert_scalar(scalar)
    except (ValueError, OverflowError, LookupError) as error:
        return error


def _convert_scalar(scalar: Any) -> Any:  # noqa: ANN401 - an Arrow scalar, and its value
    """Return a value: a map as a dictionary, an id as text, a time in microseconds, text of any bytes."""
    import pyarrow as pa

    kind = scalar.type
    if not scalar.is_valid:
        return None
    if isinstance(kind, pa.UuidType):
        return str(scalar.as_py())
    if isinstance(scalar, pa.ExtensionScalar | pa.DictionaryScalar):
        return _convert_scalar(scalar.value)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return scalar.as_buffer().to_pybytes().decode(errors="surrogateescape")
    if pa.types.is_map(kind):
        pairs = [(_convert_scalar(pair[0]), _convert_scalar(pair[1])) for pair in scalar.values]
        return {key if isinstance(key, str) else str(key): value for key, value in pairs}
    if _is_list(kind):
        return [_convert_scalar(item) for item in scalar.values]
    if pa.types.is_struct(kind):
        return {kind.field(index).name: _convert_scalar(scalar[index]) for index in range(kind.num_fields)}
    if pa.types.is_timestamp(kind) and kind.unit == "ns":  # Python's datetime has no nanoseconds
        return scalar.cast(pa.timestamp("us", kind.tz), safe=False).as_py()
    return scalar.as_py()

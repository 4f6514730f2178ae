"""Artifacts as Parquet, one self-contained file each, and back.

What has a row per trace is a column that any Parquet reader understands (matrices as fixed-size lists);
the rest is JSON in the file's metadata under the key `trace_clustering`.
"""

import dataclasses
import json
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.fields import Artifact, StoredAs, stored_as
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.artifacts.traces import Embeddings, ReducedEmbeddings

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

HEADER_KEY = b"trace_clustering"
# Raise it when a field is renamed, and when files without a new field can no longer be read.
FORMAT = 2
_FORMAT_WITHOUT_NUMBER = 1

# What is in memory once more while a file is written or read: 50 MB of vectors of 3,072 dimensions.
_ROWS_PER_GROUP = 4096
_ROWS_PER_BATCH = 1024

_KINDS: dict[str, type[Artifact]] = {
    kind.__name__: kind
    for kind in (
        Embeddings,
        ReducedEmbeddings,
        ClusterAssignments,
        Projection2D,
        ClusterLabels,
        EventReceipt,
    )
}


def to_parquet(artifact: Artifact, file: IO[bytes]) -> None:
    """Write the artifact as a Parquet file, a group of rows at a time, so that no array is held twice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    header: dict[str, Any] = {
        "format": FORMAT,
        "kind": type(artifact).__name__,
        "provenance": artifact.provenance.to_json(),
    }
    columns = {}
    for declared in dataclasses.fields(artifact):
        value, stored = getattr(artifact, declared.name), stored_as(declared)
        if stored.is_column:
            columns[stored.name] = value
        elif declared.name != "provenance":
            header[stored.name] = _to_json(value) if isinstance(value, np.ndarray) else value
    metadata = {HEADER_KEY: json.dumps(header, allow_nan=False, sort_keys=True)}
    rows = len(next(iter(columns.values())))
    groups = (
        pa.table({name: _to_arrow(values[row : row + _ROWS_PER_GROUP]) for name, values in columns.items()})
        for row in range(0, max(rows, 1), _ROWS_PER_GROUP)
    )
    first = next(groups)
    with pq.ParquetWriter(
        file,
        first.schema.with_metadata(metadata),
        compression="zstd",
        use_dictionary=False,
        store_schema=True,
        write_page_checksum=True,
    ) as writer:
        for group in chain([first], groups):
            writer.write_table(group)


def from_parquet(file: IO[bytes]) -> Artifact:
    """Rebuild an artifact from its file, a batch of rows at a time; its arrays can be written to.

    What an earlier version of the project did not store gets its default, where there is one.

    Raises
    ------
    ValueError
        If the content is not an artifact of this project, is damaged, or was made by another version that
        stored something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    written_in = FORMAT
    try:
        with pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=False) as stored:
            header = json.loads(stored.schema_arrow.metadata[HEADER_KEY])
            written_in = header.get("format", _FORMAT_WITHOUT_NUMBER)
            kind = _KINDS[header["kind"]]
            fields = {f: _name_in(stored_as(f), written_in) for f in dataclasses.fields(kind)}
            columns = {f: name for f, name in fields.items() if stored_as(f).is_column}
            values = _read_columns(stored, columns)
        values["provenance"] = Provenance.from_json(header["provenance"])
        for f, name in fields.items():
            if f.name not in values and (name in header or f.default_factory is dataclasses.MISSING):
                values[f.name] = _from_json(header[name], stored_as(f))
    except (pa.ArrowException, OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(_explain(error, written_in)) from error
    return kind(**values)


def _name_in(stored: StoredAs, written_in: int) -> str:
    return stored.name if written_in >= FORMAT else stored.former_name


def _explain(error: Exception, written_in: int) -> str:
    """Return why a file cannot be used: another version made it, or it is no artifact, or damaged."""
    if written_in == FORMAT:
        return f"not an artifact of trace_clustering, or a damaged one: {error}"
    age = "an older" if written_in < FORMAT else "a newer"
    return f"made by {age} version of trace_clustering, which stored something else: {error}"


def _read_columns(stored: "pq.ParquetFile", columns: "dict[dataclasses.Field[Any], str]") -> dict[str, Any]:
    """Read columns in batches, each into an array that has the right size from the start."""
    metadata, schema = stored.metadata, stored.schema_arrow
    rows = metadata.num_rows
    if rows != sum(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)):
        raise ValueError("a damaged artifact: its row groups do not add up to its number of rows")
    arrays: dict[str, Any] = {}
    present: dict[str, str] = {}
    for f, name in columns.items():
        how = stored_as(f)
        if name not in schema.names and how.fill is not None:
            arrays[f.name] = np.full(rows, how.fill, dtype=how.dtype)
        else:
            present[f.name] = schema.field(name).name
            arrays[f.name] = np.empty((0,) * how.ndim, dtype=how.dtype)
    start = 0
    for batch in stored.iter_batches(_ROWS_PER_BATCH, columns=list(present.values())):
        for field_name, name in present.items():
            part = _from_arrow(batch.column(name))
            if start == 0:
                arrays[field_name] = np.empty((rows, *part.shape[1:]), dtype=arrays[field_name].dtype)
            arrays[field_name][start : start + len(part)] = part
        start += len(batch)
    return arrays


def _from_json(value: Any, how: StoredAs) -> Any:  # noqa: ANN401 - any JSON
    """Return an entry of the header as its field holds it; null in an array becomes NaN."""
    if not how.dtype:
        return value
    array = np.array(value, dtype=how.dtype)
    return array.reshape(len(value), len(value[0]) if value else 0) if how.ndim == 2 else array


def _to_json(values: np.ndarray) -> list[Any]:
    """Return an array as an entry of the header; NaN, which JSON does not have, becomes null."""
    return [None if number != number else number for number in values.tolist()]


def _to_arrow(values: np.ndarray) -> "pa.Array":
    import pyarrow as pa

    if values.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), max(values.shape[1], 1))
    if values.dtype == object:
        return pa.array(values, type=pa.string())
    if values.dtype.kind == "M":
        return pa.array(values, type=pa.timestamp(np.datetime_data(values.dtype)[0], tz="UTC"))
    return pa.array(values)


def _from_arrow(array: "pa.Array") -> np.ndarray:
    import pyarrow as pa

    if pa.types.is_fixed_size_list(array.type):
        return np.asarray(array.flatten()).reshape(len(array), array.type.list_size)
    return np.asarray(array.to_numpy(zero_copy_only=False))

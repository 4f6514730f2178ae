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
from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.artifacts.traces import Embeddings, ReducedEmbeddings

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

HEADER_KEY = b"trace_clustering"

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
    """Write the artifact as a Parquet file, by and by, so that its arrays need not be there twice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    header: dict[str, Any] = {"kind": type(artifact).__name__, "provenance": artifact.provenance.to_json()}
    columns = {}
    for f in dataclasses.fields(artifact):
        value = getattr(artifact, f.name)
        if f.metadata.get("column"):
            columns[f.name] = value
        elif f.name != "provenance":
            header[f.name] = _to_json(value) if isinstance(value, np.ndarray) else value
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
    """Rebuild an artifact from its file, by and by; its arrays can be written to.

    Raises
    ------
    ValueError
        If the content is not an artifact of this project, or a damaged one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=False) as stored:
            header = json.loads(stored.schema_arrow.metadata[HEADER_KEY])
            kind = _KINDS[header["kind"]]
            values = _read_columns(stored, [f for f in dataclasses.fields(kind) if f.metadata.get("column")])
        values["provenance"] = Provenance.from_json(header["provenance"])
        for f in dataclasses.fields(kind):
            if f.name in values:
                continue
            values[f.name] = header[f.name]
            if f.metadata:
                rows = header[f.name]
                values[f.name] = np.array(rows, dtype=f.metadata["dtype"])  # null becomes NaN
                if f.metadata["ndim"] == 2:
                    values[f.name] = values[f.name].reshape(len(rows), len(rows[0]) if rows else 0)
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise ValueError(f"not an artifact of trace_clustering, or a damaged one: {error}") from error
    return kind(**values)


def _read_columns(stored: "pq.ParquetFile", fields: "list[dataclasses.Field[Any]]") -> dict[str, Any]:
    """Read columns in batches, each into an array that has the right size from the start."""
    metadata, schema = stored.metadata, stored.schema_arrow
    rows = metadata.num_rows
    if rows != sum(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)):
        raise ValueError("a damaged artifact: it is not clear how many rows it has")
    columns = {f.name: np.empty((0,) * f.metadata["ndim"], dtype=f.metadata["dtype"]) for f in fields}
    names = [schema.field(name).name for name in columns]
    start = 0
    for batch in stored.iter_batches(_ROWS_PER_BATCH, columns=names):
        for name in names:
            part = _from_arrow(batch.column(name))
            if start == 0:
                columns[name] = np.empty((rows, *part.shape[1:]), dtype=columns[name].dtype)
            columns[name][start : start + len(part)] = part
        start += len(batch)
    return columns


def _to_json(values: np.ndarray) -> list[Any]:
    """Return the numbers of a header; NaN, which JSON does not have, becomes null."""
    return [None if number != number else number for number in values.tolist()]


def _to_arrow(values: np.ndarray) -> "pa.Array":
    import pyarrow as pa

    if values.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), max(values.shape[1], 1))
    if values.dtype == object:
        return pa.array(values, type=pa.string())
    if values.dtype.kind == "M":
        return pa.array(values, type=pa.timestamp("ms", tz="UTC"))
    return pa.array(values)


def _from_arrow(array: "pa.Array") -> np.ndarray:
    import pyarrow as pa

    if pa.types.is_fixed_size_list(array.type):
        return np.asarray(array.flatten()).reshape(len(array), array.type.list_size)
    return np.asarray(array.to_numpy(zero_copy_only=False))

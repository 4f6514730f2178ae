"""Artifacts as Parquet, one self-contained file each, and back.

What has a row per trace is a column that any Parquet reader understands (matrices as fixed-size lists);
the rest is JSON in the file's metadata under the key `trace_clustering`.
"""

import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from trace_clustering import artifacts
from trace_clustering.artifacts import Artifact, Provenance

if TYPE_CHECKING:
    import pyarrow as pa

HEADER_KEY = b"trace_clustering"

_KINDS: dict[str, type[Artifact]] = {
    kind.__name__: kind
    for kind in (
        artifacts.Embeddings,
        artifacts.ReducedEmbeddings,
        artifacts.ClusterAssignments,
        artifacts.Projection2D,
        artifacts.ClusterLabels,
        artifacts.EventReceipt,
    )
}


def to_parquet(artifact: Artifact) -> bytes:
    """Return the artifact as the bytes of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    header: dict[str, Any] = {"kind": type(artifact).__name__, "provenance": artifact.provenance.to_json()}
    columns = {}
    for f in dataclasses.fields(artifact):
        value = getattr(artifact, f.name)
        if f.metadata.get("column"):
            columns[f.name] = _to_arrow(value, f.metadata["dtype"])
        elif f.name != "provenance":
            header[f.name] = _to_json(value) if isinstance(value, np.ndarray) else value
    table = pa.table(columns).replace_schema_metadata(
        {HEADER_KEY: json.dumps(header, allow_nan=False, sort_keys=True)}
    )
    buffer = io.BytesIO()
    pq.write_table(
        table, buffer, compression="zstd", use_dictionary=False, store_schema=True, write_page_checksum=True
    )
    return buffer.getvalue()


def from_parquet(content: bytes) -> Artifact:
    """Rebuild an artifact from the bytes of its file.

    Raises
    ------
    ValueError
        If the content is not an artifact of this project, or a damaged one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
        header = json.loads(table.schema.metadata[HEADER_KEY])
        kind = _KINDS[header["kind"]]
        values: dict[str, Any] = {"provenance": Provenance.from_json(header["provenance"])}
        for f in dataclasses.fields(kind):
            if f.metadata.get("column"):
                values[f.name] = _from_arrow(table.column(f.name), f.metadata["dtype"])
            elif f.metadata:
                rows = header[f.name]
                values[f.name] = np.array(rows, dtype=f.metadata["dtype"])  # null becomes NaN
                if f.metadata["ndim"] == 2:
                    values[f.name] = values[f.name].reshape(len(rows), len(rows[0]) if rows else 0)
            elif f.name != "provenance":
                values[f.name] = header[f.name]
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise ValueError(f"not an artifact of trace_clustering, or a damaged one: {error}") from error
    return kind(**values)


def _to_json(values: np.ndarray) -> list[Any]:
    """Return the numbers of a header; NaN, which JSON does not have, becomes null."""
    return [None if number != number else number for number in values.tolist()]


def _to_arrow(values: np.ndarray, dtype: str) -> "pa.Array":
    import pyarrow as pa

    if values.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), max(values.shape[1], 1))
    if dtype == "object":
        return pa.array(values, type=pa.string())
    if dtype == "datetime64[ms]":
        return pa.array(values, type=pa.timestamp("ms", tz="UTC"))
    return pa.array(values)


def _from_arrow(column: "pa.ChunkedArray", dtype: str) -> np.ndarray:
    import pyarrow as pa

    array = column.combine_chunks()
    if pa.types.is_fixed_size_list(array.type):
        width = array.type.list_size if len(array) else 0
        return np.asarray(array.flatten()).reshape(len(array), width)
    return np.asarray(array.to_numpy(zero_copy_only=False)).astype(dtype, copy=False)

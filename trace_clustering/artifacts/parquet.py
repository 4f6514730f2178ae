"""Writes each artifact as one Parquet file, and reads it back.

Arrays with a row per trace (or cluster) are columns that any Parquet reader understands, matrices as
fixed-size lists. The rest is JSON in the file's metadata under the key `trace_clustering`.
"""

import dataclasses
import json
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.fields import Artifact, FieldStorage, get_storage
from trace_clustering.artifacts.ingestion import DocumentEmbeddings, IngestedTraces, TraceSummaries
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.artifacts.topics import ClusterIdentities, ClusterMetrics, WindowAssignments
from trace_clustering.artifacts.traces import Embeddings, ReducedEmbeddings

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

HEADER_KEY = b"trace_clustering"
# Raise it when a field is renamed, or a new field has no default for older files.
FORMAT = 2
_FORMAT_WITHOUT_NUMBER = 1

# Rows that are held twice while a file is written or read. 4,096 embeddings of 3,072 dimensions take 50 MB.
_ROWS_PER_GROUP = 4096
_ROWS_PER_BATCH = 1024

_KINDS: dict[str, type[Artifact]] = {
    kind.__name__: kind
    for kind in (
        IngestedTraces,
        TraceSummaries,
        DocumentEmbeddings,
        Embeddings,
        ReducedEmbeddings,
        ClusterAssignments,
        Projection2D,
        ClusterIdentities,
        ClusterLabels,
        WindowAssignments,
        ClusterMetrics,
        EventReceipt,
    )
}


def to_parquet(artifact: Artifact, file: IO[bytes]) -> None:
    """Write the artifact as a Parquet file, one group of rows at a time, so that no array is held twice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    header: dict[str, Any] = {
        "format": FORMAT,
        "kind": type(artifact).__name__,
        "digest": artifact.digest,
        "provenance": artifact.provenance.to_json(),
    }
    columns = {}
    for declared in dataclasses.fields(artifact):
        value, stored = getattr(artifact, declared.name), get_storage(declared)
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
    """Read an artifact from its file, one batch of rows at a time; its arrays are writeable.

    A field that an earlier version of the project did not store gets its default, if it has one.

    Raises
    ------
    ValueError
        If the content is not an artifact of this project, is damaged, or was made by another version whose
        fields are not known here.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file_format = FORMAT
    try:
        with pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=False) as stored:
            header = json.loads(stored.schema_arrow.metadata[HEADER_KEY])
            file_format = header.get("format", _FORMAT_WITHOUT_NUMBER)
            kind = _KINDS[header["kind"]]
            fields = {f: _choose_name(get_storage(f), file_format) for f in dataclasses.fields(kind)}
            columns = {f: name for f, name in fields.items() if get_storage(f).is_column}
            values = _read_columns(stored, columns)
        values["provenance"] = Provenance.from_json(header["provenance"])
        for f, name in fields.items():
            if f.name not in values and (name in header or f.default_factory is dataclasses.MISSING):
                values[f.name] = _from_json(header[name], get_storage(f))
    except (pa.ArrowException, OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(_explain_unreadable_file(error, file_format)) from error
    artifact = kind(**values)
    if digest := header.get("digest"):
        artifact.keep_digest(digest)
    return artifact


def read_identity(file: IO[bytes]) -> tuple[str, Provenance] | None:
    """Return the digest and the provenance of a stored artifact from the end of its file.

    None if the file is no artifact, is damaged there, or has no digest because it is older.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as stored:
            header = json.loads(stored.schema_arrow.metadata[HEADER_KEY])
        return header["digest"], Provenance.from_json(header["provenance"])
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _choose_name(stored: FieldStorage, file_format: int) -> str:
    return stored.name if file_format >= FORMAT else stored.former_name


def _explain_unreadable_file(error: Exception, file_format: int) -> str:
    """Return why a file cannot be used: another version made it, it is not an artifact, or it is damaged."""
    if file_format == FORMAT:
        return f"not an artifact of trace_clustering, or a damaged one: {error}"
    age = "an older" if file_format < FORMAT else "a newer"
    return f"made by {age} version of trace_clustering, which stored something else: {error}"


def _read_columns(stored: "pq.ParquetFile", columns: "dict[dataclasses.Field[Any], str]") -> dict[str, Any]:
    """Read columns in batches into arrays that are allocated once, so that no array is held twice."""
    metadata, schema = stored.metadata, stored.schema_arrow
    rows = metadata.num_rows
    if rows != sum(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)):
        raise ValueError("a damaged artifact: its row groups do not add up to its number of rows")
    arrays: dict[str, Any] = {}
    present: dict[str, str] = {}
    for f, name in columns.items():
        how = get_storage(f)
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


def _from_json(value: Any, how: FieldStorage) -> Any:  # noqa: ANN401 - any JSON
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

"""Artifacts become files that every Parquet reader understands, and come back as they were."""

import dataclasses
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.fields import Artifact, stored_as
from trace_clustering.artifacts.parquet import HEADER_KEY, from_parquet, to_parquet
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.artifacts.traces import Embeddings, ReducedEmbeddings, TraceArtifact
from trace_clustering_tests.examples import WINDOW

# One file of each kind, as the last version without a format number wrote them.
FORMAT_1 = Path(__file__).parent / "format_1"

PROVENANCE = Provenance(1, WINDOW, {"run_label": "trial", "clustering_method_params": {"min_samples": 5}})
SHORTAGE = PROVENANCE.with_shortage(3, 3)
IDENTITY = {
    "trace_ids": np.array(["a", "b", "čaj ☕"], dtype=object),
    "timestamps": np.array(["2025-01-20T01:02:03.004", "2025-01-21", "2025-01-22"], dtype="datetime64[ms]"),
    "trace_times": np.array(["2025-01-19T23:00:00.123456", "NaT", "2025-01-21"], dtype="datetime64[us]"),
    "batch_run_ids": np.array(["1_2025", "", "1_2025"], dtype=object),
}


def texts(*values: str) -> np.ndarray:
    return np.array(values, dtype=object)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def embeddings(**changes: object) -> Embeddings:
    vectors = np.array([[0.5, 1, 1.5, 2], [2.5, 3, 3.5, 4], [4.5, 5, 5.5, 6]], dtype=np.float32)
    fields = {"provenance": PROVENANCE, "embeddings": vectors, "traces_in_window": 9} | IDENTITY | changes
    return Embeddings(**fields)


def assignments(labels: list[int], centroids: np.ndarray) -> ClusterAssignments:
    return ClusterAssignments(
        provenance=PROVENANCE,
        **IDENTITY,
        cluster_ids=np.array(labels),
        probabilities=floats(1, 0.5, 0),
        nearest_cluster_ids=np.array([0, 0, -1]),
        distances_to_nearest=floats(0.25, 0.5, 0.75),
        distances_to_centroid=floats(0.25, 0.5, 0.75),
        centroids=centroids,
        stabilities=floats(0.9375, np.nan)[: len(centroids)],
    )


FULL = {
    "Embeddings": embeddings(),
    "ReducedEmbeddings": ReducedEmbeddings(
        provenance=PROVENANCE,
        **IDENTITY,
        points=floats(1, 2, 3, 4, 5, 6).reshape(3, 2),
        neighbors=np.array([[0, 1], [1, 0], [2, 1]], dtype=np.int32),
        n_layouts=2,
    ),
    "ClusterAssignments": assignments([0, 1, -1], floats(1.5, 2.5, 3.5, 4.5).reshape(2, 2)),
    "Projection2D": Projection2D(
        provenance=PROVENANCE,
        **IDENTITY,
        cluster_ids=np.array([0, 0, -1]),
        coordinates=floats(1, 2, 3, 4, 5, 6).reshape(3, 2),
        clusters=[0, -1],
        centroid_coordinates=floats(2, 3, 5, 6).reshape(2, 2),
    ),
    "ClusterLabels": ClusterLabels(
        provenance=PROVENANCE,
        cluster_ids=np.array([0, -1]),
        sizes=np.array([2, 1]),
        titles=texts("Refunds", "Outliers"),
        descriptions=texts("- 2 of 3 traces\n- For example: čaj ☕", ""),
        labelers=texts("agent", "fallback"),
        accuracies=floats(0.75, np.nan),
        labeling={"model": "small", "cost_usd": None},
    ),
    "EventReceipt": EventReceipt(
        provenance=PROVENANCE,
        event_uuids=texts("7c3f1d0e-0000-5000-8000-000000000000"),
        run_ids=texts("1_trace_20250123_000000"),
        outcomes=texts("emitted"),
        payload_bytes=np.array([2**40]),
    ),
}
EMPTY = {
    "Embeddings": Embeddings.empty(SHORTAGE, traces_in_window=3),
    "ReducedEmbeddings": ReducedEmbeddings.empty(SHORTAGE),
    "ClusterAssignments": ClusterAssignments.empty(SHORTAGE),
    "Projection2D": Projection2D.empty(SHORTAGE),
    "ClusterLabels": ClusterLabels.empty(SHORTAGE),
    "EventReceipt": EventReceipt.empty(SHORTAGE),
}
EVERY = [
    pytest.param(artifact, id=f"{kind}-{how}")
    for how, artifacts in (("full", FULL), ("empty", EMPTY))
    for kind, artifact in artifacts.items()
]

# What a reader sees of each kind of field: DuckDB's type, ClickHouse's type.
TEXT = ("VARCHAR", "Nullable(String)")
TIME = ("TIMESTAMP WITH TIME ZONE", "Nullable(DateTime64(3, 'UTC'))")
INTEGER = ("BIGINT", "Nullable(Int64)")
NUMBER = ("FLOAT", "Nullable(Float32)")
VECTOR = ("FLOAT[]", "Array(Nullable(Float32))")
ROWS = ("INTEGER[]", "Array(Nullable(Int32))")
MICROSECONDS = ("TIMESTAMP WITH TIME ZONE", "Nullable(DateTime64(6, 'UTC'))")
TRACE = {"trace_id": TEXT, "timestamp": TIME, "trace_time": MICROSECONDS, "batch_run_id": TEXT}
COLUMNS = {
    "Embeddings": TRACE | {"embedding": VECTOR},
    "ReducedEmbeddings": TRACE | {"point": VECTOR, "neighbors": ROWS},
    "ClusterAssignments": TRACE
    | {
        "cluster_id": INTEGER,
        "probability": NUMBER,
        "nearest_cluster_id": INTEGER,
        "distance_to_nearest": NUMBER,
        "distance_to_centroid": NUMBER,
    },
    "Projection2D": TRACE | {"cluster_id": INTEGER, "coordinates": VECTOR},
    "ClusterLabels": {
        "cluster_id": INTEGER,
        "size": INTEGER,
        "title": TEXT,
        "description": TEXT,
        "labeler": TEXT,
        "accuracy": NUMBER,
    },
    "EventReceipt": {"event_uuid": TEXT, "run_id": TEXT, "outcome": TEXT, "payload_bytes": INTEGER},
}


def stored(artifact: Artifact, folder: Path) -> Path:
    path = folder / "1.parquet"
    path.write_bytes(written(artifact))
    return path


def written(artifact: Artifact) -> bytes:
    file = io.BytesIO()
    to_parquet(artifact, file)
    return file.getvalue()


def read(content: bytes) -> Artifact:
    return from_parquet(io.BytesIO(content))


def rows_of(artifact: Artifact) -> int:
    return len(
        next(getattr(artifact, f.name) for f in dataclasses.fields(artifact) if stored_as(f).is_column)
    )


def assert_same(given: Artifact, back: Artifact) -> None:
    assert type(back) is type(given)
    for field in dataclasses.fields(given):
        one, other = getattr(given, field.name), getattr(back, field.name)
        if isinstance(one, np.ndarray):
            assert (other.shape, other.dtype) == (one.shape, one.dtype), field.name
            np.testing.assert_array_equal(other, one, err_msg=field.name)  # for which NaN is NaN
        else:
            assert other == one, field.name


@pytest.mark.parametrize("artifact", EVERY)
def test_an_artifact_comes_back_as_it_was(artifact: Artifact) -> None:
    assert_same(artifact, read(written(artifact)))


def many_traces() -> ReducedEmbeddings:
    """More rows than are written or read in one go."""
    n = 9001
    return ReducedEmbeddings(
        provenance=PROVENANCE,
        trace_ids=texts(*(f"trace-{number}" for number in range(n))),
        timestamps=np.arange(n).astype("datetime64[ms]"),
        trace_times=np.arange(n).astype("datetime64[us]"),
        batch_run_ids=texts(*("" for _ in range(n))),
        points=np.arange(3 * n, dtype=np.float32).reshape(n, 3),
        neighbors=np.arange(2 * n, dtype=np.int32).reshape(2, n).T,  # in another order in memory
        n_layouts=1,
    )


def test_an_artifact_of_many_traces_comes_back_as_it_was_and_can_be_written_to() -> None:
    back = read(written(many_traces()))
    assert_same(many_traces(), back)
    assert isinstance(back, ReducedEmbeddings)
    assert back.points.flags.writeable
    assert back.points.flags.c_contiguous


def test_an_artifact_of_earlier_versions_with_all_rows_in_one_group_is_read() -> None:
    file = io.BytesIO()
    table = pq.read_table(io.BytesIO(written(many_traces())))
    pq.write_table(table, file, compression="zstd", use_dictionary=False, write_page_checksum=True)
    assert pq.read_metadata(file).num_row_groups == 1
    assert_same(many_traces(), read(file.getvalue()))


@pytest.mark.parametrize("kind", FULL)
def test_an_artifact_of_format_1_is_read(kind: str) -> None:
    given = FULL[kind]
    if isinstance(given, TraceArtifact):  # which had no times of traces
        given = dataclasses.replace(given, trace_times=np.full(3, "NaT", dtype="datetime64[us]"))
    assert_same(given, read((FORMAT_1 / f"{kind}.parquet").read_bytes()))


def test_clusters_of_nothing_but_noise_come_back_without_centroids() -> None:
    back = read(written(assignments([-1, -1, -1], np.empty((0, 2), dtype=np.float32))))
    assert isinstance(back, ClusterAssignments)
    assert len(back.centroids) == 0
    assert back.clusters() == [-1]


@pytest.mark.parametrize("artifact", EVERY)
def test_the_same_artifact_is_the_same_file_byte_by_byte(artifact: Artifact) -> None:
    settings = dict(reversed(artifact.provenance.settings.items()))
    same = dataclasses.replace(
        artifact, provenance=dataclasses.replace(artifact.provenance, settings=settings)
    )
    assert written(artifact) == written(same) == written(read(written(artifact)))


@pytest.mark.parametrize("artifact", EVERY)
def test_pandas_reads_the_columns(artifact: Artifact, tmp_path: Path) -> None:
    frame = pd.read_parquet(stored(artifact, tmp_path))
    assert list(frame.columns) == list(COLUMNS[type(artifact).__name__])
    assert len(frame) == rows_of(artifact)


def test_pandas_reads_the_values(tmp_path: Path) -> None:
    first = pd.read_parquet(stored(embeddings(), tmp_path)).iloc[0]
    assert first["trace_id"] == "a"
    assert first["timestamp"] == pd.Timestamp("2025-01-20T01:02:03.004Z")
    assert first["embedding"].tolist() == [0.5, 1, 1.5, 2]


@pytest.mark.parametrize("artifact", EVERY)
def test_pyarrow_reads_the_columns_and_the_header(artifact: Artifact, tmp_path: Path) -> None:
    table = pq.read_table(stored(artifact, tmp_path))
    header = json.loads(table.schema.metadata[HEADER_KEY])
    assert table.column_names == list(COLUMNS[type(artifact).__name__])
    assert table.num_rows == rows_of(artifact)
    assert header["kind"] == type(artifact).__name__
    assert header["provenance"]["window_end"] == "2025-01-23T00:00:00Z"


@pytest.mark.parametrize("artifact", EVERY)
def test_duckdb_reads_the_columns(artifact: Artifact, tmp_path: Path) -> None:
    source = f"'{stored(artifact, tmp_path)}'"
    described = duckdb.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()
    expected = {name: types[0] for name, types in COLUMNS[type(artifact).__name__].items()}
    assert {row[0]: row[1] for row in described} == expected
    assert duckdb.sql(f"SELECT count(*) FROM {source}").fetchall() == [(rows_of(artifact),)]


def test_duckdb_reads_the_values(tmp_path: Path) -> None:
    source = f"'{stored(embeddings(), tmp_path)}'"
    rows = duckdb.sql(f"SELECT trace_id, epoch_ms(timestamp), embedding FROM {source} LIMIT 1").fetchall()
    moment = datetime(2025, 1, 20, 1, 2, 3, 4000, tzinfo=UTC)
    assert rows == [("a", round(moment.timestamp() * 1000), [0.5, 1, 1.5, 2])]


def test_clickhouse_reads_the_columns_and_the_values(tmp_path: Path) -> None:
    import clickhouse_connect

    client = clickhouse_connect.get_client(interface="chdb", path=str(tmp_path / "clickhouse"))
    try:
        for artifact in (*FULL.values(), *EMPTY.values()):
            source = f"file('{stored(artifact, tmp_path)}', Parquet)"
            described = client.query(f"DESCRIBE TABLE {source}").result_rows
            expected = {name: types[1] for name, types in COLUMNS[type(artifact).__name__].items()}
            assert {row[0]: row[1] for row in described} == expected
            count = client.query(f"SELECT count() FROM {source}").result_rows
            assert count == [(rows_of(artifact),)]
        source = f"file('{stored(embeddings(), tmp_path)}', Parquet)"
        sql = f"SELECT trace_id, toString(timestamp), embedding FROM {source} ORDER BY timestamp LIMIT 1"
        assert client.query(sql).result_rows == [("a", "2025-01-20 01:02:03.004", [0.5, 1, 1.5, 2])]
    finally:
        client.close()


def changed_header(**changes: object) -> bytes:
    table = pq.read_table(pa.BufferReader(written(embeddings())))
    header = json.loads(table.schema.metadata[HEADER_KEY]) | changes
    return as_file(table.replace_schema_metadata({HEADER_KEY: json.dumps(header)}))


def as_file(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer)
    return buffer.getvalue().to_pybytes()


def test_an_artifact_of_format_1_that_lacks_what_is_needed_is_said_to_be_old() -> None:
    table = pq.read_table(FORMAT_1 / "ReducedEmbeddings.parquet").drop_columns("neighbors")
    with pytest.raises(ValueError, match=r"made by an older version of trace_clustering.*neighbors"):
        read(as_file(table))


def test_an_artifact_of_a_later_format_is_said_to_be_newer() -> None:
    table = pq.read_table(pa.BufferReader(written(embeddings()))).drop_columns("embedding")
    header = json.loads(table.schema.metadata[HEADER_KEY]) | {"format": 3}
    with pytest.raises(ValueError, match="made by a newer version of trace_clustering"):
        read(as_file(table.replace_schema_metadata({HEADER_KEY: json.dumps(header)})))


def test_an_entry_that_a_file_does_not_have_gets_its_default() -> None:
    table = pq.read_table(pa.BufferReader(written(FULL["ReducedEmbeddings"])))
    header = json.loads(table.schema.metadata[HEADER_KEY])
    del header["n_layouts"]
    back = read(as_file(table.replace_schema_metadata({HEADER_KEY: json.dumps(header)})))
    assert isinstance(back, ReducedEmbeddings)
    assert back.n_layouts == 1


GOOD = written(embeddings())
TABLE = pq.read_table(pa.BufferReader(GOOD))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"trace_id,title\na,Refund\n", id="another format"),
        pytest.param(GOOD[: len(GOOD) // 2], id="the first half"),
        pytest.param(GOOD[:-1], id="all but the last byte"),
        pytest.param(GOOD[:4] + b"\0" * 16 + GOOD[20:], id="the start overwritten"),
        pytest.param(as_file(pa.table({"a": [1]})), id="a foreign Parquet file"),
        pytest.param(
            as_file(TABLE.replace_schema_metadata({HEADER_KEY: "{"})), id="a header that is no JSON"
        ),
        pytest.param(
            as_file(TABLE.replace_schema_metadata({HEADER_KEY: "[]"})), id="a header that is a list"
        ),
        pytest.param(changed_header(kind="Nonsense"), id="an unknown kind"),
        pytest.param(changed_header(kind="Projection2D"), id="the kind of another file"),
        pytest.param(changed_header(provenance=None), id="no provenance"),
        pytest.param(changed_header(provenance={"team_id": 1}), id="half a provenance"),
        pytest.param(as_file(TABLE.drop_columns("embedding")), id="a missing column"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(content)


def read_with_destroyed_byte(position: int) -> Artifact | None:
    """Return what is read when one byte of the file is wrong, None if the file is refused."""
    damaged = GOOD[:position] + bytes([GOOD[position] ^ 0xFF]) + GOOD[position + 1 :]
    try:
        return read(damaged)
    except ValueError:
        return None


def test_a_destroyed_byte_anywhere_raises_nothing_but_value_errors() -> None:
    readable = [position for position in range(len(GOOD)) if read_with_destroyed_byte(position)]
    assert len(readable) < len(GOOD)


def test_values_with_a_destroyed_byte_are_refused_and_never_read_as_others() -> None:
    footer = len(GOOD) - 8 - int.from_bytes(GOOD[-8:-4], "little")
    for position in range(footer):
        back = read_with_destroyed_byte(position)
        if back is not None:
            assert_same(embeddings(), back)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_header_never_holds_what_is_no_json(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        written(embeddings(provenance=PROVENANCE.with_settings({"share": number})))

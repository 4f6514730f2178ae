"""Every Parquet reader understands the files of artifacts."""

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.parquet import HEADER_KEY
from trace_clustering_tests.artifacts.every_kind import (
    EMPTY,
    EVERY,
    FULL,
    count_rows,
    make_embeddings,
    store,
)

# What a reader sees of each kind of field: DuckDB's type, ClickHouse's type.
TEXT = ("VARCHAR", "Nullable(String)")
TIME = ("TIMESTAMP WITH TIME ZONE", "Nullable(DateTime64(3, 'UTC'))")
INTEGER = ("BIGINT", "Nullable(Int64)")
NUMBER = ("FLOAT", "Nullable(Float32)")
VECTOR = ("FLOAT[]", "Array(Nullable(Float32))")
ROWS = ("INTEGER[]", "Array(Nullable(Int32))")
MICROSECONDS = ("TIMESTAMP WITH TIME ZONE", "Nullable(DateTime64(6, 'UTC'))")
TRACE = {
    "trace_id": TEXT,
    "timestamp": TIME,
    "trace_time": MICROSECONDS,
    "batch_run_id": TEXT,
    "weight": INTEGER,
}
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


@pytest.mark.parametrize("artifact", EVERY)
def test_pandas_reads_the_columns(artifact: Artifact, tmp_path: Path) -> None:
    frame = pd.read_parquet(store(artifact, tmp_path))
    assert list(frame.columns) == list(COLUMNS[type(artifact).__name__])
    assert len(frame) == count_rows(artifact)


def test_pandas_reads_the_values(tmp_path: Path) -> None:
    first = pd.read_parquet(store(make_embeddings(), tmp_path)).iloc[0]
    assert first["trace_id"] == "a"
    assert first["timestamp"] == pd.Timestamp("2025-01-20T01:02:03.004Z")
    assert first["embedding"].tolist() == [0.5, 1, 1.5, 2]


@pytest.mark.parametrize("artifact", EVERY)
def test_pyarrow_reads_the_columns_and_the_header(artifact: Artifact, tmp_path: Path) -> None:
    table = pq.read_table(store(artifact, tmp_path))
    header = json.loads(table.schema.metadata[HEADER_KEY])
    assert table.column_names == list(COLUMNS[type(artifact).__name__])
    assert table.num_rows == count_rows(artifact)
    assert header["kind"] == type(artifact).__name__
    assert header["provenance"]["window_end"] == "2025-01-23T00:00:00Z"


@pytest.mark.parametrize("artifact", EVERY)
def test_duckdb_reads_the_columns(artifact: Artifact, tmp_path: Path) -> None:
    source = f"'{store(artifact, tmp_path)}'"
    described = duckdb.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()
    expected = {name: types[0] for name, types in COLUMNS[type(artifact).__name__].items()}
    assert {row[0]: row[1] for row in described} == expected
    assert duckdb.sql(f"SELECT count(*) FROM {source}").fetchall() == [(count_rows(artifact),)]


def test_duckdb_reads_the_values(tmp_path: Path) -> None:
    source = f"'{store(make_embeddings(), tmp_path)}'"
    rows = duckdb.sql(f"SELECT trace_id, epoch_ms(timestamp), embedding FROM {source} LIMIT 1").fetchall()
    moment = datetime(2025, 1, 20, 1, 2, 3, 4000, tzinfo=UTC)
    assert rows == [("a", round(moment.timestamp() * 1000), [0.5, 1, 1.5, 2])]


def test_clickhouse_reads_the_columns_and_the_values(tmp_path: Path) -> None:
    import clickhouse_connect

    client = clickhouse_connect.get_client(interface="chdb", path=str(tmp_path / "clickhouse"))
    try:
        for artifact in (*FULL.values(), *EMPTY.values()):
            source = f"file('{store(artifact, tmp_path)}', Parquet)"
            described = client.query(f"DESCRIBE TABLE {source}").result_rows
            expected = {name: types[1] for name, types in COLUMNS[type(artifact).__name__].items()}
            assert {row[0]: row[1] for row in described} == expected
            count = client.query(f"SELECT count() FROM {source}").result_rows
            assert count == [(count_rows(artifact),)]
        source = f"file('{store(make_embeddings(), tmp_path)}', Parquet)"
        sql = f"SELECT trace_id, toString(timestamp), embedding FROM {source} ORDER BY timestamp LIMIT 1"
        assert client.query(sql).result_rows == [("a", "2025-01-20 01:02:03.004", [0.5, 1, 1.5, 2])]
    finally:
        client.close()

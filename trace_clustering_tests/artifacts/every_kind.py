"""An artifact of every kind, full and empty, and how tests write, read and compare them."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.fields import Artifact, get_storage
from trace_clustering.artifacts.parquet import from_parquet, to_parquet
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.artifacts.traces import Embeddings, ReducedEmbeddings
from trace_clustering_tests.examples import WINDOW

PROVENANCE = Provenance(1, WINDOW, {"run_label": "trial", "clustering_method_params": {"min_samples": 5}})
SHORTAGE = PROVENANCE.with_shortage(3, 3)
IDENTITY = {
    "trace_ids": np.array(["a", "b", "čaj ☕"], dtype=object),
    "timestamps": np.array(["2025-01-20T01:02:03.004", "2025-01-21", "2025-01-22"], dtype="datetime64[ms]"),
    "trace_times": np.array(["2025-01-19T23:00:00.123456", "NaT", "2025-01-21"], dtype="datetime64[us]"),
    "batch_run_ids": np.array(["1_2025", "", "1_2025"], dtype=object),
    "weights": np.ones(3, dtype=np.int64),
}


def to_texts(*values: str) -> np.ndarray:
    return np.array(values, dtype=object)


def to_floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def make_embeddings(**changes: object) -> Embeddings:
    vectors = np.array([[0.5, 1, 1.5, 2], [2.5, 3, 3.5, 4], [4.5, 5, 5.5, 6]], dtype=np.float32)
    fields = {"provenance": PROVENANCE, "embeddings": vectors, "traces_in_window": 9} | IDENTITY | changes
    return Embeddings(**fields)


def make_assignments(cluster_ids: list[int], centroids: np.ndarray) -> ClusterAssignments:
    return ClusterAssignments(
        provenance=PROVENANCE,
        **IDENTITY,
        cluster_ids=np.array(cluster_ids),
        probabilities=to_floats(1, 0.5, 0),
        nearest_cluster_ids=np.array([0, 0, -1]),
        distances_to_nearest=to_floats(0.25, 0.5, 0.75),
        distances_to_centroid=to_floats(0.25, 0.5, 0.75),
        centroids=centroids,
        stabilities=to_floats(0.9375, np.nan)[: len(centroids)],
    )


FULL = {
    "Embeddings": make_embeddings(),
    "ReducedEmbeddings": ReducedEmbeddings(
        provenance=PROVENANCE,
        **IDENTITY,
        points=to_floats(1, 2, 3, 4, 5, 6).reshape(3, 2),
        neighbors=np.array([[0, 1], [1, 0], [2, 1]], dtype=np.int32),
        n_layouts=2,
    ),
    "ClusterAssignments": make_assignments([0, 1, -1], to_floats(1.5, 2.5, 3.5, 4.5).reshape(2, 2)),
    "Projection2D": Projection2D(
        provenance=PROVENANCE,
        **IDENTITY,
        cluster_ids=np.array([0, 0, -1]),
        coordinates=to_floats(1, 2, 3, 4, 5, 6).reshape(3, 2),
        clusters=[0, -1],
        centroid_coordinates=to_floats(2, 3, 5, 6).reshape(2, 2),
    ),
    "ClusterLabels": ClusterLabels(
        provenance=PROVENANCE,
        cluster_ids=np.array([0, -1]),
        sizes=np.array([2, 1]),
        titles=to_texts("Refunds", "Outliers"),
        descriptions=to_texts("- 2 of 3 traces\n- For example: čaj ☕", ""),
        labelers=to_texts("agent", "fallback"),
        accuracies=to_floats(0.75, np.nan),
        labeling={"model": "small", "cost_usd": None},
    ),
    "EventReceipt": EventReceipt(
        provenance=PROVENANCE,
        event_uuids=to_texts("7c3f1d0e-0000-5000-8000-000000000000"),
        run_ids=to_texts("1_trace_20250123_000000"),
        outcomes=to_texts("emitted"),
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


def make_many_traces() -> ReducedEmbeddings:
    """More rows than are written or read in one go."""
    n = 9001
    return ReducedEmbeddings(
        provenance=PROVENANCE,
        trace_ids=to_texts(*(f"trace-{number}" for number in range(n))),
        timestamps=np.arange(n).astype("datetime64[ms]"),
        trace_times=np.arange(n).astype("datetime64[us]"),
        batch_run_ids=to_texts(*("" for _ in range(n))),
        weights=np.arange(n),
        points=np.arange(3 * n, dtype=np.float32).reshape(n, 3),
        neighbors=np.arange(2 * n, dtype=np.int32).reshape(2, n).T,  # in another order in memory
        n_layouts=1,
    )


def store(artifact: Artifact, folder: Path) -> Path:
    path = folder / "1.parquet"
    path.write_bytes(write(artifact))
    return path


def write(artifact: Artifact) -> bytes:
    file = io.BytesIO()
    to_parquet(artifact, file)
    return file.getvalue()


def read(content: bytes) -> Artifact:
    return from_parquet(io.BytesIO(content))


def count_rows(artifact: Artifact) -> int:
    return len(
        next(getattr(artifact, f.name) for f in dataclasses.fields(artifact) if get_storage(f).is_column)
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


def write_table(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer)
    return buffer.getvalue().to_pybytes()

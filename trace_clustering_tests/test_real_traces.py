"""Real traces: what the default settings reach on them. Skipped where the data sets are absent."""

import itertools
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import adjusted_rand_score

from trace_clustering.algorithms.steps import cluster_points, reduce_embeddings
from trace_clustering.clickhouse.embeddings import fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.sources.files import read_records
from trace_clustering.sources.load import load_file
from trace_clustering.traces.record import TraceRecord
from trace_clustering_tests.assets.conftest import Graph, graph  # noqa: F401
from trace_clustering_tests.examples import WINDOW

pytestmark = pytest.mark.slow


def find_clusters(clickhouse: ClickHouse, records: list[TraceRecord]) -> dict[str, int]:
    """Load records in the given order, and cluster them with the default settings."""
    settings = ClusteringSettings()
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        for start in range(0, len(records), 250):
            insert_records(session, records[start : start + 250], batch_run_id="batch", model_name="m")
        found = fetch_trace_embeddings_for_clustering(session, WINDOW)
    space = reduce_embeddings(
        found.embeddings,
        normalization=settings.embedding_normalization,
        method=settings.dimensionality_reduction_method,
        n_components=settings.dimensionality_reduction_ndims,
        random_state=settings.random_state,
        ensemble_size=settings.used_ensemble_size(),
    )
    labels = cluster_points(
        space,
        method=settings.clustering_method,
        params=settings.method_params().model_dump(),
        random_state=settings.random_state,
    ).cluster_ids
    return dict(zip(found.trace_ids, labels.tolist(), strict=True))


def test_intents_are_found_the_same_whatever_the_order_of_the_rows(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "clinc35_1000.parquet"
    records = [record for record in read_records(path) if isinstance(record, TraceRecord)]
    found = find_clusters(ClickHouse(dsn=f"chdb://{tmp_path / 'sorted'}"), records)
    np.random.default_rng(5).shuffle(records)
    assert find_clusters(ClickHouse(dsn=f"chdb://{tmp_path / 'shuffled'}"), records) == found

    truth = pq.read_table(path, columns=["trace_id", "label"]).to_pydict()
    labels = dict(zip(truth["trace_id"], truth["label"], strict=True))
    assert len(found) == 1000
    assert adjusted_rand_score([labels[trace] for trace in found], list(found.values())) >= 0.70


def test_intents_are_found_the_same_whatever_the_seed_and_as_true_as_by_one_layout(real_data: Path) -> None:
    table = pq.read_table(real_data / "clinc35_1000.parquet", columns=["embedding", "label"])
    vectors = np.stack(table["embedding"].to_numpy())
    truth = table["label"].to_pylist()

    def clusters(seed: int, ensemble_size: int) -> np.ndarray:
        order = np.random.default_rng(seed).permutation(len(vectors))
        space = reduce_embeddings(
            vectors[order],
            normalization="l2",
            method="umap",
            n_components=100,
            random_state=seed,
            ensemble_size=ensemble_size,
        )
        labels = np.empty(len(vectors), dtype=np.int64)
        labels[order] = cluster_points(space, method="hdbscan", params={}, random_state=seed).cluster_ids
        return labels

    plain, ensembles = ([clusters(seed, size) for seed in range(6)] for size in (1, 10))
    agreement = [adjusted_rand_score(one, other) for one, other in itertools.combinations(ensembles, 2)]
    assert np.mean(agreement) >= 0.97
    truths = [[adjusted_rand_score(truth, labels) for labels in found] for found in (ensembles, plain)]
    # Single runs differ by more than the methods do.
    assert np.mean(truths[0]) >= np.mean(truths[1]) - np.std(truths[1])


def test_real_agent_runs_become_an_event(real_data: Path, graph: Graph) -> None:  # noqa: F811
    report = load_file(real_data / "tau_airline_200.parquet", graph.clickhouse, 1)
    assert report.inserted.new == 200
    assert graph.materialize("2025-01-22|1").success
    event = graph.newest_event()
    traces = [trace for cluster in event["clusters"] for trace in cluster["traces"]]
    assert len(traces) == len(set(traces)) == 200
    numbers = [v for c in event["clusters"] for t in c["traces"].values() for v in (t["x"], t["y"])]
    assert np.isfinite(numbers).all()
    assert len({cluster["title"] for cluster in event["clusters"]}) == len(event["clusters"])

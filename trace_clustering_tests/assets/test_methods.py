"""Every choice of the settings runs through Dagster, and the event reports what was done."""

from typing import Any

import pytest

from trace_clustering_tests.assets.conftest import Graph, list_event_types, read_failure
from trace_clustering_tests.examples import DAY, themed_records

pytestmark = pytest.mark.slow

PARTITION = f"{DAY}|1"


@pytest.fixture(scope="module")
def loaded(module_graph: Graph) -> Graph:
    module_graph.load(1, themed_records(outliers=0))
    return module_graph


@pytest.mark.parametrize(
    ("settings", "params"),
    [
        (
            {"dimensionality_reduction_method": "none", "visualization_method": "pca"},
            {"cluster_selection_method": "eom", "max_cluster_size": None, "ensemble_size": 1},
        ),
        (
            {"dimensionality_reduction_method": "pca", "embedding_normalization": "none"},
            {"min_cluster_size_fraction": 0.01, "min_samples": 5},
        ),
        ({"clustering_method": "kmeans", "max_k": 6}, {"min_k": 2, "max_k": 6, "k": 3}),
        (
            {
                "clustering_method": "kmeans",
                "clustering_method_params": {"min_k": 4, "max_k": 5},
                "dimensionality_reduction_method": "pca",
                "dimensionality_reduction_ndims": 3,
                "visualization_method": "tsne",
            },
            {"min_k": 4, "max_k": 5},
        ),
    ],
    ids=["none and hdbscan", "pca and hdbscan", "umap and kmeans", "pca, kmeans and tsne"],
)
def test_a_run_with_other_methods_ends_in_an_event_that_reports_them(
    loaded: Graph, settings: dict[str, Any], params: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    label = f"run-{abs(hash(request.node.callspec.id)) % 10**6}"
    assert loaded.materialize(PARTITION, run_label=label, **settings).success
    (event,) = [e for e in loaded.event_properties() if e["$ai_clustering_run_id"].endswith(label)]
    assert event["$ai_total_items_analyzed"] == sum(c["size"] for c in event["$ai_clusters"]) == 90
    used = event["$ai_clustering_params"]
    assert params.items() <= used["clustering_method_params"].items()
    requested = {name: value for name, value in settings.items() if name in used}
    assert {**requested, "clustering_method_params": ...}.items() <= {
        **used,
        "clustering_method_params": ...,
    }.items()


def test_without_an_ensemble_stability_is_unknown(loaded: Graph) -> None:
    assert loaded.materialize(PARTITION, run_label="single", ensemble_size=1).success
    (event,) = [e for e in loaded.event_properties() if e["$ai_clustering_run_id"].endswith("single")]
    assert event["$ai_clustering_params"]["clustering_method_params"]["ensemble_size"] == 1
    assert [cluster["stability"] for cluster in event["$ai_clusters"]] == [None, None, None]


def test_too_large_a_min_k_for_the_window_fails_at_once_with_the_number_of_traces(loaded: Graph) -> None:
    result = loaded.materialize(PARTITION, clustering_method="kmeans", min_k=50, max_k=60, max_samples=30)
    assert not result.success
    assert "min_k = 50: cannot cluster 30 samples" in read_failure(result)
    assert "STEP_UP_FOR_RETRY" not in list_event_types(result)

"""The steps that run in a worker process, as a whole."""

import numpy as np
import pytest

from trace_clustering.algorithms.distances import calculate_trace_distances
from trace_clustering.algorithms.steps import (
    ClusteredPoints,
    ClusteringSpace,
    cluster_points,
    reduce_embeddings,
)
from trace_clustering_tests.examples import themed_vectors


def cluster(points: np.ndarray, method: str = "hdbscan") -> ClusteredPoints:
    return cluster_points(ClusteringSpace.without_ensemble(points), method=method, params={}, random_state=42)


def reduce(vectors: np.ndarray, method: str = "umap", normalization: str = "l2") -> np.ndarray:
    return reduce_embeddings(
        vectors, normalization=normalization, method=method, n_components=100, random_state=42
    ).points


def test_each_point_has_distances_to_its_nearest_and_its_own_centroid() -> None:
    points = themed_vectors()
    found = cluster(points)
    distances = calculate_trace_distances(points, found.centroids)
    member = found.cluster_ids >= 0
    own = distances[np.flatnonzero(member), found.cluster_ids[member]]
    assert found.nearest_cluster_ids.tolist() == distances.argmin(axis=1).tolist()
    assert found.distances_to_nearest.tolist() == distances.min(axis=1).tolist()
    assert found.distances_to_centroid[member].tolist() == own.tolist()


def test_for_noise_the_distance_is_that_to_the_nearest_centroid() -> None:
    far = 10 * np.eye(6, 16, k=6, dtype=np.float32)
    points = np.vstack([themed_vectors(outliers=0), far])
    found = cluster(points)
    noise = found.cluster_ids == -1
    assert noise[-6:].all()
    nearest = calculate_trace_distances(points[noise], found.centroids).min(axis=1)
    assert found.distances_to_centroid[noise].tolist() == nearest.tolist()
    assert (nearest > 0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_without_clusters_nothing_is_near_and_all_distances_are_zero(n: int) -> None:
    found = cluster(np.ones((n, 4), dtype=np.float32))
    assert found.nearest_cluster_ids.tolist() == [-1] * n
    assert found.distances_to_nearest.tolist() == found.distances_to_centroid.tolist() == [0.0] * n


def test_the_results_have_the_types_they_are_stored_with() -> None:
    for points in (themed_vectors(), np.ones((5, 4), dtype=np.float32)):
        found = cluster(points)
        assert found.nearest_cluster_ids.dtype == np.int64
        assert found.distances_to_nearest.dtype == found.distances_to_centroid.dtype == np.float32


def test_themes_are_found_in_the_reduced_space_whatever_the_length_of_the_vectors() -> None:
    lengths = np.random.default_rng(5).uniform(0.1, 10, (75, 1)).astype(np.float32)
    vectors = themed_vectors(themes=3, per_theme=25, outliers=0) * lengths
    points = reduce(vectors)
    assert points.shape == (75, 16)
    found = [set(cluster(points).cluster_ids[start : start + 25].tolist()) for start in (0, 25, 50)]
    assert sorted(found, key=min) == [{0}, {1}, {2}]


def test_a_zero_vector_among_others_gets_a_finite_place() -> None:
    vectors = themed_vectors(themes=2, per_theme=10, outliers=0)
    vectors[4] = 0
    assert np.isfinite(reduce(vectors)).all()


def test_without_normalization_and_reduction_the_embeddings_are_the_points() -> None:
    vectors = 3 * themed_vectors()
    assert reduce(vectors, "none", "none") is vectors
    assert np.linalg.norm(reduce(vectors, "none", "l2"), axis=1) == pytest.approx(1)


def test_hdbscan_reports_its_selection_and_kmeans_its_number_of_clusters() -> None:
    points = themed_vectors(outliers=0)
    assert cluster(points).chosen_params == {
        "cluster_selection_method": "eom",
        "max_cluster_size": None,
        "ensemble_size": 1,
    }
    assert cluster(points, "kmeans").chosen_params == {"k": 3}


def test_every_point_of_kmeans_has_probability_one() -> None:
    found = cluster(themed_vectors(), "kmeans")
    assert (found.probabilities.dtype, set(found.probabilities.tolist())) == (np.float32, {1.0})
    assert found.distances_to_centroid.dtype == np.float32
    assert (found.cluster_ids >= 0).all()


def test_parameters_reach_the_method() -> None:
    points = ClusteringSpace.without_ensemble(themed_vectors(outliers=0))
    few = cluster_points(points, method="kmeans", params={"min_k": 2, "max_k": 2}, random_state=42)
    assert len(few.centroids) == 2
    coarse = {"min_cluster_size_fraction": 0.5, "min_samples": 5}
    assert (
        cluster_points(points, method="hdbscan", params=coarse, random_state=42).cluster_ids.tolist()
        == [-1] * 90
    )

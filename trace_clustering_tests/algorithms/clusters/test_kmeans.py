"""k-means finds the number of clusters by itself, and the same clusters every time."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score

from trace_clustering.algorithms.clusters.kmeans import perform_kmeans_with_optimal_k
from trace_clustering.errors import InvalidEmbeddingsError, InvalidSettingsError
from trace_clustering_tests.examples import themed_vectors


def make_blobs(dimensions: int = 384) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    truth = np.repeat([0, 1, 2], [30, 30, 40])
    centres = random.normal(0, 1, (3, dimensions))
    return (centres[truth] + random.normal(0, 0.1, (100, dimensions))).astype(np.float32), truth


def test_three_blobs_are_three_clusters() -> None:
    points, truth = make_blobs()
    result = perform_kmeans_with_optimal_k(points, 2, 5)
    assert adjusted_rand_score(truth, result.labels) == 1
    assert (result.labels.dtype, result.centroids.dtype) == (np.int64, np.float32)
    for cluster in range(3):
        expected = points[result.labels == cluster].mean(axis=0)
        assert result.centroids[cluster] == pytest.approx(expected, abs=1e-5)


def test_the_best_silhouette_decides() -> None:
    points = np.random.default_rng(3).normal(size=(80, 3)).astype(np.float32)
    scores = {
        k: silhouette_score(points, perform_kmeans_with_optimal_k(points, k, k).labels) for k in range(2, 9)
    }
    found = len(perform_kmeans_with_optimal_k(points, 2, 8).centroids)
    assert found == max(scores, key=scores.__getitem__)


def test_the_bounds_are_kept() -> None:
    points, _ = make_blobs()
    assert len(perform_kmeans_with_optimal_k(points, 5, 7).centroids) >= 5
    assert len(perform_kmeans_with_optimal_k(points, 2, 2).centroids) == 2


def test_there_are_always_fewer_clusters_than_points() -> None:
    points = np.random.default_rng(5).normal(size=(5, 3)).astype(np.float32)
    assert 2 <= len(perform_kmeans_with_optimal_k(points, 2, 10).centroids) <= 4


@pytest.mark.parametrize(("n", "min_k"), [(1, 2), (2, 2), (5, 5), (20, 30)])
def test_too_few_points_for_min_k_are_refused(n: int, min_k: int) -> None:
    with pytest.raises(InvalidSettingsError, match=f"min_k = {min_k}: cannot cluster {n} samples"):
        perform_kmeans_with_optimal_k(np.ones((n, 3), dtype=np.float32), min_k, 50)


@pytest.mark.parametrize(("min_k", "max_k"), [(1, 5), (0, 5), (6, 5)])
def test_bounds_that_make_no_sense_are_refused(min_k: int, max_k: int) -> None:
    with pytest.raises(InvalidSettingsError, match=f"min_k = {min_k}: must be from 2 to max_k = {max_k}"):
        perform_kmeans_with_optimal_k(np.ones((30, 3), dtype=np.float32), min_k, max_k)


def test_no_points_and_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InvalidEmbeddingsError, match="empty"):
        perform_kmeans_with_optimal_k(np.empty((0, 3), dtype=np.float32))
    with pytest.raises(InvalidEmbeddingsError, match="NaN"):
        perform_kmeans_with_optimal_k(np.full((30, 3), np.nan, dtype=np.float32))


def test_equal_points_are_one_cluster() -> None:
    result = perform_kmeans_with_optimal_k(np.ones((30, 3), dtype=np.float32))
    assert result.labels.tolist() == [0] * 30
    assert result.centroids.tolist() == [[1, 1, 1]]


def test_with_few_distinct_points_no_cluster_is_empty() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0)
    result = perform_kmeans_with_optimal_k(points, 5, 10)
    assert sorted(set(result.labels.tolist())) == [0, 1, 2]
    assert np.isfinite(result.centroids).all()


def test_the_same_seed_gives_the_same_clusters() -> None:
    points = np.random.default_rng(7).normal(size=(300, 20)).astype(np.float32)
    first, again = (perform_kmeans_with_optimal_k(points, 4, 9, random_state=1) for _ in range(2))
    assert first.labels.tolist() == again.labels.tolist()
    assert first.centroids.tobytes() == again.centroids.tobytes()


def test_themes_are_found_with_the_defaults() -> None:
    points = themed_vectors(outliers=0)
    assert adjusted_rand_score(np.repeat([0, 1, 2], 30), perform_kmeans_with_optimal_k(points).labels) == 1

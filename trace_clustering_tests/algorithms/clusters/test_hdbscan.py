"""HDBSCAN finds dense groups, and leaves the other points as noise."""

import numpy as np
import pytest

from trace_clustering.algorithms.clusters.hdbscan import (
    HDBSCANResult,
    calculate_min_cluster_size,
    perform_hdbscan_clustering,
)
from trace_clustering.errors import InvalidEmbeddingsError, InvalidSettingsError
from trace_clustering_tests.examples import themed_vectors

EDGES = [1, 2, 3, 5, 19, 20, 21]


def make_scattered_points(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, 8)).astype(np.float32)


def assert_consistent(points: np.ndarray, result: HDBSCANResult) -> None:
    clusters = sorted(set(result.labels.tolist()) - {-1})
    noise = result.labels == -1
    assert (result.labels.dtype, result.labels.shape) == (np.int64, (len(points),))
    assert clusters == list(range(len(clusters)))
    assert (result.centroids.dtype, result.centroids.shape) == (np.float32, (len(clusters), points.shape[1]))
    for cluster in clusters:
        members = points[result.labels == cluster]
        assert result.centroids[cluster] == pytest.approx(members.mean(axis=0), abs=1e-5)
    assert result.num_noise_points == noise.sum()
    assert (result.probabilities.dtype, result.probabilities.shape) == (np.float32, (len(points),))
    assert (result.probabilities[noise] == 0).all()
    assert ((result.probabilities[~noise] > 0) & (result.probabilities[~noise] <= 1)).all()


@pytest.mark.parametrize(
    ("n", "fraction", "size"),
    [
        (1000, 0.01, 10),
        (300, 0.01, 5),
        (1500, 0.02, 30),
        (4, 0.01, 4),
        (599, 0.01, 5),
        (600, 0.01, 6),
        (20, 0.5, 10),
        (9, 0.5, 5),
        (1, 0.5, 1),
        (100_000, 0.00005, 5),
        (20_000, 0.00025, 5),
        (20_000, 0.0025, 50),
    ],
)
def test_the_smallest_cluster_is_a_share_of_all_but_never_under_five(
    n: int, fraction: float, size: int
) -> None:
    assert calculate_min_cluster_size(n, fraction) == size


@pytest.mark.parametrize("n", EDGES)
def test_any_number_of_scattered_points_is_clustered_consistently(n: int) -> None:
    assert_consistent(make_scattered_points(n), perform_hdbscan_clustering(make_scattered_points(n)))


@pytest.mark.parametrize("n", EDGES)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_identical_points_are_one_cluster_if_there_are_five(n: int, value: float) -> None:
    points = np.full((n, 4), value, dtype=np.float32)
    result = perform_hdbscan_clustering(points)
    assert_consistent(points, result)
    assert result.labels.tolist() == [0 if n >= 5 else -1] * n


def test_blobs_are_found_and_what_lies_far_from_them_is_noise() -> None:
    far = 10 * np.eye(6, 16, k=6, dtype=np.float32)
    points = np.vstack([themed_vectors(themes=3, per_theme=30, outliers=0), far])
    result = perform_hdbscan_clustering(points)
    assert_consistent(points, result)
    found = [set(result.labels[start : start + 30].tolist()) for start in (0, 30, 60)]
    assert sorted(found, key=min) == [{0}, {1}, {2}]
    assert result.labels[90:].tolist() == [-1] * 6


def test_groups_of_exact_copies_are_clusters() -> None:
    copies = np.repeat(np.eye(3, 4, dtype=np.float32), 10, axis=0)
    result = perform_hdbscan_clustering(copies)
    assert_consistent(copies, result)
    assert len(result.centroids) == 3
    assert result.num_noise_points == 0


def test_a_group_below_the_smallest_size_is_noise() -> None:
    points = themed_vectors(themes=3, per_theme=10, outliers=0)
    small = points[:24]  # 10, 10 and 4
    result = perform_hdbscan_clustering(small)
    assert len(result.centroids) == 2
    assert result.labels[20:].tolist() == [-1] * 4


def test_topics_of_less_than_a_hundredth_are_found_if_they_are_asked_for() -> None:
    random = np.random.default_rng(0)
    topics = 20 * random.normal(size=(150, 8))
    points = (topics[np.arange(3000) % 150] + random.normal(size=(3000, 8))).astype(np.float32)
    assert len(perform_hdbscan_clustering(points, min_cluster_size_fraction=0.005).centroids) >= 140
    assert len(perform_hdbscan_clustering(points).centroids) < 75  # at least 30 traces, and a topic has 20


def test_more_neighbours_than_the_smallest_cluster_holds_are_not_asked_for() -> None:
    points = themed_vectors(themes=2, per_theme=10, outliers=0)
    assert len(perform_hdbscan_clustering(points, min_samples=100).centroids) == 2


def test_shuffled_points_form_the_same_groups() -> None:
    points = themed_vectors()
    order = np.random.default_rng(3).permutation(len(points))

    def collect_groups(labels: np.ndarray, rows: np.ndarray) -> set[frozenset[int]]:
        return {frozenset(rows[labels == cluster].tolist()) for cluster in set(labels.tolist())}

    straight = perform_hdbscan_clustering(points).labels
    shuffled = perform_hdbscan_clustering(points[order]).labels
    assert collect_groups(straight, np.arange(len(points))) == collect_groups(shuffled, order)


def test_no_points_at_all_are_refused() -> None:
    with pytest.raises(InvalidEmbeddingsError, match="Cannot cluster empty embeddings array"):
        perform_hdbscan_clustering(np.empty((0, 4), dtype=np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n", [1, 20])
def test_values_that_are_not_finite_are_refused(n: int, value: float) -> None:
    points = make_scattered_points(n)
    points[0, 3] = value
    with pytest.raises(InvalidEmbeddingsError, match="NaN or infinity"):
        perform_hdbscan_clustering(points)


@pytest.mark.parametrize("fraction", [0.000049, 0.501, 0.0, -0.1, 1.0, float("nan")])
def test_a_share_out_of_bounds_is_refused_by_name(fraction: float) -> None:
    with pytest.raises(
        InvalidSettingsError, match=r"min_cluster_size_fraction = .*: must be from 0\.00005 to 0\.5"
    ):
        perform_hdbscan_clustering(make_scattered_points(20), min_cluster_size_fraction=fraction)


@pytest.mark.parametrize("fraction", [0.00005, 0.5])
def test_a_share_on_the_bounds_is_accepted(fraction: float) -> None:
    assert (
        len(perform_hdbscan_clustering(make_scattered_points(20), min_cluster_size_fraction=fraction).labels)
        == 20
    )

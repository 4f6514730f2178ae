"""Centroids are means, distances are Euclidean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.algorithms.distances import (
    calculate_cluster_means,
    calculate_distances_to_cluster_means,
    calculate_pairwise_distances,
    calculate_trace_distances,
)


@st.composite
def clustered_points(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Points in up to four clusters without gaps in their ids, and perhaps noise."""
    clusters = draw(st.integers(0, 4))
    more = draw(st.lists(st.integers(-1, clusters - 1), max_size=12))
    labels = draw(st.permutations([*range(clusters), *more]))
    seed = draw(st.integers(0, 1000))
    points = np.random.default_rng(seed).normal(0, 10, (len(labels), draw(st.integers(1, 6))))
    return points.astype(np.float32), np.array(labels, dtype=np.int64)


def test_the_triangle_of_three_four_and_five() -> None:
    points = np.array([[0, 0], [3, 0], [0, 4]], dtype=np.float32)
    assert calculate_trace_distances(points, points).tolist() == [[0, 3, 4], [3, 0, 5], [4, 5, 0]]


def test_the_distance_of_a_point_to_itself_is_exactly_zero() -> None:
    points = np.random.default_rng(1).normal(0, 1000, (30, 100)).astype(np.float32)
    assert np.diag(calculate_trace_distances(points, points)).tolist() == [0.0] * 30


def test_every_point_is_measured_against_every_centroid() -> None:
    distances = calculate_trace_distances(np.ones((10, 4), np.float32), np.zeros((3, 4), np.float32))
    assert (distances.shape, distances.dtype) == ((10, 3), np.float32)
    assert distances.tolist() == [[2, 2, 2]] * 10


@pytest.mark.parametrize("n", [0, 1, 5])
def test_without_clusters_there_are_no_distances(n: int) -> None:
    points, noise = np.ones((n, 4), dtype=np.float32), np.full(n, -1)
    assert calculate_trace_distances(points, np.empty((0, 4), dtype=np.float32)).shape == (n, 0)
    assert calculate_cluster_means(points, noise).shape == (0, 4)
    assert calculate_distances_to_cluster_means(points, noise).shape == (n, 0)


def test_noise_has_distances_but_moves_no_mean() -> None:
    points = np.array([[0, 0], [2, 0], [100, 0]], dtype=np.float32)
    labels = np.array([0, 0, -1])
    assert calculate_cluster_means(points, labels).tolist() == [[1, 0]]
    assert calculate_distances_to_cluster_means(points, labels).tolist() == [[1], [1], [99]]


@settings(deadline=None, max_examples=60)
@given(clustered_points())
def test_means_weighted_by_their_sizes_add_up_to_all_members(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    points, labels = drawn
    means = calculate_cluster_means(points, labels)
    sizes = np.array([(labels == cluster).sum() for cluster in range(len(means))], dtype=np.int64)
    assert sizes.sum() + (labels == -1).sum() == len(points)
    members = points[labels != -1].sum(axis=0, dtype=np.float64)
    assert sizes @ means.astype(np.float64) == pytest.approx(members, abs=1e-3)


@settings(deadline=None, max_examples=60)
@given(clustered_points())
def test_every_distance_is_the_root_of_the_summed_squares(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    points, labels = drawn
    means = calculate_cluster_means(points, labels).astype(np.float64)
    expected = np.sqrt(((points[:, None].astype(np.float64) - means) ** 2).sum(axis=2))
    assert calculate_distances_to_cluster_means(points, labels) == pytest.approx(expected, rel=1e-5, abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 30), st.integers(1, 90), st.sampled_from([0.0, 1.0, 1e4]))
def test_distances_of_pairs_are_those_of_the_formula_and_zero_for_copies(
    seed: int, n: int, r: int, offset: float
) -> None:
    random = np.random.default_rng(seed)
    points = (random.normal(offset, 1, (n, r))[random.integers(0, n, 2 * n)]).astype(np.float32)
    exact = points.astype(np.float64)
    expected = np.sqrt(((exact[:, None] - exact) ** 2).sum(axis=2))
    distances = calculate_pairwise_distances(points)
    assert distances == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert (distances[expected == 0] == 0).all()


def test_many_rows_are_rid_of_rounding_errors_too() -> None:
    points = np.repeat(np.random.default_rng(3).normal(100, 1, (600, 70)), 2, axis=0).astype(np.float32)
    distances = calculate_pairwise_distances(points)
    copies = np.arange(0, 1200, 2)
    assert (distances[copies, copies + 1] == 0).all()
    assert np.sort(distances[copies[:, None], copies[None]].ravel())[600] > 1

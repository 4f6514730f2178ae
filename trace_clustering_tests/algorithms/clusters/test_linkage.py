"""Groups are those of average linkage, whatever the number of points that they hold from the start."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist, squareform
from sklearn.metrics import adjusted_rand_score

from trace_clustering.algorithms.clusters.linkage import join_by_average_linkage


def make_similarities(n: int, seed: int) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(n, 3))
    return 1 / (1 + cdist(points, points))


def link_with_scipy(similar: np.ndarray, threshold: float) -> np.ndarray:
    return fcluster(linkage(squareform(1 - similar, checks=False), "average"), 1 - threshold, "distance")


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6])
@pytest.mark.parametrize("seed", [1, 2])
def test_groups_are_those_that_scipy_finds(threshold: float, seed: int) -> None:
    similar = make_similarities(200, seed)
    groups = link_with_scipy(similar, threshold)
    assert 1 < len(set(groups)) < 200
    assert (
        adjusted_rand_score(groups, join_by_average_linkage(similar, np.ones(200, dtype=np.int64), threshold))
        == 1
    )


def test_a_group_of_many_points_counts_as_many_times() -> None:
    similar = make_similarities(60, 3)
    sizes = np.random.default_rng(4).integers(1, 6, 60)
    points = np.repeat(np.arange(60), sizes)
    of_points = similar[np.ix_(points, points)]
    of_points[points[:, None] == points] = 1
    groups = link_with_scipy(of_points, 0.45)
    assert 1 < len(set(groups)) < 60
    assert adjusted_rand_score(groups, join_by_average_linkage(similar, sizes, 0.45)[points]) == 1


def test_a_group_is_named_by_its_first() -> None:
    similar = np.array([[1, 0, 0.9, 0], [0, 1, 0, 0.9], [0.9, 0, 1, 0], [0, 0.9, 0, 1]])
    assert join_by_average_linkage(similar, np.ones(4, dtype=np.int64), 0.5).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_have_nothing_to_join(n: int) -> None:
    assert join_by_average_linkage(np.ones((n, n)), np.ones(n, dtype=np.int64), 0.5).tolist() == list(
        range(n)
    )

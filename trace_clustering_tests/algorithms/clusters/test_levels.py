"""Many clusters are grouped on two levels, few are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from trace_clustering.algorithms.clusters.levels import find_levels
from trace_clustering.constants import MAX_CLUSTERS_WITHOUT_LEVELS


def make_centroids(wide: int, narrow: int, clusters: int, seed: int = 1) -> np.ndarray:
    """Return directions of themes within themes within themes, all with much in common."""
    random = np.random.default_rng(seed)
    points = random.normal(size=(1, 64)) * 3
    for count, spread in ((wide, 1.0), (narrow, 0.5), (clusters, 0.2)):
        points = np.repeat(points, count, axis=0)
        points = points + random.normal(size=points.shape) * spread
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / lengths, dtype=np.float32)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_groups_are_the_themes_that_were_planted(seed: int) -> None:
    levels = find_levels(make_centroids(3, 3, 3, seed))
    assert adjusted_rand_score(levels[:, 0], np.repeat(np.arange(9), 3)) == 1
    assert adjusted_rand_score(levels[:, 1], np.repeat(np.arange(3), 9)) == 1


@pytest.mark.parametrize("k", [0, 1, 2, MAX_CLUSTERS_WITHOUT_LEVELS])
def test_few_clusters_have_no_levels(k: int) -> None:
    centroids = np.random.default_rng(1).normal(size=(k, 8)).astype(np.float32)
    assert find_levels(centroids).shape == (k, 0)


def test_clusters_of_one_direction_have_no_levels_that_tell_them_apart() -> None:
    levels = find_levels(np.ones((20, 8), dtype=np.float32))
    assert_sound(levels, 20)


@settings(max_examples=60, deadline=None)
@given(k=st.integers(13, 120), seed=st.integers(0, 10**6), copies=st.booleans())
def test_levels_are_sound_for_any_clusters(k: int, seed: int, copies: bool) -> None:
    random = np.random.default_rng(seed)
    centroids = random.normal(size=(k, 8)).astype(np.float32)
    if copies:
        centroids = centroids[random.integers(0, 3, k)]
    levels = find_levels(centroids)
    assert_sound(levels, k)
    if not copies:
        assert levels.shape == (k, 2)
        order = random.permutation(k)
        shuffled = find_levels(centroids[order])
        for level in (0, 1):
            assert adjusted_rand_score(levels[order, level], shuffled[:, level]) == 1


def assert_sound(levels: np.ndarray, k: int) -> None:
    """Every cluster has one group per level, wide groups are made of whole narrow ones, none holds all."""
    assert levels.shape in ((k, 0), (k, 2))
    for groups in levels.T:
        assert np.unique(groups).tolist() == list(range(groups.max() + 1))
        assert np.diff(np.unique(groups, return_index=True)[1]).min() > 0
        assert np.bincount(groups).max() < 0.7 * k
    if levels.shape[1]:
        narrow, wide = levels.T
        assert 2 <= wide.max() + 1 < narrow.max() + 1 < k
        assert len(np.unique(levels, axis=0)) == narrow.max() + 1

import numpy as np
import pytest

from trace_clustering.algorithms.quality.strangers import count_rare_kinds
from trace_clustering.algorithms.space.neighbors import find_nearest_neighbors


def make_groups(random: np.random.Generator, n_strangers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the directions of five groups of 40, and of strangers; a clustering put these into group 0."""
    centres = random.normal(size=(5, 64))
    groups = np.repeat(centres, 40, axis=0) + 0.4 * random.normal(size=(200, 64))
    strangers = random.normal(size=(n_strangers, 64))
    labels = np.concatenate([np.repeat(np.arange(5), 40), np.zeros(n_strangers, dtype=np.int64)])
    return np.vstack([groups, strangers]).astype(np.float32), labels


@pytest.mark.parametrize("n_strangers", [0, 5, 30])
def test_strangers_are_found_wherever_a_clustering_put_them(n_strangers: int) -> None:
    points, labels = make_groups(np.random.default_rng(n_strangers), n_strangers)
    points *= np.random.default_rng(1).uniform(0.5, 2, size=(len(points), 1)).astype(np.float32)
    directions = points / np.linalg.norm(points, axis=1, keepdims=True)
    neighbors = find_nearest_neighbors(directions, 5).indices

    found = count_rare_kinds(points, labels, neighbors)
    as_noise = count_rare_kinds(points, np.where(np.arange(len(labels)) < 200, labels, -1), neighbors)

    assert found is not None
    assert abs(found.seen_once - n_strangers) <= 0.4 * n_strangers
    assert as_noise is not None
    assert as_noise.seen_once <= n_strangers


def test_two_strangers_alike_are_one_kind() -> None:
    random = np.random.default_rng(2)
    points, labels = make_groups(random, 1)
    points = np.vstack([points, points[-1:] + 0.01])
    neighbors = find_nearest_neighbors(points, 5).indices

    assert count_rare_kinds(points, np.append(labels, -1), neighbors) == (0, 1)


def test_without_clusters_or_neighbours_nothing_is_known() -> None:
    points = np.eye(4, dtype=np.float32)
    neighbors = np.array([[0, 1], [1, 0], [2, 3], [3, 2]], dtype=np.int32)

    assert count_rare_kinds(points, np.full(4, -1), neighbors) is None
    assert count_rare_kinds(points, np.zeros(4, dtype=np.int64), neighbors) is None
    assert count_rare_kinds(points, np.array([0, 0, 1, 1]), neighbors[:, :1]) is None

"""Stability tells groups from heaps of chance."""

import numpy as np
import pytest

from trace_clustering.algorithms.compute import ClusteredPoints, cluster_points, reduce_embeddings
from trace_clustering.algorithms.stability import cluster_stabilities, mean_co_associations

TOGETHER = np.array(
    [
        [1.0, 0.8, 0.6, 0.0],
        [0.8, 1.0, 0.7, 0.1],
        [0.6, 0.7, 1.0, 0.0],
        [0.0, 0.1, 0.0, 1.0],
    ],
    dtype=np.float32,
)


def test_a_point_belongs_to_its_cluster_as_much_as_it_was_with_the_others() -> None:
    found = mean_co_associations(TOGETHER, np.array([0, 0, 0, -1]))
    assert found.dtype == np.float32
    assert found == pytest.approx([0.7, 0.75, 0.65, 0])


@pytest.mark.parametrize(
    ("labels", "neighbors", "stability"),
    [
        # Two neighbours of each are asked, as there are two other members: 0.8, 0.6; 0.8, 0.7; 0.6, 0.7.
        (
            [0, 0, 0, -1],
            [[0, 1, 2, 3], [1, 0, 2, 3], [2, 0, 1, 3], [3, 0, 1, 2]],
            0.7 * (0.7**3 + 0.75**3 + 0.65**3) / 3,
        ),
        # 0.8, 0; 0.8, 0.1; 0.7, 0.
        (
            [0, 0, 0, -1],
            [[0, 1, 3, 2], [1, 0, 3, 2], [2, 1, 3, 0], [3, 0, 1, 2]],
            0.7 * (0.4**3 + 0.45**3 + 0.35**3) / 3,
        ),
        # Only one neighbour of each is known: 0.8, 0.8, 0.7 and 0.
        (
            [0, 0, 0, 0],
            [[0, 1], [1, 0], [2, 1], [3, 0]],
            1.1 / 3 * (0.8**3 + 0.8**3 + 0.7**3) / 4,
        ),
    ],
)
def test_a_cluster_is_as_stable_as_its_members_and_their_neighbours_say(
    labels: list[int], neighbors: list[list[int]], stability: float
) -> None:
    found = cluster_stabilities(TOGETHER, np.array(labels), np.array(neighbors, dtype=np.int32))
    assert found.dtype == np.float32
    assert found == pytest.approx([stability], abs=1e-6)


def test_of_a_large_cluster_half_as_many_neighbours_are_asked_as_it_has_members() -> None:
    labels = np.repeat([0, -1], [40, 20])
    together = (labels[:, None] == labels).astype(np.float32) * (labels >= 0)
    fellows = np.array([[row, *(other for other in range(40) if other != row)] for row in range(40)])
    strangers = np.tile(np.arange(40, 60), (40, 1))
    for own, stability in ((20, 1), (10, 0.125), (0, 0)):
        nearest = np.hstack([fellows[:, : own + 1], strangers])
        found = cluster_stabilities(together, labels, np.vstack([nearest, nearest[:20]]).astype(np.int32))
        assert found.tolist() == [stability]


def test_nothing_but_noise_has_no_stabilities() -> None:
    noise = np.full(4, -1)
    assert len(cluster_stabilities(TOGETHER, noise, np.zeros((4, 2), dtype=np.int32))) == 0
    assert mean_co_associations(TOGETHER, noise).tolist() == [0] * 4


def clustered(vectors: np.ndarray, seed: int) -> ClusteredPoints:
    space = reduce_embeddings(
        vectors, normalization="l2", method="umap", n_components=100, random_state=seed, ensemble_size=10
    )
    return cluster_points(space, method="hdbscan", params={}, random_state=seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("dimensions", "spread", "size"), [(8, 0.1, 60), (16, 0.2, 100), (64, 0.4, 100), (384, 0.3, 60)]
)
def test_true_groups_score_high_and_clusters_of_random_points_low(
    dimensions: int, spread: float, size: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    centres = np.repeat(random.uniform(-1, 1, (5, dimensions)), size, axis=0)
    groups = centres + random.normal(0, spread, centres.shape)
    vectors = np.vstack([groups, random.uniform(-1, 1, (200, dimensions))]).astype(np.float32)

    found = clustered(vectors, seed)
    labels_of_groups = found.labels[: 5 * size].reshape(5, size)
    majority = [np.bincount(labels[labels >= 0]).argmax() for labels in labels_of_groups]
    assert len(set(majority)) == 5
    assert (found.stabilities[majority] > 0.8).all()
    of_chance = np.setdiff1d(np.arange(len(found.stabilities)), majority)
    assert (found.stabilities[of_chance] < 0.5).all()

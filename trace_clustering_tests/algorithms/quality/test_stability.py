"""Stability tells groups from heaps of chance."""

import numpy as np
import pytest

from trace_clustering.algorithms.quality.stability import (
    cluster_stabilities,
    cohesions,
    mean_co_associations,
    recurrences,
)
from trace_clustering.algorithms.steps import ClusteredPoints, cluster_points, reduce_embeddings


def ids(letters: str) -> np.ndarray:
    """Return cluster ids written as one letter per point, a dot for noise."""
    return np.array([".abc".index(letter) - 1 for letter in letters])


def sample(rows: list[int], letters: str) -> tuple[np.ndarray, np.ndarray]:
    return np.array(rows), ids(letters)


def test_a_point_belongs_to_its_cluster_as_much_as_it_was_with_the_others() -> None:
    clusterings = np.array([ids("aaab."), ids("bbaab"), ids(".aaaa")])
    found = mean_co_associations(clusterings, ids("aaa.b"))
    assert found.dtype == np.float32
    # 0 was with 1 and 2, with 1, with nobody; 1 with both, with 0, with 2; 2 with both, with neither, with 1.
    assert found == pytest.approx([3 / 6, 4 / 6, 3 / 6, 0, 0])


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([(range(6), "aaabbb")], [1, 1]),
        ([(range(6), "bbbaaa")], [1, 1]),
        ([([0, 1, 3, 4], "aabb")], [1, 1]),  # who was not drawn is not missed
        ([(range(6), "aa.bbb")], [2 / 3, 1]),
        ([(range(6), "aabbbb")], [2 / 3, 3 / 4]),
        ([(range(6), "aaaaaa")], [1 / 2, 1 / 2]),
        ([(range(6), "......")], [0, 0]),
        ([([3, 4, 5], "aaa")], [0, 1]),
        ([([0, 1, 2, 3], "aabb"), ([0, 1, 4, 5], "aa..")], [(2 / 3 + 1) / 2, (1 / 2 + 0) / 2]),
    ],
)
def test_a_cluster_recurs_as_much_as_the_most_similar_one_of_each_sample(
    samples: list[tuple[list[int], str]], expected: list[float]
) -> None:
    drawn = [sample(list(rows), letters) for rows, letters in samples]
    assert recurrences(drawn, ids("aaabbb")) == pytest.approx(expected)


def with_own_neighbors(labels: np.ndarray, own: int, k: int) -> np.ndarray:
    """Return k neighbours of every row of cluster 0, itself first: so many of its own, then others."""
    neighbors = np.zeros((len(labels), 1 + k), dtype=np.int32)
    members, others = np.flatnonzero(labels == 0), np.flatnonzero(labels != 0)
    for row in members:
        neighbors[row] = [row, *np.setdiff1d(members, row)[:own], *others[: k - own]]
    return neighbors


@pytest.mark.parametrize(("own", "share"), [(20, 1), (15, 0.75), (10, 0.5)])
def test_of_a_large_cluster_half_as_many_neighbours_are_asked_as_it_has_members(
    own: int, share: float
) -> None:
    labels = np.repeat([0, -1], [40, 60])
    by_chance = 39 / 99
    found = cohesions(labels, with_own_neighbors(labels, own, 39))
    assert found == pytest.approx([(share - by_chance) / (1 - by_chance)])


def test_a_small_cluster_cannot_hold_all_of_the_neighbours_that_are_asked() -> None:
    labels = np.repeat([0, -1], [5, 20])
    by_chance = 4 / 24
    found = cohesions(labels, with_own_neighbors(labels, 4, 20))
    assert found == pytest.approx([(4 / 15 - by_chance) / (1 - by_chance)])


def test_what_chance_alone_gives_is_no_cohesion() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, -1], [100, 100, 100])
    others = np.array([random.permutation(np.delete(np.arange(300), row))[:50] for row in range(300)])
    neighbors = np.hstack([np.arange(300)[:, None], others]).astype(np.int32)
    assert (cohesions(labels, neighbors) < 0.05).all()
    assert cohesions(np.zeros(300, dtype=np.int64), neighbors).tolist() == [0]
    assert cohesions(
        np.repeat([0, -1], 150), with_own_neighbors(np.repeat([0, -1], 150), 0, 50)
    ).tolist() == [0]


def test_stability_is_the_harmonic_mean_of_recurrence_and_cohesion() -> None:
    labels, samples = ids("aaabbb"), [sample([0, 1, 2, 3, 4, 5], "aa.bbb")]
    neighbors = np.array([[0, 1, 3], [1, 2, 0], [2, 0, 1], [3, 0, 1], [4, 0, 1], [5, 0, 1]], dtype=np.int32)
    cohesion = (5 / 6 - 2 / 5) / (1 - 2 / 5)
    found = cluster_stabilities(samples, labels, neighbors)
    assert found.dtype == np.float32
    assert found == pytest.approx([1 / (0.4 * 3 / 2 + 0.6 / cohesion), 0])


def test_nothing_but_noise_has_no_stabilities() -> None:
    noise = ids("....")
    neighbors = np.zeros((4, 2), dtype=np.int32)
    assert len(cluster_stabilities([sample([0, 1, 2], "aaa")], noise, neighbors)) == 0
    assert mean_co_associations(ids("aabb")[None], noise).tolist() == [0] * 4


def clustered(vectors: np.ndarray, seed: int) -> ClusteredPoints:
    space = reduce_embeddings(
        vectors, normalization="l2", method="umap", n_components=100, random_state=seed, ensemble_size=10
    )
    return cluster_points(space, method="hdbscan", params={}, random_state=seed)


ALIKE = np.ones(5), np.ones(5)
UNLIKE = np.array([0.7, 0.85, 1, 1.15, 1.3]), np.array([1, 0.7, 0.9, 0.8, 0.75])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("dimensions", "spread", "size", "factors"),
    [
        (8, 0.1, 60, ALIKE),
        (16, 0.2, 100, ALIKE),
        (64, 0.4, 100, ALIKE),
        (128, 0.3, 80, ALIKE),
        (384, 0.3, 60, ALIKE),
        (16, 0.2, 100, UNLIKE),
        (64, 0.4, 100, UNLIKE),
        (384, 0.3, 60, UNLIKE),
    ],
)
def test_true_groups_score_high_and_clusters_of_random_points_low(
    dimensions: int, spread: float, size: int, factors: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    random = np.random.default_rng(seed)
    sizes, spreads = (size * factors[0]).astype(int), spread * factors[1]
    group = np.repeat(np.arange(5), sizes)
    centres = random.uniform(-1, 1, (5, dimensions))
    groups = centres[group] + random.normal(0, spreads[group, None], (len(group), dimensions))
    vectors = np.vstack([groups, random.uniform(-1, 1, (200, dimensions))]).astype(np.float32)

    found = clustered(vectors, seed)
    clusters = np.arange(len(found.stabilities))
    from_group = np.array(
        [np.bincount(group[found.cluster_ids[: len(group)] == c], minlength=5) for c in clusters]
    )
    share = from_group.max(axis=1) / np.bincount(found.cluster_ids[found.cluster_ids >= 0])
    # Now and then a group is joined with random points, and is neither.
    true, of_chance = share > 0.75, share < 0.2
    assert len(set(from_group[true].argmax(axis=1).tolist())) >= 4
    # A small group among larger ones is now and then joined with them in a sample.
    assert (found.stabilities[true] > (0.8 if factors is ALIKE else 0.7)).all()
    assert (found.stabilities[true] > 0.8).sum() >= 4
    assert (found.stabilities[of_chance] < 0.5).all()

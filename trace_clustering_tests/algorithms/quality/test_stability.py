"""Groups have a high stability, heaps of random points a low one."""

import numpy as np
import pytest

from trace_clustering.algorithms.quality.stability import (
    calculate_mean_co_associations,
    calculate_stabilities,
    measure_cohesion,
    measure_recurrence,
)
from trace_clustering.algorithms.steps import ClusteredPoints, cluster_points, reduce_embeddings


def parse_labels(letters: str) -> np.ndarray:
    """Return cluster ids written as one letter per point, a dot for noise."""
    return np.array([".abc".index(letter) - 1 for letter in letters])


def parse_sample(rows: list[int], letters: str) -> tuple[np.ndarray, np.ndarray]:
    return np.array(rows), parse_labels(letters)


def test_a_point_belongs_to_its_cluster_as_much_as_it_was_with_the_others() -> None:
    clusterings = np.array([parse_labels("aaab."), parse_labels("bbaab"), parse_labels(".aaaa")])
    found = calculate_mean_co_associations(clusterings, parse_labels("aaa.b"))
    assert found.dtype == np.float32
    # By clustering, 0 is with 1 and 2, with 1, with none; 1 with both, with 0, with 2; 2 with both, none, 1.
    assert found == pytest.approx([3 / 6, 4 / 6, 3 / 6, 0, 0])


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([(range(6), "aaabbb")], [1, 1]),
        ([(range(6), "bbbaaa")], [1, 1]),
        ([([0, 1, 3, 4], "aabb")], [1, 1]),  # points that were not drawn do not count
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
    drawn = [parse_sample(list(rows), letters) for rows, letters in samples]
    assert measure_recurrence(drawn, parse_labels("aaabbb")) == pytest.approx(expected)


def make_neighbors(labels: np.ndarray, own: int, k: int) -> np.ndarray:
    """Return k neighbours of every row of cluster 0, itself first: `own` of its cluster, then others."""
    neighbors = np.zeros((len(labels), 1 + k), dtype=np.int32)
    members, others = np.flatnonzero(labels == 0), np.flatnonzero(labels != 0)
    for row in members:
        neighbors[row] = [row, *np.setdiff1d(members, row)[:own], *others[: k - own]]
    return neighbors


@pytest.mark.parametrize(("own", "share"), [(20, 1), (15, 0.75), (10, 0.5)])
def test_a_large_cluster_has_half_as_many_neighbours_counted_as_members(own: int, share: float) -> None:
    labels = np.repeat([0, -1], [40, 60])
    by_chance = 39 / 99
    found = measure_cohesion(labels, make_neighbors(labels, own, 39))
    assert found == pytest.approx([(share - by_chance) / (1 - by_chance)])


def test_a_small_cluster_cannot_hold_all_neighbours_that_are_counted() -> None:
    labels = np.repeat([0, -1], [5, 20])
    by_chance = 4 / 24
    found = measure_cohesion(labels, make_neighbors(labels, 4, 20))
    assert found == pytest.approx([(4 / 15 - by_chance) / (1 - by_chance)])


def test_the_share_expected_by_chance_is_no_cohesion() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, -1], [100, 100, 100])
    others = np.array([random.permutation(np.delete(np.arange(300), row))[:50] for row in range(300)])
    neighbors = np.hstack([np.arange(300)[:, None], others]).astype(np.int32)
    assert (measure_cohesion(labels, neighbors) < 0.05).all()
    assert measure_cohesion(np.zeros(300, dtype=np.int64), neighbors).tolist() == [0]
    assert measure_cohesion(
        np.repeat([0, -1], 150), make_neighbors(np.repeat([0, -1], 150), 0, 50)
    ).tolist() == [0]


def test_stability_is_the_harmonic_mean_of_recurrence_and_cohesion() -> None:
    labels, samples = parse_labels("aaabbb"), [parse_sample([0, 1, 2, 3, 4, 5], "aa.bbb")]
    neighbors = np.array([[0, 1, 3], [1, 2, 0], [2, 0, 1], [3, 0, 1], [4, 0, 1], [5, 0, 1]], dtype=np.int32)
    cohesion = (5 / 6 - 2 / 5) / (1 - 2 / 5)
    found = calculate_stabilities(samples, labels, neighbors)
    assert found.dtype == np.float32
    assert found == pytest.approx([1 / (0.4 * 3 / 2 + 0.6 / cohesion), 0])


def test_nothing_but_noise_has_no_stabilities() -> None:
    noise = parse_labels("....")
    neighbors = np.zeros((4, 2), dtype=np.int32)
    assert len(calculate_stabilities([parse_sample([0, 1, 2], "aaa")], noise, neighbors)) == 0
    assert calculate_mean_co_associations(parse_labels("aabb")[None], noise).tolist() == [0] * 4


def cluster(vectors: np.ndarray, seed: int) -> ClusteredPoints:
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

    found = cluster(vectors, seed)
    clusters = np.arange(len(found.stabilities))
    from_group = np.array(
        [np.bincount(group[found.cluster_ids[: len(group)] == c], minlength=5) for c in clusters]
    )
    share = from_group.max(axis=1) / np.bincount(found.cluster_ids[found.cluster_ids >= 0])
    # Some clusters are a group and random points together; they are neither.
    true, of_chance = share > 0.75, share < 0.2
    assert len(set(from_group[true].argmax(axis=1).tolist())) >= 4
    # In some samples, a small group among larger ones is joined with one of them.
    assert (found.stabilities[true] > (0.8 if factors is ALIKE else 0.7)).all()
    assert (found.stabilities[true] > 0.8).sum() >= 4
    assert (found.stabilities[of_chance] < 0.5).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dimensions", [64, 384])
def test_clusters_of_random_points_alone_score_low(dimensions: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).uniform(-1, 1, (200, dimensions)).astype(np.float32)
    stabilities = cluster(vectors, seed).stabilities
    assert len(stabilities) > 0
    assert (stabilities < 0.5).all()

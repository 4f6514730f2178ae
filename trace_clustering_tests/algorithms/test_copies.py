"""Copies are one point with a weight: whatever the method, they share a cluster and a place on the map."""

import numpy as np
import pytest

from trace_clustering.algorithms.copies import Copies
from trace_clustering.algorithms.map import compute_2d_coordinates
from trace_clustering.algorithms.steps import ClusteredPoints, cluster_points, reduce_embeddings

DIMENSIONS = 128


def make_directions(n: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, DIMENSIONS))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def make_themes(n_themes: int, n: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.05, (n, DIMENSIONS))
    return make_directions(n_themes, seed)[np.arange(n) % n_themes] + noise


def repeat(vectors: np.ndarray, times: int, noise: float = 0) -> np.ndarray:
    random = np.random.default_rng(9)
    return np.repeat(vectors, times, axis=0) + random.normal(0, 1, (len(vectors) * times, DIMENSIONS)) * noise


def run(
    vectors: np.ndarray, reduction: str = "umap", clustering: str = "hdbscan", ensemble_size: int = 3
) -> tuple[ClusteredPoints, np.ndarray]:
    space = reduce_embeddings(
        vectors.astype(np.float32),
        normalization="l2",
        method=reduction,
        n_components=30,
        random_state=42,
        ensemble_size=ensemble_size,
    )
    found = cluster_points(space, method=clustering, params={}, random_state=42)
    return found, compute_2d_coordinates(space.points)


METHODS = [
    ("umap", "hdbscan", 3),
    ("umap", "hdbscan", 1),
    ("pca", "hdbscan", 1),
    ("none", "hdbscan", 1),
    ("umap", "kmeans", 1),
    ("none", "kmeans", 1),
]


@pytest.mark.parametrize(("reduction", "clustering", "ensemble_size"), METHODS)
@pytest.mark.parametrize(
    ("groups", "times", "noise", "themes", "others"),
    [(3, 101, 0, 10, 297), (1, 701, 1e-6, 10, 299), (3, 100, 1e-6, 20, 700)],
)
def test_copies_share_a_cluster_of_their_own_beside_other_themes(
    groups: int,
    times: int,
    noise: float,
    themes: int,
    others: int,
    reduction: str,
    clustering: str,
    ensemble_size: int,
) -> None:
    vectors = np.vstack([repeat(make_directions(groups, 7), times, noise), make_themes(themes, others)])
    order = np.random.default_rng(1).permutation(len(vectors))
    found, places = run(vectors[order], reduction, clustering, ensemble_size)
    group_of = np.r_[np.repeat(np.arange(groups), times), np.full(others, -1)][order]
    clusters = [set(found.cluster_ids[group_of == group].tolist()) for group in range(groups)]
    assert all(len(cluster) == 1 and -1 not in cluster for cluster in clusters)
    assert len(set.union(*clusters)) == groups
    assert [len(np.unique(places[group_of == group], axis=0)) for group in range(groups)] == [1] * groups
    if clustering == "hdbscan":
        assert len(found.centroids) == groups + themes
        whole = np.bincount(found.cluster_ids)[[min(cluster) for cluster in clusters]]
        assert whole.tolist() == [times] * groups
    if ensemble_size > 1:
        assert found.stabilities[[min(cluster) for cluster in clusters]].tolist() == [1] * groups


@pytest.mark.parametrize(("reduction", "clustering", "ensemble_size"), METHODS)
@pytest.mark.parametrize("n", [20, 1000, 2000])
def test_nothing_but_copies_is_one_cluster(
    n: int, reduction: str, clustering: str, ensemble_size: int
) -> None:
    found, places = run(repeat(make_directions(1, 3), n, 1e-6), reduction, clustering, ensemble_size)
    assert found.cluster_ids.tolist() == [0] * n
    assert found.distances_to_centroid.max() < 1e-3
    assert len(np.unique(places, axis=0)) == 1
    if ensemble_size > 1:
        assert found.stabilities.tolist() == [1]


def test_two_kinds_of_copies_are_two_clusters() -> None:
    found, places = run(repeat(make_directions(2, 3), 50))
    assert found.cluster_ids.tolist() == np.repeat([0, 1], 50).tolist()
    assert len(np.unique(places, axis=0)) == 2


def test_copies_of_a_theme_do_not_make_the_rest_of_the_theme_noise() -> None:
    themes = make_themes(5, 300)
    found, _ = run(np.vstack([themes, repeat(themes[:1], 200)]))
    assert len(set(found.cluster_ids[300:].tolist())) == 1
    assert found.cluster_ids[0] == found.cluster_ids[300]
    assert (found.cluster_ids >= 0).all()
    for theme in range(5):
        assert len(set(found.cluster_ids[5:300][np.arange(5, 300) % 5 == theme].tolist())) == 1


def test_fewer_copies_than_make_a_cluster_share_one_with_their_neighbours() -> None:
    themes = make_themes(5, 600)
    found, _ = run(np.vstack([themes, repeat(themes[:5], 3)]))
    assert len(found.centroids) == 5
    for theme in range(5):
        rows = [theme, *range(600 + 3 * theme, 603 + 3 * theme)]
        assert len(set(found.cluster_ids[rows].tolist())) == 1


def test_the_rows_of_a_kind_have_the_value_of_its_first_row() -> None:
    rows = np.array([[1, 2], [3, 4], [1, 2], [1, 5], [3, 4], [-0.0, 0], [0, 0]], dtype=np.float32)
    copies = Copies.find(rows)
    assert copies.first_rows.tolist() == [0, 1, 3, 5]
    assert copies.kinds.tolist() == [0, 1, 0, 2, 1, 3, 3]
    assert copies.counts.tolist() == [2, 2, 1, 2]
    assert copies.exist
    assert copies.repeat(copies.take_first(rows)).tolist() == rows.tolist()


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (40, 1), (40, 6)])
def test_rows_without_copies_are_given_back_as_they_are(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    copies = Copies.find(rows)
    assert not copies.exist
    assert copies.used_rows is None
    assert copies.take_first(rows) is rows
    assert copies.repeat(rows) is rows


def test_the_neighbours_of_a_row_are_its_copies_and_then_the_copies_of_the_nearest_kinds() -> None:
    copies = Copies.from_groups(np.array([0, 1, 0, 2, 1, 0]))
    kinds = np.array([[0, 2, 1], [1, 0, 2], [2, 0, 1]], dtype=np.int32)
    assert copies.repeat_neighbors(kinds, 4).tolist() == [
        [0, 2, 5, 3],
        [1, 4, 0, 2],
        [2, 0, 5, 3],
        [3, 0, 2, 5],
        [4, 1, 0, 2],
        [5, 0, 2, 3],
    ]

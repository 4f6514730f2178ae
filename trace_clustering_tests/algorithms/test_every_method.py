"""With any data and any methods: no crash, no NaN, a cluster id and a place for every point."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.algorithms.map import calculate_mean_coordinates, compute_2d_coordinates
from trace_clustering.algorithms.steps import ClusteredPoints, cluster_points, reduce_embeddings

NORMALIZATIONS = ("none", "l2")
REDUCTIONS = ("none", "pca", "umap")
CLUSTERINGS = ("hdbscan", "kmeans")
MAPS = ("umap", "pca", "tsne")
ENSEMBLES = (1, 3, 10)


def assert_whole_run(
    vectors: np.ndarray,
    normalization: str,
    reduction: str,
    clustering: str,
    visualization: str,
    ensemble_size: int = 1,
) -> None:
    n = len(vectors)
    space = reduce_embeddings(
        vectors,
        normalization=normalization,
        method=reduction,
        n_components=100,
        random_state=42,
        ensemble_size=ensemble_size,
    )
    points = space.points
    assert (len(points), points.dtype) == (n, np.float32)
    assert np.isfinite(points).all()
    assert space.n_layouts == (ensemble_size if reduction == "umap" else 1)
    assert space.neighbors[:, 0].tolist() == list(range(n))

    found = cluster_points(space, method=clustering, params={}, random_state=42)
    clusters = sorted(set(found.cluster_ids.tolist()) - {-1})
    assert clusters == list(range(len(clusters)))
    assert found.centroids.shape == (len(clusters), points.shape[1])
    assert (np.bincount(found.cluster_ids + 1, minlength=1)).sum() == n
    for values in (
        found.cluster_ids,
        found.probabilities,
        found.nearest_cluster_ids,
        found.distances_to_nearest,
        found.distances_to_centroid,
    ):
        assert values.shape == (n,)
        assert np.isfinite(values).all()
    assert np.isfinite(found.centroids).all()
    assert (found.stabilities.shape, found.stabilities.dtype) == ((len(clusters),), np.float32)
    if space.n_layouts > 1 and clustering == "hdbscan":
        assert ((found.stabilities >= 0) & (found.stabilities <= 1)).all()
    else:
        assert np.isnan(found.stabilities).all()
    assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()
    assert (found.probabilities[found.cluster_ids == -1] == 0).all()

    assert_map(points, found, clusters, visualization)


def assert_map(points: np.ndarray, found: ClusteredPoints, clusters: list[int], visualization: str) -> None:
    coordinates = compute_2d_coordinates(points, visualization)
    centres = calculate_mean_coordinates(coordinates, found.cluster_ids, clusters)
    assert (coordinates.shape, centres.shape) == ((len(points), 2), (len(clusters), 2))
    assert np.isfinite(coordinates).all()
    assert np.isfinite(centres).all()


@st.composite
def awkward_vectors(draw: st.DrawFn) -> np.ndarray:
    """Vectors of any width, with copies, constant columns and zero rows, at any scale."""
    n, d = draw(st.integers(20, 60)), draw(st.integers(1, 80))
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    different = draw(st.integers(1, n))
    vectors = random.normal(draw(st.sampled_from([0, 5])), 1, (different, d))[
        random.integers(0, different, n)
    ]
    vectors[:, : draw(st.integers(0, d))] = draw(st.sampled_from([0.0, 1.0, -3.0]))
    vectors[: draw(st.integers(0, 5))] = 0
    return (vectors * draw(st.sampled_from([1e-6, 1.0, 1e6]))).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(
    awkward_vectors(),
    st.sampled_from(NORMALIZATIONS),
    st.sampled_from(REDUCTIONS),
    st.sampled_from(CLUSTERINGS),
    st.sampled_from(MAPS),
    st.sampled_from(ENSEMBLES),
)
def test_awkward_vectors_pass_through_all_methods(
    vectors: np.ndarray,
    normalization: str,
    reduction: str,
    clustering: str,
    visualization: str,
    ensemble: int,
) -> None:
    assert_whole_run(vectors, normalization, reduction, clustering, visualization, ensemble)


def make_groups(n: int, d: int) -> np.ndarray:
    random = np.random.default_rng(n)
    centres = random.normal(0, 1, (7, d))
    return (centres[random.integers(0, 7, n)] + random.normal(0, 0.2, (n, d))).astype(np.float32)


@pytest.mark.parametrize("n", [20, 21, 22, 31, 64, 257])
@pytest.mark.parametrize(("reduction", "clustering"), list(itertools.product(REDUCTIONS, CLUSTERINGS)))
def test_every_number_of_points_passes_through_all_methods(n: int, reduction: str, clustering: str) -> None:
    assert_whole_run(make_groups(n, 48), "l2", reduction, clustering, MAPS[n % 3])


@pytest.mark.parametrize("n", [20, 21, 22, 31, 64, 257])
def test_every_number_of_points_passes_through_an_ensemble(n: int) -> None:
    assert_whole_run(make_groups(n, 48), "l2", "umap", "hdbscan", MAPS[n % 3], 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reduction", "clustering", "visualization", "ensemble"),
    [
        ("umap", "hdbscan", "umap", 1),
        ("umap", "hdbscan", "pca", 10),
        ("pca", "kmeans", "tsne", 1),
        ("none", "hdbscan", "pca", 1),
    ],
)
def test_five_thousand_points_pass_through_all_methods(
    reduction: str, clustering: str, visualization: str, ensemble: int
) -> None:
    assert_whole_run(make_groups(5000, 16), "l2", reduction, clustering, visualization, ensemble)

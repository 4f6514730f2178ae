"""An ensemble is several layouts of one graph, the same every time, and a single one is plain UMAP."""

import os

import numpy as np
import pytest

from trace_clustering.algorithms.space.ensemble import choose_ensemble_shape, lay_out_ensemble
from trace_clustering.algorithms.space.neighbors import find_nearest_neighbors
from trace_clustering.algorithms.space.umap_layout import fit_umap
from trace_clustering.algorithms.steps import ClusteringSpace, reduce_embeddings
from trace_clustering_tests.examples import themed_vectors


def make_space(
    vectors: np.ndarray, ensemble_size: int, n_components: int = 12, seed: int = 42
) -> ClusteringSpace:
    return reduce_embeddings(
        vectors,
        normalization="none",
        method="umap",
        n_components=n_components,
        random_state=seed,
        ensemble_size=ensemble_size,
    )


@pytest.mark.parametrize(
    ("n", "size", "n_components", "n_layouts", "dimensions"),
    [
        (1000, 10, 100, 10, 10),
        (1000, 1, 100, 1, 100),
        (1000, 10, 15, 7, 2),
        (1000, 10, 4, 2, 2),
        (1000, 10, 3, 1, 3),
        (0, 10, 100, 1, 100),
        (2, 10, 100, 1, 100),
        (3, 10, 100, 10, 10),
        (10_000, 10, 100, 10, 10),
        (20_000, 10, 100, 5, 10),  # fewer layouts, each with as many dimensions
        (20_000, 3, 100, 3, 33),
        (100_000, 10, 100, 4, 10),
    ],
)
def test_as_many_layouts_are_made_as_wanted_and_possible(
    n: int, size: int, n_components: int, n_layouts: int, dimensions: int
) -> None:
    assert choose_ensemble_shape(n, size, n_components) == (n_layouts, dimensions)


@pytest.mark.parametrize(
    ("n", "size", "n_components", "columns"),
    [
        (60, 3, 12, 12),
        (60, 3, 14, 12),  # the remaining two dimensions are not used
        (60, 3, 90, 48),  # 16 dimensions given
        (5, 3, 90, 9),  # n - 2
    ],
)
def test_layouts_share_the_dimensions(n: int, size: int, n_components: int, columns: int) -> None:
    found = make_space(themed_vectors()[:n], size, n_components)
    assert (found.points.shape, found.points.dtype) == ((n, columns), np.float32)
    assert found.n_layouts == size
    assert np.isfinite(found.points).all()
    assert found.neighbors.shape == (n, min(51, n))


def test_the_number_of_threads_changes_nothing() -> None:
    all_cores = os.sched_getaffinity(0)
    with_all = make_space(themed_vectors(), 6).points.tobytes()
    os.sched_setaffinity(0, {min(all_cores)})
    try:
        with_one = make_space(themed_vectors(), 6).points.tobytes()
    finally:
        os.sched_setaffinity(0, all_cores)
    assert with_one == with_all


def test_no_two_layouts_and_no_two_seeds_are_the_same() -> None:
    layouts = [
        layout.tobytes()
        for seed in (42, 43)
        for layout in np.split(make_space(themed_vectors(), 3, seed=seed).points, 3, axis=1)
    ]
    assert len(set(layouts)) == 6


@pytest.mark.parametrize(("size", "n_components"), [(1, 12), (10, 3)])
def test_a_single_layout_is_that_of_umap_alone(size: int, n_components: int) -> None:
    vectors = themed_vectors()
    neighbors = find_nearest_neighbors(vectors, 15)
    plain = fit_umap(neighbors, n_components=n_components, min_dist=0.0, random_state=42)
    found = make_space(vectors, size, n_components)
    assert found.points.tobytes() == plain.tobytes()
    assert found.n_layouts == 1
    assert found.neighbors.tolist() == [[row] for row in range(len(vectors))]


def test_the_given_neighbours_stay_unchanged() -> None:
    neighbors = find_nearest_neighbors(themed_vectors(), 15)
    before = [each.tobytes() for each in neighbors]
    lay_out_ensemble(neighbors, n_layouts=2, n_components=2)
    assert [each.tobytes() for each in neighbors] == before

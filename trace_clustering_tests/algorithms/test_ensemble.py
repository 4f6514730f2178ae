"""An ensemble is several layouts of one graph, the same every time, and a single one is plain UMAP."""

import os

import numpy as np
import pytest

from trace_clustering.algorithms.compiled import import_umap
from trace_clustering.algorithms.compute import ClusteringSpace, reduce_embeddings
from trace_clustering.algorithms.ensemble import ensemble_members, lay_out_ensemble
from trace_clustering.algorithms.neighbors import nearest_neighbors
from trace_clustering.algorithms.reduce import fit_umap
from trace_clustering_tests.examples import themed_vectors


def space(vectors: np.ndarray, ensemble_size: int, n_components: int = 12, seed: int = 42) -> ClusteringSpace:
    return reduce_embeddings(
        vectors,
        normalization="none",
        method="umap",
        n_components=n_components,
        random_state=seed,
        ensemble_size=ensemble_size,
    )


@pytest.mark.parametrize(
    ("n", "size", "n_components", "members"),
    [
        (1000, 10, 100, 10),
        (1000, 1, 100, 1),
        (1000, 10, 15, 7),
        (1000, 10, 4, 2),
        (1000, 10, 3, 1),
        (2, 10, 100, 1),
        (3, 10, 100, 10),
        (10_000, 10, 100, 10),
        (10_001, 10, 100, 1),
    ],
)
def test_as_many_layouts_are_made_as_wanted_and_possible(
    n: int, size: int, n_components: int, members: int
) -> None:
    assert ensemble_members(n, size, n_components) == members


@pytest.mark.parametrize(
    ("n", "size", "n_components", "columns"),
    [
        (60, 3, 12, 12),
        (60, 3, 14, 12),  # what is left over is not used
        (60, 3, 90, 48),  # 16 dimensions given
        (5, 3, 90, 9),  # n - 2
    ],
)
def test_layouts_share_the_dimensions(n: int, size: int, n_components: int, columns: int) -> None:
    found = space(themed_vectors()[:n], size, n_components)
    assert (found.points.shape, found.points.dtype) == ((n, columns), np.float32)
    assert found.members == size
    assert np.isfinite(found.points).all()
    assert found.neighbors.shape == (n, min(51, n))


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for threads in (1, 2, 7):
        monkeypatch.setattr(os, "cpu_count", lambda threads=threads: threads)
        found.append(space(themed_vectors(), 6).points.tobytes())
    assert found[0] == found[1] == found[2]


def test_no_two_layouts_and_no_two_seeds_are_the_same() -> None:
    layouts = [
        layout.tobytes()
        for seed in (42, 43)
        for layout in np.split(space(themed_vectors(), 3, seed=seed).points, 3, axis=1)
    ]
    assert len(set(layouts)) == 6


@pytest.mark.parametrize(("size", "n_components"), [(1, 12), (10, 3)])
def test_a_single_layout_is_plain_umap_to_the_last_byte(size: int, n_components: int) -> None:
    vectors = themed_vectors()
    plain = fit_umap(vectors, n_components=n_components, n_neighbors=15, min_dist=0.0, random_state=42)
    found = space(vectors, size, n_components)
    assert found.points.tobytes() == plain.tobytes()
    assert found.members == 1
    assert found.neighbors.tolist() == [[row] for row in range(len(vectors))]


def test_the_shared_graph_is_the_one_that_umap_makes() -> None:
    vectors = themed_vectors()
    vectors[3] = vectors[50]
    indices, distances = nearest_neighbors(vectors, 15)
    ours = import_umap().umap_.fuzzy_simplicial_set(
        vectors, 15, None, "euclidean", knn_indices=indices, knn_dists=distances
    )[0]
    model = import_umap().UMAP(n_neighbors=15, random_state=1, n_jobs=1, n_epochs=1, init="random")
    assert ours.toarray() == pytest.approx(model.fit(vectors).graph_.toarray(), abs=1e-2)


def test_the_embeddings_are_left_as_they_were() -> None:
    vectors = themed_vectors()
    lay_out_ensemble(vectors, nearest_neighbors(vectors, 15), members=2)
    assert vectors.tobytes() == themed_vectors().tobytes()

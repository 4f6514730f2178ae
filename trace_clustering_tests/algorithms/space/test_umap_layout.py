"""The two halves of UMAP are those of umap-learn, given exact neighbours."""

import numpy as np
import pytest

from trace_clustering.algorithms.space.neighbors import find_nearest_neighbors
from trace_clustering.algorithms.space.umap_layout import build_neighbor_graph, lay_out_graph
from trace_clustering.processes.compiled_code import import_umap
from trace_clustering_tests.examples import themed_vectors


def make_embeddings() -> np.ndarray:
    made = themed_vectors()
    made[3] = made[50]
    return made


@pytest.mark.parametrize("n_neighbors", [2, 15])
def test_the_graph_is_the_one_that_umap_makes(n_neighbors: int) -> None:
    ours = build_neighbor_graph(find_nearest_neighbors(make_embeddings(), 20), n_neighbors)
    model = import_umap().UMAP(n_neighbors=n_neighbors, random_state=1, n_jobs=1, n_epochs=1, init="random")
    assert ours.toarray() == pytest.approx(model.fit(make_embeddings()).graph_.toarray(), abs=1e-2)


def test_a_layout_keeps_neighbours_as_well_as_that_of_umap() -> None:
    expected = find_nearest_neighbors(make_embeddings(), 11).indices
    model = import_umap().UMAP(n_neighbors=15, n_components=4, min_dist=0.0, random_state=1, init="random")
    ours = lay_out_graph(
        build_neighbor_graph(find_nearest_neighbors(make_embeddings(), 15), 15),
        n_components=4,
        min_dist=0.0,
        n_epochs=None,
        random_state=1,
    )

    def count_kept_neighbors(layout: np.ndarray) -> float:
        found = find_nearest_neighbors(layout, 11).indices
        return np.mean([len(set(a) & set(b)) for a, b in zip(expected, found, strict=True)])

    assert count_kept_neighbors(ours) > 0.95 * count_kept_neighbors(model.fit_transform(make_embeddings()))
    assert (ours.shape, ours.dtype) == ((len(make_embeddings()), 4), np.float32)


def test_the_same_seed_gives_the_same_layout_and_another_seed_another() -> None:
    graph = build_neighbor_graph(find_nearest_neighbors(make_embeddings(), 15), 15)
    first, again, other = (
        lay_out_graph(graph, n_components=2, min_dist=0.1, n_epochs=20, random_state=seed)
        for seed in (1, 1, 2)
    )
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()

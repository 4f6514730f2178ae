"""A clustering space of several UMAP layouts, in which chance can be told from structure."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.compiled import import_umap
from trace_clustering.constants import (
    DEFAULT_RANDOM_STATE,
    DEFAULT_UMAP_MIN_DIST,
    DEFAULT_UMAP_N_COMPONENTS,
    DEFAULT_UMAP_N_NEIGHBORS,
    ENSEMBLE_MAX_POINTS,
    ENSEMBLE_UMAP_EPOCHS,
)


def ensemble_members(n: int, ensemble_size: int, n_components: int = DEFAULT_UMAP_N_COMPONENTS) -> int:
    """Return how many layouts an ensemble of n points has.

    No more than leave two dimensions to each, and a single one, which is no ensemble, of fewer than 3 points
    or of more than 10,000: the consensus of a clustering looks at all pairs of them.
    """
    if not 3 <= n <= ENSEMBLE_MAX_POINTS:
        return 1
    return max(1, min(ensemble_size, n_components // 2))


def lay_out_ensemble(
    embeddings: NDArray[np.float32],
    neighbors: tuple[NDArray[np.int32], NDArray[np.float32]],
    members: int,
    n_components: int = DEFAULT_UMAP_N_COMPONENTS,
    n_neighbors: int = DEFAULT_UMAP_N_NEIGHBORS,
    min_dist: float = DEFAULT_UMAP_MIN_DIST,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> NDArray[np.float32]:
    """Lay embeddings out with UMAP (McInnes, Healy and Melville 2018) several times, from other starts.

    All layouts share one neighbour graph. Threads work on several at once; none depends on another, so the
    result does not depend on the number of threads.

    Parameters
    ----------
    embeddings : array of shape (n, d)
        At least three rows.
    neighbors : int32 and float32 array, shape (n, k)
        Nearest rows and their distances, the row itself first, from `nearest_neighbors`.
    members : int
        How many layouts, m.
    n_components : int
        Dimensions of all layouts together. Each has `n_components // m`, at most `max(2, n - 2)` and `d`;
        what the division leaves over is not used.
    n_neighbors : int
        Size of the neighbourhoods, the point itself included; at most `n - 1` and k is used.
    min_dist : float
        0 packs points as densely as they are.
    random_state : int
        The seeds of the layouts are derived from it.

    Returns
    -------
    array of shape (n, m * r)
        The layouts side by side, r columns each.
    """
    n, d = embeddings.shape
    k = min(n_neighbors, n - 1, neighbors[0].shape[1])
    nearest = np.ascontiguousarray(neighbors[0][:, :k]), np.ascontiguousarray(neighbors[1][:, :k])
    lay_out = _layouts(embeddings, nearest, min(n_components // members, max(2, n - 2), d), min_dist)
    seeds = np.random.SeedSequence(random_state).generate_state(members)
    with ThreadPoolExecutor(min(members, os.cpu_count() or 1)) as threads:
        return np.hstack(list(threads.map(lay_out, seeds.tolist())))


def _layouts(
    embeddings: NDArray[np.float32],
    neighbors: tuple[NDArray[np.int32], NDArray[np.float32]],
    n_components: int,
    min_dist: float,
) -> Callable[[int], NDArray[np.float32]]:
    """Return a function from a seed to a layout of the graph, which is made once."""
    umap: Any = import_umap().umap_
    indices, distances = neighbors
    graph, _, _ = umap.fuzzy_simplicial_set(
        embeddings, indices.shape[1], None, "euclidean", knn_indices=indices, knn_dists=distances
    )
    a, b = umap.find_ab_params(1.0, min_dist)

    def lay_out(seed: int) -> NDArray[np.float32]:
        # All that is not ours to choose is as in umap.UMAP.
        layout, _ = umap.simplicial_set_embedding(
            embeddings,
            graph,
            n_components=n_components,
            initial_alpha=1.0,
            a=a,
            b=b,
            gamma=1.0,
            negative_sample_rate=5,
            n_epochs=ENSEMBLE_UMAP_EPOCHS,
            init="random",
            random_state=np.random.RandomState(seed),
            metric="euclidean",
            metric_kwds={},
            densmap=False,
            densmap_kwds={},
            output_dens=False,
        )
        return np.asarray(layout, dtype=np.float32)

    return lay_out

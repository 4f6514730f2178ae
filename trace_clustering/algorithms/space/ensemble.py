"""A clustering space of several UMAP layouts, in which chance can be told from structure."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.space.umap_layout import lay_out, neighbor_graph
from trace_clustering.constants import (
    DEFAULT_RANDOM_STATE,
    DEFAULT_UMAP_MIN_DIST,
    DEFAULT_UMAP_N_COMPONENTS,
    DEFAULT_UMAP_N_NEIGHBORS,
    ENSEMBLE_UMAP_EPOCHS,
    MAX_ENSEMBLE_POINTS,
    MIN_ENSEMBLE_LAYOUTS,
    MIN_POINTS_FOR_UMAP,
)


def choose_ensemble_shape(
    n: int, ensemble_size: int, n_components: int = DEFAULT_UMAP_N_COMPONENTS
) -> tuple[int, int]:
    """Return how many layouts an ensemble of n points has, and how many dimensions each.

    The dimensions are shared out among as many layouts as are wanted, at least two to each. Of more than
    10,000 points fewer are made, so that all together lay out 100,000 points, but at least four. A single
    one is no ensemble.
    """
    wanted = max(1, min(ensemble_size, n_components // 2)) if n >= MIN_POINTS_FOR_UMAP else 1
    n_layouts = min(wanted, max(MIN_ENSEMBLE_LAYOUTS, MAX_ENSEMBLE_POINTS // max(n, 1)))
    return n_layouts, n_components // wanted


def lay_out_ensemble(
    neighbors: tuple[NDArray[np.int32], NDArray[np.float32]],
    n_layouts: int,
    n_components: int,
    n_neighbors: int = DEFAULT_UMAP_N_NEIGHBORS,
    min_dist: float = DEFAULT_UMAP_MIN_DIST,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> NDArray[np.float32]:
    """Lay rows out with UMAP (McInnes, Healy and Melville 2018) several times, from other starts.

    All layouts share one graph of neighbours. Threads work on several at once; none depends on another, so
    the result does not depend on the number of threads.

    Parameters
    ----------
    neighbors : int32 and float32 array, shape (n, k)
        Nearest rows of at least three, and their distances, the row itself first, from `nearest_neighbors`.
    n_layouts : int
    n_components : int
        Dimensions of each layout, r; at most `max(2, n - 2)` are made.
    n_neighbors : int
        Size of the neighbourhoods, the point itself included; at most `n - 1` and k is used.
    min_dist : float
        0 packs points as densely as they are.
    random_state : int
        The seeds of the layouts are derived from it.

    Returns
    -------
    array of shape (n, n_layouts * r)
        The layouts side by side, r columns each.
    """
    graph = neighbor_graph(neighbors, n_neighbors)

    def lay_out_from(seed: int) -> NDArray[np.float32]:
        return lay_out(
            graph,
            n_components=min(n_components, max(2, len(neighbors[0]) - 2)),
            min_dist=min_dist,
            n_epochs=ENSEMBLE_UMAP_EPOCHS,
            random_state=seed,
        )

    seeds = np.random.SeedSequence(random_state).generate_state(n_layouts)
    with ThreadPoolExecutor(min(n_layouts, os.cpu_count() or 1)) as threads:
        return np.hstack(list(threads.map(lay_out_from, seeds.tolist())))

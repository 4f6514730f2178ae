"""A clustering space of several UMAP layouts: what they have in common is structure, the rest is chance."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.space.neighbors import Neighbors
from trace_clustering.algorithms.space.umap_layout import build_neighbor_graph, lay_out_graph
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
from trace_clustering.processes.cores import count_cores


def choose_ensemble_shape(
    n: int, ensemble_size: int, n_components: int = DEFAULT_UMAP_N_COMPONENTS
) -> tuple[int, int]:
    """Return the number of layouts for n points, and the dimensions of each layout.

    The layouts share `n_components`, and each needs at least two. With more than 10,000 points there are
    fewer layouts, so that layouts x points does not exceed 100,000, but at least four. One layout is no
    ensemble.
    """
    wanted = max(1, min(ensemble_size, n_components // 2)) if n >= MIN_POINTS_FOR_UMAP else 1
    n_layouts = min(wanted, max(MIN_ENSEMBLE_LAYOUTS, MAX_ENSEMBLE_POINTS // max(n, 1)))
    return n_layouts, n_components // wanted


def lay_out_ensemble(
    neighbors: Neighbors,
    n_layouts: int,
    n_components: int,
    n_neighbors: int = DEFAULT_UMAP_N_NEIGHBORS,
    min_dist: float = DEFAULT_UMAP_MIN_DIST,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> NDArray[np.float32]:
    """Lay rows out with UMAP (McInnes, Healy and Melville 2018) several times, each from its own start.

    All layouts share one graph of neighbours. Threads work on several layouts at once; no layout depends on
    another, so the result does not depend on the number of threads.

    Parameters
    ----------
    neighbors : Neighbors
        Shape (n, k); at least three rows.
    n_layouts : int
    n_components : int
        Dimensions of each layout, r; at most `max(2, n - 2)` are made.
    n_neighbors : int
        Size of the neighbourhoods, the row itself included; at most `n - 1` and k is used.
    min_dist : float
        0 packs points as densely as they are.
    random_state : int
        The seeds of the layouts are derived from it.

    Returns
    -------
    array of shape (n, n_layouts * r)
        The layouts side by side, r columns each.
    """
    graph = build_neighbor_graph(neighbors, n_neighbors)

    def lay_out_from(seed: int) -> NDArray[np.float32]:
        return lay_out_graph(
            graph,
            n_components=min(n_components, max(2, len(neighbors.indices) - 2)),
            min_dist=min_dist,
            n_epochs=ENSEMBLE_UMAP_EPOCHS,
            random_state=seed,
        )

    seeds = np.random.SeedSequence(random_state).generate_state(n_layouts)
    with ThreadPoolExecutor(min(n_layouts, count_cores())) as threads:
        return np.hstack(list(threads.map(lay_out_from, seeds.tolist())))

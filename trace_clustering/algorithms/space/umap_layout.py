"""UMAP in its two halves: a graph of neighbours, and a layout of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trace_clustering.processes.compiled_code import import_umap


def neighbor_graph(neighbors: tuple[NDArray[np.int32], NDArray[np.float32]], n_neighbors: int) -> Any:  # noqa: ANN401
    """Return the weighted graph that UMAP (McInnes, Healy and Melville 2018) lays out.

    Parameters
    ----------
    neighbors : int32 and float32 array, shape (n, k)
        Nearest rows and their distances, the row itself first, from `nearest_neighbors`.
    n_neighbors : int
        Size of the neighbourhoods, the row itself included; at most `n - 1` and k is used.

    Returns
    -------
    sparse matrix of shape (n, n)
    """
    n, k = neighbors[0].shape
    indices, distances = (np.ascontiguousarray(each[:, : min(n_neighbors, n - 1, k)]) for each in neighbors)
    graph, _, _ = import_umap().umap_.fuzzy_simplicial_set(
        np.broadcast_to(np.float32(0), (n, 1)),  # read for its length alone
        indices.shape[1],
        None,
        "euclidean",
        knn_indices=indices,
        knn_dists=distances,
    )
    return graph


def lay_out(
    graph: Any,  # noqa: ANN401
    *,
    n_components: int,
    min_dist: float,
    n_epochs: int | None,
    random_state: int,
) -> NDArray[np.float32]:
    """Lay a graph out as UMAP does, in one thread; others may lay it out at the same time.

    The start is random since the spectral one fails on small samples and on many components.

    Parameters
    ----------
    graph : sparse matrix of shape (n, n)
        From `neighbor_graph`; at least three rows.
    n_components : int
    min_dist : float
        Least distance of two points; 0 packs them as densely as they are.
    n_epochs : int or None
        Steps of the layout; None for 500, or 200 of more than 10,000 points.
    random_state : int

    Returns
    -------
    array of shape (n, n_components)
    """
    umap: Any = import_umap().umap_
    # In single precision, like the points: their powers are most of the work.
    a, b = (np.float32(parameter) for parameter in umap.find_ab_params(1.0, min_dist))
    # All that is not ours to choose is as in umap.UMAP.
    layout, _ = umap.simplicial_set_embedding(
        None,
        graph,
        n_components=n_components,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=n_epochs,
        init="random",
        random_state=np.random.RandomState(random_state),
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
    )
    return np.asarray(layout, dtype=np.float32)

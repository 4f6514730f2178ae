"""UMAP in its two halves: a graph of neighbours, and a layout of the graph."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.space.neighbors import Neighbors
from trace_clustering.processes.compiled_code import import_umap


def fit_umap(
    neighbors: Neighbors,
    *,
    n_components: int,
    min_dist: float,
    random_state: int,
    n_epochs: int | None = None,
) -> NDArray[np.float32]:
    """Lay at least three rows out by all of their given neighbours, and return shape (n, n_components).

    Parameters are those of `build_neighbor_graph` and `lay_out_graph`.
    """
    return lay_out_graph(
        build_neighbor_graph(neighbors, neighbors.indices.shape[1]),
        n_components=n_components,
        min_dist=min_dist,
        n_epochs=n_epochs,
        random_state=random_state,
    )


def place_in_line(n: int) -> NDArray[np.float32]:
    """Return places for one or two points, which UMAP cannot lay out, shape (n, 2)."""
    return np.stack([np.arange(n), np.zeros(n)], axis=1).astype(np.float32)


def build_neighbor_graph(neighbors: Neighbors, n_neighbors: int) -> Any:  # noqa: ANN401
    """Return the weighted graph that UMAP (McInnes, Healy and Melville 2018) lays out.

    Parameters
    ----------
    neighbors : Neighbors
        Shape (n, k).
    n_neighbors : int
        Size of the neighbourhoods, the row itself included; at most `n - 1` and k is used.

    Returns
    -------
    sparse matrix of shape (n, n)
    """
    n, k = neighbors.indices.shape
    used = min(n_neighbors, n - 1, k)
    graph, _, _ = import_umap().umap_.fuzzy_simplicial_set(
        np.broadcast_to(np.float32(0), (n, 1)),  # UMAP only asks for its length
        used,
        None,
        "euclidean",
        knn_indices=np.ascontiguousarray(neighbors.indices[:, :used]),
        knn_dists=np.ascontiguousarray(neighbors.distances[:, :used]),
    )
    return graph


def lay_out_graph(
    graph: Any,  # noqa: ANN401
    *,
    n_components: int,
    min_dist: float,
    n_epochs: int | None,
    random_state: int,
) -> NDArray[np.float32]:
    """Lay a graph out as UMAP does, in one thread; other threads may lay it out at the same time.

    Layouts start at random, since UMAP's spectral start fails on small samples and on many components.

    Parameters
    ----------
    graph : sparse matrix of shape (n, n)
        From `build_neighbor_graph`; at least three rows.
    n_components : int
    min_dist : float
        Smallest distance between points; 0 packs them as densely as they are.
    n_epochs : int or None
        Steps of the layout; None for 500, or for 200 with more than 10,000 points.
    random_state : int

    Returns
    -------
    array of shape (n, n_components)
    """
    umap: Any = import_umap().umap_
    # In single precision, like the points: most of the time goes into powers of these two.
    a, b = (np.float32(parameter) for parameter in umap.find_ab_params(1.0, min_dist))
    # The other arguments are the defaults of umap.UMAP.
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

"""From the embedding space to the clustering space."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.space.neighbors import nearest_neighbors
from trace_clustering.algorithms.space.umap_layout import lay_out, neighbor_graph
from trace_clustering.constants import (
    DEFAULT_RANDOM_STATE,
    DEFAULT_UMAP_MIN_DIST,
    DEFAULT_UMAP_N_COMPONENTS,
    DEFAULT_UMAP_N_NEIGHBORS,
    MIN_POINTS_FOR_UMAP,
)

_COMPRESSED = 256
_MOST_ROWS_SEARCHED_AS_THEY_ARE = 5_000
_MOST_ROWS_DECOMPOSED = 10_000
_ROWS_AT_A_TIME = 4_096


def reduce_dimensions_for_clustering(
    embeddings: NDArray[np.float32],
    n_components: int = DEFAULT_UMAP_N_COMPONENTS,
    n_neighbors: int = DEFAULT_UMAP_N_NEIGHBORS,
    min_dist: float = DEFAULT_UMAP_MIN_DIST,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> NDArray[np.float32]:
    """Reduce embeddings with UMAP (McInnes, Healy and Melville 2018) to a space for density clustering.

    Parameters
    ----------
    embeddings : array of shape (n, d)
    n_components : int
        Wanted dimensions; at most `max(2, n - 2)` and `d` are made.
    n_neighbors : int
        Size of the neighbourhoods; at most `n - 1` is used.
    min_dist : float
        0 packs points as densely as they are, which is what density clustering needs.
    random_state : int
        A seed makes UMAP single-threaded and its result repeatable.

    Returns
    -------
    array of shape (n, r)
        With fewer than three rows, the first `n_components` columns of the input.
    """
    n, d = embeddings.shape
    if n < MIN_POINTS_FOR_UMAP:
        return embeddings[:, :n_components]
    return fit_umap(
        compress_for_search(embeddings, random_state),
        n_components=min(n_components, max(2, n - 2), d),
        n_neighbors=n_neighbors,
        min_dist=min_dist,
        random_state=random_state,
    )


def reduce_dimensions_pca(
    embeddings: NDArray[np.float32],
    n_components: int = DEFAULT_UMAP_N_COMPONENTS,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> NDArray[np.float32]:
    """Reduce embeddings to their principal components.

    Parameters
    ----------
    embeddings : array of shape (n, d)
    n_components : int
        Wanted dimensions; at most `n` and `d` are made.
    random_state : int
        Seed of the randomized decomposition that serves large matrices.

    Returns
    -------
    array of shape (n, r)
        With fewer than two rows, the first `n_components` columns of the input.
    """
    n, d = embeddings.shape
    if n < 2:
        return embeddings[:, :n_components]
    from sklearn.decomposition import PCA

    model = PCA(n_components=min(n_components, n, d), random_state=random_state)
    with np.errstate(invalid="ignore"):  # shares of a variance of 0, which nobody asks for
        return np.asarray(model.fit_transform(embeddings), dtype=np.float32)


def compress_for_search(
    embeddings: NDArray[np.float32], random_state: int = DEFAULT_RANDOM_STATE
) -> NDArray[np.float32]:
    """Project many wide rows on their 256 principal components, in which their neighbours are found sooner.

    The components are those of at most 10,000 rows, spread evenly over all of them.

    Parameters
    ----------
    embeddings : array of shape (n, d)
    random_state : int
        Seed of the randomized decomposition.

    Returns
    -------
    array of shape (n, 256)
        With at most 5,000 rows or 256 columns, the embeddings as they are.
    """
    n, d = embeddings.shape
    if n <= _MOST_ROWS_SEARCHED_AS_THEY_ARE or d <= _COMPRESSED:
        return embeddings
    from sklearn.decomposition import PCA

    sample = embeddings[np.linspace(0, n - 1, min(n, _MOST_ROWS_DECOMPOSED)).astype(np.int64)]
    model = PCA(
        _COMPRESSED, svd_solver="randomized", iterated_power=2, copy=False, random_state=random_state
    ).fit(sample)
    compressed = np.empty((n, _COMPRESSED), dtype=np.float32)
    for start in range(0, n, _ROWS_AT_A_TIME):  # the model would centre a copy of all rows at once
        rows = slice(start, start + _ROWS_AT_A_TIME)
        compressed[rows] = model.transform(embeddings[rows])
    return compressed


def fit_umap(
    points: NDArray[np.float32],
    *,
    n_components: int,
    n_neighbors: int,
    min_dist: float,
    random_state: int,
    n_epochs: int | None = None,
) -> NDArray[np.float32]:
    """Lay at least three rows out with UMAP, and return their coordinates, shape (n, n_components)."""
    neighbors = nearest_neighbors(points, min(n_neighbors, len(points) - 1))
    return lay_out(
        neighbor_graph(neighbors, n_neighbors),
        n_components=n_components,
        min_dist=min_dist,
        n_epochs=n_epochs,
        random_state=random_state,
    )

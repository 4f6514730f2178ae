"""From the embedding space to the clustering space."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.compiled import import_umap
from trace_clustering.constants import (
    DEFAULT_RANDOM_STATE,
    DEFAULT_UMAP_MIN_DIST,
    DEFAULT_UMAP_N_COMPONENTS,
    DEFAULT_UMAP_N_NEIGHBORS,
)

# Below this UMAP has no neighbour graph to work on.
SMALLEST_FOR_UMAP = 3


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
    if n < SMALLEST_FOR_UMAP:
        return embeddings[:, :n_components]
    return fit_umap(
        embeddings,
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


def fit_umap(
    points: NDArray[np.float32], *, n_components: int, n_neighbors: int, min_dist: float, random_state: int
) -> NDArray[np.float32]:
    """Fit UMAP on at least three rows and return their coordinates, shape (n, n_components).

    The start is random since the spectral one fails on small samples and on many components.
    """
    import warnings

    model = import_umap().UMAP(
        n_components=n_components,
        n_neighbors=min(n_neighbors, len(points) - 1),
        min_dist=min_dist,
        metric="euclidean",
        init="random",
        random_state=random_state,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_jobs value", category=UserWarning)
        return np.asarray(model.fit_transform(points), dtype=np.float32)

"""From embeddings to a clustering space of one UMAP layout, or of principal components."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.space.distinct import find_near_copies
from trace_clustering.algorithms.space.neighbors import find_neighbors_of_embeddings
from trace_clustering.algorithms.space.umap_layout import fit_umap, place_in_line
from trace_clustering.constants import (
    DEFAULT_RANDOM_STATE,
    DEFAULT_UMAP_MIN_DIST,
    DEFAULT_UMAP_N_COMPONENTS,
    DEFAULT_UMAP_N_NEIGHBORS,
    MIN_POINTS_FOR_UMAP,
)


def reduce_dimensions_for_clustering(
    embeddings: NDArray[np.float32],
    n_components: int = DEFAULT_UMAP_N_COMPONENTS,
    n_neighbors: int = DEFAULT_UMAP_N_NEIGHBORS,
    min_dist: float = DEFAULT_UMAP_MIN_DIST,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> NDArray[np.float32]:
    """Reduce embeddings with UMAP (McInnes, Healy and Melville 2018) to a space for density clustering.

    Copies of one embedding are laid out as one point.

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

    Raises
    ------
    InvalidEmbeddingsError
        If values are not finite.
    """
    n, d = embeddings.shape
    if n < MIN_POINTS_FOR_UMAP:
        return embeddings[:, :n_components]
    copies = find_near_copies(embeddings)
    u = len(copies.first_rows)
    if u < MIN_POINTS_FOR_UMAP:
        return copies.repeat(place_in_line(u))
    points = fit_umap(
        find_neighbors_of_embeddings(embeddings, min(n_neighbors, u - 1), random_state, copies.used_rows),
        n_components=min(n_components, max(2, u - 2), d),
        min_dist=min_dist,
        random_state=random_state,
    )
    return copies.repeat(points)


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
        Seed of the randomized decomposition that scikit-learn uses for large matrices.

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
    # Equal rows have no variance; the shares of it, which are not used here, are then 0 / 0.
    with np.errstate(invalid="ignore"):
        return np.asarray(model.fit_transform(embeddings), dtype=np.float32)

"""The map: two coordinates per trace, for people to look at."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.copies import Copies
from trace_clustering.algorithms.space.neighbors import find_nearest_neighbors
from trace_clustering.algorithms.space.reduce import reduce_dimensions_pca
from trace_clustering.algorithms.space.umap_layout import fit_umap, place_in_line
from trace_clustering.constants import (
    DEFAULT_RANDOM_STATE,
    DEFAULT_UMAP_N_NEIGHBORS,
    DEFAULT_VISUALIZATION_METHOD,
    MAP_UMAP_EPOCHS,
    MAP_UMAP_MIN_DIST,
    MIN_POINTS_FOR_UMAP,
)
from trace_clustering.processes.cores import use_one_blas_thread

VisualizationMethod = Literal["umap", "pca", "tsne"]

# The perplexity is at least 5 and must be below the number of points.
_MIN_PERPLEXITY = 5
_MAX_PERPLEXITY = 30
_MIN_POINTS_FOR_TSNE = _MIN_PERPLEXITY + 1
# The start of t-SNE is scaled as in scikit-learn: if it were wider, the first steps could hardly change it.
_TSNE_START_SPREAD = 1e-4


@use_one_blas_thread()
def compute_2d_coordinates(
    points: NDArray[np.float32],
    method: VisualizationMethod = DEFAULT_VISUALIZATION_METHOD,
    n_neighbors: int = DEFAULT_UMAP_N_NEIGHBORS,
    min_dist: float = MAP_UMAP_MIN_DIST,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> NDArray[np.float32]:
    """Project the clustering space onto a map, on which copies share a place.

    Parameters
    ----------
    points : array of shape (n, r)
        The same points that were clustered.
    method : {"umap", "pca", "tsne"}
    n_neighbors : int
        Size of UMAP's neighbourhoods; at most `n - 1` is used.
    min_dist : float
        Smallest distance between dots on UMAP's map; a larger one spreads them out.
    random_state : int
        Seed of the layout.

    Returns
    -------
    array of shape (n, 2)
        All zeros with fewer points than the method needs: three for UMAP, two for PCA, six for t-SNE. If
        all are copies of one point or two, these are placed in a line.

    Raises
    ------
    InvalidEmbeddingsError, ValueError
        If values are not finite; from UMAP the former, from PCA and t-SNE the latter.
    """
    copies = Copies.find(points)
    distinct = copies.take_first(points)
    n = len(distinct)
    if copies.exist and n < MIN_POINTS_FOR_UMAP:
        return copies.repeat(place_in_line(n))
    if method == "pca":
        return copies.repeat(_project_with_pca(distinct, random_state))
    if method == "tsne":
        return copies.repeat(_project_with_tsne(distinct, random_state))
    if n < MIN_POINTS_FOR_UMAP:
        return np.zeros((n, 2), dtype=np.float32)
    places = fit_umap(
        find_nearest_neighbors(distinct, min(n_neighbors, n - 1)),
        n_components=2,
        min_dist=min_dist,
        random_state=random_state,
        n_epochs=MAP_UMAP_EPOCHS,
    )
    return copies.repeat(places)


def calculate_mean_coordinates(
    coordinates: NDArray[np.float32], labels: NDArray[np.int64], cluster_ids: list[int]
) -> NDArray[np.float32]:
    """Return the centre of each given cluster (noise too) on the map, shape (m, 2)."""
    centres = np.zeros((len(cluster_ids), 2), dtype=np.float32)
    for row, cluster in enumerate(cluster_ids):
        centres[row] = coordinates[labels == cluster].mean(axis=0, dtype=np.float64)
    return centres


def _project_with_pca(points: NDArray[np.float32], random_state: int) -> NDArray[np.float32]:
    coordinates = np.zeros((len(points), 2), dtype=np.float32)
    if len(points) > 1:
        components = reduce_dimensions_pca(points, n_components=2, random_state=random_state)
        coordinates[:, : components.shape[1]] = components
    return coordinates


def _project_with_tsne(points: NDArray[np.float32], random_state: int) -> NDArray[np.float32]:
    """Return coordinates by t-SNE (van der Maaten and Hinton 2008), started from the principal components."""
    n = len(points)
    start = _project_with_pca(points, random_state)
    if n < _MIN_POINTS_FOR_TSNE:
        return np.zeros_like(start)
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    spread = start[:, 0].std()
    model = TSNE(
        perplexity=min(_MAX_PERPLEXITY, max(_MIN_PERPLEXITY, n // 3)),
        init=start / spread * _TSNE_START_SPREAD if spread > 0 else "random",  # equal points have no spread
        random_state=random_state,
    )
    # Several threads would add up numbers in the order in which they finish: the last digits would vary.
    with threadpool_limits(1, user_api="openmp"):
        return np.asarray(model.fit_transform(points), dtype=np.float32)

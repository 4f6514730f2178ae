"""The map: two coordinates per trace, for people to look at."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.reduce import SMALLEST_FOR_UMAP, fit_umap
from trace_clustering.constants import (
    DEFAULT_RANDOM_STATE,
    DEFAULT_UMAP_N_NEIGHBORS,
    MAP_UMAP_MIN_DIST,
)


def compute_2d_coordinates(
    points: NDArray[np.float32],
    n_neighbors: int = DEFAULT_UMAP_N_NEIGHBORS,
    min_dist: float = MAP_UMAP_MIN_DIST,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> NDArray[np.float32]:
    """Project the clustering space onto a map with UMAP.

    Parameters
    ----------
    points : array of shape (n, r)
        The same points that were clustered.
    n_neighbors : int
        Size of the neighbourhoods; at most `n - 1` is used.
    min_dist : float
        Least distance of two dots on the map; larger spreads them out.
    random_state : int

    Returns
    -------
    array of shape (n, 2)
        All zeros with fewer than three points.
    """
    if len(points) < SMALLEST_FOR_UMAP:
        return np.zeros((len(points), 2), dtype=np.float32)
    return fit_umap(
        points, n_components=2, n_neighbors=n_neighbors, min_dist=min_dist, random_state=random_state
    )


def mean_coordinates(
    coordinates: NDArray[np.float32], labels: NDArray[np.int64], cluster_ids: list[int]
) -> NDArray[np.float32]:
    """Return the centre of each given cluster (noise too) on the map, shape (m, 2)."""
    centres = np.zeros((len(cluster_ids), 2), dtype=np.float32)
    for row, cluster in enumerate(cluster_ids):
        centres[row] = coordinates[labels == cluster].mean(axis=0, dtype=np.float64)
    return centres

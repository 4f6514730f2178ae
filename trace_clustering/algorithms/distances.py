"""Centroids of clusters, and distances between points."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.constants import NOISE_CLUSTER_ID

# A squared distance below this share of the two squared lengths is a rounding error.
_MAX_ROUNDING_ERROR = 1e-12
_ROWS_AT_A_TIME = 1000


def calculate_cluster_means(points: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the mean of the members of cluster 0 .. k-1, shape (k, r); noise has none."""
    k = int(labels.max(initial=NOISE_CLUSTER_ID)) + 1
    means = np.empty((k, points.shape[1]), dtype=np.float32)
    for cluster in range(k):
        means[cluster] = points[labels == cluster].mean(axis=0, dtype=np.float64)
    return means


def calculate_trace_distances(
    points: NDArray[np.float32], centroids: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the Euclidean distance of every point to every centroid.

    Parameters
    ----------
    points : array of shape (n, r)
    centroids : array of shape (k, r)

    Returns
    -------
    array of shape (n, k)
    """
    from scipy.spatial.distance import cdist

    if len(centroids) == 0:
        return np.empty((len(points), 0), dtype=np.float32)
    return np.asarray(cdist(points, centroids), dtype=np.float32)


def calculate_distances_to_cluster_means(
    points: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the Euclidean distance of every point, noise too, to the mean of every cluster, shape (n, k)."""
    return calculate_trace_distances(points, calculate_cluster_means(points, labels))


def calculate_pairwise_distances(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Euclidean distances of all pairs of points, shape (n, n), by matrix multiplication.

    The points are moved to have their mean at 0, where products are most exact; this changes no distance.
    Equal points get a distance of exactly 0; the multiplication alone would leave a rounding error.
    """
    from sklearn.metrics.pairwise import euclidean_distances

    centred = points.astype(np.float64)
    centred -= centred.mean(axis=0)
    squares = np.einsum("ij,ij->i", centred, centred)
    distances: NDArray[np.float64] = euclidean_distances(centred, squared=True)
    for start in range(0, len(points), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        distances[rows][distances[rows] < _MAX_ROUNDING_ERROR * (squares[rows, None] + squares)] = 0
    return np.sqrt(distances, out=distances)

"""The three computations of a run as whole steps, each to be called in a process of its own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.cluster import HDBSCANResult, perform_hdbscan_clustering
from trace_clustering.algorithms.distances import calculate_distances_to_cluster_means
from trace_clustering.algorithms.normalize import normalize_l2
from trace_clustering.algorithms.reduce import reduce_dimensions_for_clustering
from trace_clustering.constants import NOISE_CLUSTER_ID


@dataclass(frozen=True, eq=False)
class ClusteredPoints:
    """Clusters of n points, and where each point lies among them.

    Attributes
    ----------
    result : HDBSCANResult
    nearest : int64 array, shape (n,)
        Cluster with the nearest centroid; -1 if there is none.
    distances_to_nearest, distances_to_own : float32 arrays, shape (n,)
        Distance to that centroid, and to the own one; for noise both are the same. 0 without clusters.
    """

    result: HDBSCANResult
    nearest: NDArray[np.int64]
    distances_to_nearest: NDArray[np.float32]
    distances_to_own: NDArray[np.float32]


def reduce_embeddings(
    vectors: NDArray[np.float32], *, n_components: int, random_state: int
) -> NDArray[np.float32]:
    """Normalize and reduce vectors, shape (n, d), to the clustering space, shape (n, r)."""
    return reduce_dimensions_for_clustering(normalize_l2(vectors), n_components, random_state=random_state)


def cluster_points(
    points: NDArray[np.float32], *, min_cluster_size_fraction: float, min_samples: int
) -> ClusteredPoints:
    """Cluster the points of the clustering space, shape (n, r), and measure their distances."""
    result = perform_hdbscan_clustering(points, min_cluster_size_fraction, min_samples)
    distances = calculate_distances_to_cluster_means(points, result.labels)
    rows = np.arange(len(points))
    if distances.shape[1] == 0:
        zeros = np.zeros(len(points), dtype=np.float32)
        return ClusteredPoints(result, np.full(len(points), NOISE_CLUSTER_ID), zeros, zeros)
    nearest = distances.argmin(axis=1)
    to_nearest = distances[rows, nearest]
    is_noise = result.labels == NOISE_CLUSTER_ID
    to_own = np.where(is_noise, to_nearest, distances[rows, result.labels])
    return ClusteredPoints(result, nearest, to_nearest, to_own)

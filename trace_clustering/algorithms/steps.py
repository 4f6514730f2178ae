"""From vectors to clusters as whole steps, each to be called in a process of its own.

Here the settings choose the algorithms; for the map, `compute_2d_coordinates` does.
"""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.clusters.consensus import ConsensusResult, perform_consensus_clustering
from trace_clustering.algorithms.clusters.hdbscan import HDBSCANResult, perform_hdbscan_clustering
from trace_clustering.algorithms.clusters.kmeans import perform_kmeans_with_optimal_k
from trace_clustering.algorithms.distances import calculate_distances_to_cluster_means
from trace_clustering.algorithms.space.ensemble import ensemble_shape, lay_out_ensemble
from trace_clustering.algorithms.space.neighbors import nearest_neighbors
from trace_clustering.algorithms.space.normalize import normalize_l2
from trace_clustering.algorithms.space.reduce import (
    compress_for_search,
    reduce_dimensions_for_clustering,
    reduce_dimensions_pca,
)
from trace_clustering.constants import NOISE_CLUSTER_ID, STABILITY_NEIGHBORS
from trace_clustering.processes.compiled_code import import_umap

Normalization = Literal["none", "l2"]
ReductionMethod = Literal["none", "umap", "pca"]
ClusteringMethod = Literal["hdbscan", "kmeans"]


@dataclass(frozen=True, eq=False)
class ClusteringSpace:
    """What n vectors became to be clustered.

    Attributes
    ----------
    points : float32 array, shape (n, r)
        With an ensemble, the layouts of its m members side by side.
    members : int
        How many layouts, m; 1 without an ensemble.
    neighbors : int32 array, shape (n, k)
        Each vector's nearest ones, itself first; nothing but itself without an ensemble, where nobody needs
        them.
    """

    points: NDArray[np.float32]
    members: int
    neighbors: NDArray[np.int32]

    @classmethod
    def single(cls, points: NDArray[np.float32]) -> Self:
        """Return the space of points that are no ensemble."""
        return cls(points, 1, np.arange(len(points), dtype=np.int32)[:, None])


@dataclass(frozen=True, eq=False)
class ClusteredPoints:
    """Clusters of n points, and where each point lies among them.

    Attributes
    ----------
    labels : int64 array, shape (n,)
        Cluster ids 0 .. k-1; -1 is noise.
    probabilities : float32 array, shape (n,)
        Membership probabilities in [0, 1]; 0 for noise, 1 for every point of k-means.
    centroids : float32 array, shape (k, r)
    stabilities : float32 array, shape (k,)
        How surely the members of each cluster are found together again, from 0 to 1; NaN without an ensemble.
    nearest : int64 array, shape (n,)
        Cluster with the nearest centroid; -1 if there is none.
    distances_to_nearest, distances_to_own : float32 arrays, shape (n,)
        Distance to that centroid, and to the own one; for noise both are the same. 0 without clusters.
    found_by : dict
        What the algorithm decided by itself: how clusters were selected, or the number of clusters.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    centroids: NDArray[np.float32]
    stabilities: NDArray[np.float32]
    nearest: NDArray[np.int64]
    distances_to_nearest: NDArray[np.float32]
    distances_to_own: NDArray[np.float32]
    found_by: dict[str, Any]


def import_libraries() -> None:
    """Import what the default methods need, which takes two seconds."""
    import hdbscan  # noqa: F401

    import_umap()


def reduce_embeddings(
    vectors: NDArray[np.float32],
    *,
    normalization: Normalization,
    method: ReductionMethod,
    n_components: int,
    random_state: int,
    ensemble_size: int = 1,
) -> ClusteringSpace:
    """Normalize and reduce vectors, shape (n, d), to the clustering space; UMAP alone can be an ensemble."""
    if normalization == "l2":
        vectors = normalize_l2(vectors)
    if method == "umap":
        members, dimensions = ensemble_shape(len(vectors), ensemble_size, n_components)
        if members > 1:
            compressed = compress_for_search(vectors, random_state)
            near = nearest_neighbors(compressed, min(1 + STABILITY_NEIGHBORS, len(vectors)))
            points = lay_out_ensemble(
                near, members, min(dimensions, vectors.shape[1]), random_state=random_state
            )
            return ClusteringSpace(points, members, near[0])
        vectors = reduce_dimensions_for_clustering(vectors, n_components, random_state=random_state)
    elif method == "pca":
        vectors = reduce_dimensions_pca(vectors, n_components, random_state=random_state)
    return ClusteringSpace.single(vectors)


def cluster_points(
    space: ClusteringSpace, *, method: ClusteringMethod, params: dict[str, Any], random_state: int
) -> ClusteredPoints:
    """Cluster the points of the clustering space, and measure their distances.

    `params` are the further arguments of `perform_hdbscan_clustering` or `perform_kmeans_with_optimal_k`.
    HDBSCAN makes a consensus of an ensemble; k-means takes all its layouts for one space.
    """
    points = space.points
    found_by: dict[str, Any]
    stabilities = None
    if method == "kmeans":
        kmeans = perform_kmeans_with_optimal_k(points, **params, random_state=random_state)
        labels, centroids = kmeans.labels, kmeans.centroids
        probabilities = np.ones(len(points), dtype=np.float32)
        found_by = {"k": len(centroids)}
    else:
        density: ConsensusResult | HDBSCANResult
        if space.members > 1:
            density = perform_consensus_clustering(
                points, space.members, space.neighbors, **params, random_state=random_state
            )
            stabilities = density.stabilities
        else:
            density = perform_hdbscan_clustering(points, **params, random_state=random_state)
        labels, centroids, probabilities = density.labels, density.centroids, density.probabilities
        found_by = {
            "cluster_selection_method": density.selection.method,
            "max_cluster_size": density.selection.max_cluster_size,
            "ensemble_size": space.members,
        }
    nearest, to_nearest, to_own = _places(points, labels)
    if stabilities is None:
        stabilities = np.full(len(centroids), np.nan, dtype=np.float32)
    return ClusteredPoints(
        labels, probabilities, centroids, stabilities, nearest, to_nearest, to_own, found_by
    )


def _places(
    points: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Return each point's nearest cluster, and its distances to that one's and to its own centroid."""
    distances = calculate_distances_to_cluster_means(points, labels)
    if distances.shape[1] == 0:
        zeros = np.zeros(len(points), dtype=np.float32)
        return np.full(len(points), NOISE_CLUSTER_ID), zeros, zeros
    rows = np.arange(len(points))
    nearest = distances.argmin(axis=1)
    to_nearest = distances[rows, nearest]
    to_own = np.where(labels == NOISE_CLUSTER_ID, to_nearest, distances[rows, labels])
    return nearest, to_nearest, to_own

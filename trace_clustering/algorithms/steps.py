"""The steps from embeddings to clusters; here the settings choose the algorithms.

Each step is one function, so that a worker process can run it. The third step, the map, is
`compute_2d_coordinates`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.clusters.consensus import ConsensusResult, perform_consensus_clustering
from trace_clustering.algorithms.clusters.hdbscan import HDBSCANResult, perform_hdbscan_clustering
from trace_clustering.algorithms.clusters.kmeans import perform_kmeans_with_optimal_k
from trace_clustering.algorithms.distances import calculate_cluster_means, calculate_trace_distances
from trace_clustering.algorithms.space.distinct import find_near_copies
from trace_clustering.algorithms.space.ensemble import choose_ensemble_shape, lay_out_ensemble
from trace_clustering.algorithms.space.neighbors import find_neighbors_of_embeddings
from trace_clustering.algorithms.space.normalize import normalize_l2
from trace_clustering.algorithms.space.reduce import (
    reduce_dimensions_for_clustering,
    reduce_dimensions_pca,
)
from trace_clustering.algorithms.space.umap_layout import place_in_line
from trace_clustering.constants import (
    MAX_STABILITY_NEIGHBORS,
    MIN_POINTS_FOR_UMAP,
    NOISE_CLUSTER_ID,
)
from trace_clustering.processes.compiled_code import import_umap
from trace_clustering.processes.cores import use_one_blas_thread

Normalization = Literal["none", "l2"]
ReductionMethod = Literal["none", "umap", "pca"]
ClusteringMethod = Literal["hdbscan", "kmeans"]


@dataclass(frozen=True, eq=False)
class ClusteringSpace:
    """The points that are clustered in place of n embeddings.

    Attributes
    ----------
    points : float32 array, shape (n, r)
        With an ensemble, the layouts side by side. Copies of one embedding are exactly equal points.
    neighbors : int32 array, shape (n, k)
        The rows of the k nearest embeddings of each embedding, itself first; stability is computed from them.
        Without an ensemble there is no stability, and k is 1.
    n_layouts : int
        Number of layouts; 1 without an ensemble.
    """

    points: NDArray[np.float32]
    neighbors: NDArray[np.int32]
    n_layouts: int

    @classmethod
    def without_ensemble(cls, points: NDArray[np.float32]) -> Self:
        """Make the space of points that are no ensemble."""
        return cls(points, np.arange(len(points), dtype=np.int32)[:, None], 1)


@dataclass(frozen=True, eq=False)
class ClusteredPoints:
    """The clusters of n points, and the distances of each point to centroids.

    Attributes
    ----------
    cluster_ids : int64 array, shape (n,)
        From 0 to k-1; -1 is noise. Inside `algorithms/` they are called labels, as in scikit-learn.
    probabilities : float32 array, shape (n,)
        Membership probabilities in [0, 1]; 0 for noise, 1 for every point of k-means.
    nearest_cluster_ids : int64 array, shape (n,)
        The cluster with the nearest centroid; -1 if there is no cluster.
    distances_to_nearest, distances_to_centroid : float32 arrays, shape (n,)
        Distance to that centroid, and to the centroid of the point's own cluster; for noise both are the
        same. 0 if there is no cluster.
    centroids : float32 array, shape (k, r)
    stabilities : float32 array, shape (k,)
        From 0 to 1, see `calculate_stabilities`; NaN without an ensemble.
    size_deviations : float32 array, shape (k,)
        See `measure_size_deviations`; NaN without an ensemble.
    chosen_params : dict
        What the algorithm chose by itself: how it selected clusters, or the number of clusters.
    """

    cluster_ids: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    nearest_cluster_ids: NDArray[np.int64]
    distances_to_nearest: NDArray[np.float32]
    distances_to_centroid: NDArray[np.float32]
    centroids: NDArray[np.float32]
    stabilities: NDArray[np.float32]
    size_deviations: NDArray[np.float32]
    chosen_params: dict[str, Any]


def import_libraries() -> None:
    """Import what the default methods need; it takes two seconds, so a worker does it in advance."""
    import hdbscan  # noqa: F401

    import_umap()


@use_one_blas_thread()
def reduce_embeddings(
    embeddings: NDArray[np.float32],
    *,
    normalization: Normalization,
    method: ReductionMethod,
    n_components: int,
    random_state: int,
    ensemble_size: int = 1,
) -> ClusteringSpace:
    """Normalize and reduce embeddings, shape (n, d), to the clustering space.

    Only distinct embeddings are reduced; their copies get the same points. Only UMAP makes an ensemble:
    `ensemble_size` layouts that share `n_components` dimensions, see `choose_ensemble_shape`.

    Raises
    ------
    InvalidEmbeddingsError
        If values are not finite.
    """
    if normalization == "l2":
        embeddings = normalize_l2(embeddings)
    if method != "umap":
        wanted = n_components if method == "pca" else None
        return ClusteringSpace.without_ensemble(_reduce_linearly(embeddings, wanted, random_state))
    n, d = embeddings.shape
    n_layouts, dimensions = choose_ensemble_shape(n, ensemble_size, n_components)
    if n_layouts == 1:
        return ClusteringSpace.without_ensemble(
            reduce_dimensions_for_clustering(embeddings, n_components, random_state=random_state)
        )
    # Each row is its own first neighbour. UMAP needs fewer neighbours than stability.
    k = min(1 + MAX_STABILITY_NEIGHBORS, n)
    copies = find_near_copies(embeddings)
    u = len(copies.first_rows)
    neighbors = find_neighbors_of_embeddings(embeddings, min(k, u), random_state, copies.used_rows)
    if u < MIN_POINTS_FOR_UMAP:
        points = np.tile(place_in_line(u), n_layouts)
    else:
        points = lay_out_ensemble(neighbors, n_layouts, min(dimensions, d), random_state=random_state)
    return ClusteringSpace(copies.repeat(points), copies.repeat_neighbors(neighbors.indices, k), n_layouts)


def _reduce_linearly(
    embeddings: NDArray[np.float32], n_components: int | None, random_state: int
) -> NDArray[np.float32]:
    """Return principal components, or with None the embeddings, where copies are exactly equal."""
    if len(embeddings) == 0:
        return embeddings
    copies = find_near_copies(embeddings)
    if n_components is None:
        return embeddings[copies.first_rows[copies.kinds]] if copies.exist else embeddings
    distinct = copies.take_first(embeddings)
    return copies.repeat(reduce_dimensions_pca(distinct, n_components, random_state=random_state))


@use_one_blas_thread()
def cluster_points(
    space: ClusteringSpace,
    *,
    method: ClusteringMethod,
    params: dict[str, Any],
    random_state: int,
    votes: NDArray[np.int64] | None = None,
) -> ClusteredPoints:
    """Cluster the points of the clustering space, and compute their distances to centroids.

    `params` are the further arguments of `perform_hdbscan_clustering` or `perform_kmeans_with_optimal_k`.
    With an ensemble, HDBSCAN clusters each layout and the result is their consensus, in which earlier
    clusterings take part if there are `votes`, see `find_consensus_labels`; k-means clusters all dimensions
    at once.

    Raises
    ------
    InvalidEmbeddingsError, InvalidSettingsError
        As the two functions do.
    """
    points = space.points
    if method == "kmeans":
        kmeans = perform_kmeans_with_optimal_k(points, **params, random_state=random_state)
        certain = np.ones(len(points), dtype=np.float32)
        return _add_distances(points, kmeans.labels, certain, kmeans.centroids, {"k": len(kmeans.centroids)})
    found: HDBSCANResult | ConsensusResult
    if space.n_layouts == 1:
        found = perform_hdbscan_clustering(points, **params, random_state=random_state)
    else:
        found = perform_consensus_clustering(
            points, space.n_layouts, space.neighbors, **params, random_state=random_state, votes=votes
        )
    qualities = (
        (found.stabilities, found.size_deviations) if isinstance(found, ConsensusResult) else (None, None)
    )
    chosen = {
        "cluster_selection_method": found.selection.method,
        "max_cluster_size": found.selection.max_cluster_size,
        "ensemble_size": space.n_layouts,
    }
    return _add_distances(points, found.labels, found.probabilities, found.centroids, chosen, *qualities)


def _add_distances(
    points: NDArray[np.float32],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    centroids: NDArray[np.float32],
    chosen_params: dict[str, Any],
    stabilities: NDArray[np.float32] | None = None,
    size_deviations: NDArray[np.float32] | None = None,
) -> ClusteredPoints:
    """Add to clusters the distance of each point to the nearest centroid and to its own."""
    n, k = len(points), len(centroids)
    if k == 0:
        nearest, to_nearest = np.full(n, NOISE_CLUSTER_ID), np.zeros(n, dtype=np.float32)
        to_own = to_nearest
    else:
        distances = calculate_trace_distances(points, centroids)
        rows = np.arange(n)
        nearest = distances.argmin(axis=1)
        to_nearest = distances[rows, nearest]
        to_own = np.where(labels == NOISE_CLUSTER_ID, to_nearest, distances[rows, labels])
    unknown = np.full(k, np.nan, dtype=np.float32)
    return ClusteredPoints(
        cluster_ids=labels,
        probabilities=probabilities,
        nearest_cluster_ids=nearest,
        distances_to_nearest=to_nearest,
        distances_to_centroid=to_own,
        centroids=centroids,
        stabilities=unknown if stabilities is None else stabilities,
        size_deviations=unknown if size_deviations is None else size_deviations,
        chosen_params=chosen_params,
    )


def relabel_points(
    points: NDArray[np.float32],
    clustered: ClusteredPoints,
    labels: NDArray[np.int64],
    *,
    origins: Sequence[int],
    is_placed: NDArray[np.bool_],
) -> ClusteredPoints:
    """Return the clusters of the same points with other labels, and with the distances that follow.

    Parameters
    ----------
    points : float32 array, shape (n, r)
    clustered : ClusteredPoints
        Of these points.
    labels : int64 array, shape (n,)
        From 0 to k-1; -1 is noise.
    origins : sequence of int, length k
        The cluster that has the same members in `clustered`; -1 if none has: then its stability and the
        deviation of its size are not known.
    is_placed : bool array, shape (n,)
        Which points are in a cluster that no algorithm put them in: their probability is NaN.
    """
    rows = np.asarray(origins, dtype=np.int64)
    stabilities, size_deviations = (
        np.append(values, np.float32(np.nan))[rows]
        for values in (clustered.stabilities, clustered.size_deviations)
    )
    probabilities = np.where(is_placed, np.float32(np.nan), clustered.probabilities)
    centroids = calculate_cluster_means(points, labels)
    chosen = clustered.chosen_params
    return _add_distances(points, labels, probabilities, centroids, chosen, stabilities, size_deviations)

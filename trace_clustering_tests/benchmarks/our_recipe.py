"""The same work as the three compute assets of the pipeline do it, with their default settings.

As in the process that does it for them, nothing of Dagster is imported: settings arrive as values.
"""

import numpy as np

from trace_clustering import constants
from trace_clustering.algorithms.map import calculate_mean_coordinates, compute_2d_coordinates
from trace_clustering.algorithms.steps import (
    ClusteredPoints,
    ClusteringSpace,
    cluster_points,
    reduce_embeddings,
)


def cluster(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Normalize, reduce, cluster, measure distances and draw the map; return the labels, shape (n,)."""
    space, found = find_clusters(vectors, seed)
    coordinates = compute_2d_coordinates(
        space.points, constants.DEFAULT_VISUALIZATION_METHOD, random_state=seed
    )
    calculate_mean_coordinates(coordinates, found.cluster_ids, list(range(len(found.centroids))))
    return found.cluster_ids


def find_clusters(vectors: np.ndarray, seed: int) -> tuple[ClusteringSpace, ClusteredPoints]:
    """Do the same without the map; return the clustering space and the clusters."""
    space = reduce_embeddings(
        vectors,
        normalization=constants.DEFAULT_EMBEDDING_NORMALIZATION,
        method=constants.DEFAULT_DIMENSIONALITY_REDUCTION_METHOD,
        n_components=constants.DEFAULT_UMAP_N_COMPONENTS,
        ensemble_size=constants.DEFAULT_ENSEMBLE_SIZE,
        random_state=seed,
    )
    found = cluster_points(space, method=constants.DEFAULT_CLUSTERING_METHOD, params={}, random_state=seed)
    return space, found

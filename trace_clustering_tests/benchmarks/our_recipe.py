"""The same work as the three compute assets of the pipeline do it, with their default settings."""

import numpy as np

from trace_clustering.algorithms.compute import cluster_points, reduce_embeddings
from trace_clustering.algorithms.project import compute_2d_coordinates, mean_coordinates
from trace_clustering.settings import ClusteringSettings


def cluster(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Normalize, reduce, cluster, measure distances and draw the map; return the labels, shape (n,)."""
    settings = ClusteringSettings(random_state=seed)
    space = reduce_embeddings(
        vectors,
        normalization=settings.embedding_normalization,
        method=settings.dimensionality_reduction_method,
        n_components=settings.dimensionality_reduction_ndims,
        ensemble_size=settings.wanted_members(),
        random_state=settings.random_state,
    )
    found = cluster_points(
        space,
        method=settings.clustering_method,
        params=settings.method_params().model_dump(),
        random_state=settings.random_state,
    )
    coordinates = compute_2d_coordinates(space.points, settings.visualization_method, random_state=seed)
    mean_coordinates(coordinates, found.labels, list(range(len(found.centroids))))
    return found.labels

"""Groups and noise in the clustering space."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.distances import cluster_means
from trace_clustering.constants import (
    DEFAULT_HDBSCAN_MIN_SAMPLES,
    DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    MIN_CLUSTER_SIZE,
    MIN_CLUSTER_SIZE_FRACTION_MAX,
    MIN_CLUSTER_SIZE_FRACTION_MIN,
    NOISE_CLUSTER_ID,
)
from trace_clustering.errors import InvalidEmbeddingsError, InvalidSettingsError


@dataclass(frozen=True, eq=False)
class HDBSCANResult:
    """What HDBSCAN found in n points.

    Attributes
    ----------
    labels : int64 array, shape (n,)
        Cluster ids 0 .. k-1; -1 is noise.
    centroids : float32 array, shape (k, r)
        Mean of the members of each cluster.
    probabilities : float32 array, shape (n,)
        Membership probabilities in [0, 1]; 0 for noise.
    num_noise_points : int
    """

    labels: NDArray[np.int64]
    centroids: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    num_noise_points: int


def perform_hdbscan_clustering(
    embeddings: NDArray[np.float32],
    min_cluster_size_fraction: float = DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    min_samples: int = DEFAULT_HDBSCAN_MIN_SAMPLES,
) -> HDBSCANResult:
    """Cluster points by density with HDBSCAN (Campello, Moulavi and Sander 2013), excess of mass.

    Parameters
    ----------
    embeddings : array of shape (n, r)
        Points of the clustering space.
    min_cluster_size_fraction : float
        The smallest cluster holds `min(n, max(5, floor(n * fraction)))` points.
    min_samples : int
        Neighbours that make a point part of a dense region; at most the smallest cluster's size is used.

    Raises
    ------
    InvalidEmbeddingsError
        If there are no points, or values are not finite.
    InvalidSettingsError
        If the fraction is outside 0.01 to 0.5.
    """
    n = len(embeddings)
    if n == 0:
        raise InvalidEmbeddingsError("Cannot cluster empty embeddings array")
    if not np.isfinite(embeddings).all():
        raise InvalidEmbeddingsError("Cannot cluster points that hold NaN or infinity")
    if not MIN_CLUSTER_SIZE_FRACTION_MIN <= min_cluster_size_fraction <= MIN_CLUSTER_SIZE_FRACTION_MAX:
        raise InvalidSettingsError(
            f"min_cluster_size_fraction = {min_cluster_size_fraction}: "
            f"must be from {MIN_CLUSTER_SIZE_FRACTION_MIN} to {MIN_CLUSTER_SIZE_FRACTION_MAX}"
        )
    size = min_cluster_size(n, min_cluster_size_fraction)
    if size < 2:  # a single point: nothing to compare it with
        labels, probabilities = np.full(n, NOISE_CLUSTER_ID), np.zeros(n)
    else:
        import hdbscan

        model = hdbscan.HDBSCAN(
            min_cluster_size=size,
            min_samples=min(min_samples, size),
            metric="euclidean",
            cluster_selection_method="eom",
            core_dist_n_jobs=1,
        ).fit(embeddings.astype(np.float64))
        labels, probabilities = model.labels_.astype(np.int64), model.probabilities_
    return HDBSCANResult(
        labels=labels,
        centroids=cluster_means(embeddings, labels),
        probabilities=probabilities.astype(np.float32),
        num_noise_points=int((labels == NOISE_CLUSTER_ID).sum()),
    )


def min_cluster_size(n: int, fraction: float) -> int:
    """Return how many of n points the smallest cluster must hold."""
    return min(n, max(MIN_CLUSTER_SIZE, math.floor(n * fraction)))

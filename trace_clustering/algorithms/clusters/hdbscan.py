"""Groups and noise by density."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.clusters.collapse import choose_labels, is_collapsed
from trace_clustering.algorithms.distances import cluster_means, pairwise_distances
from trace_clustering.algorithms.validation import require_points
from trace_clustering.constants import (
    DEFAULT_HDBSCAN_MIN_SAMPLES,
    DEFAULT_MAX_CLUSTER_SIZE_FRACTION,
    DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    DEFAULT_RANDOM_STATE,
    MIN_CLUSTER_SIZE,
    MIN_CLUSTER_SIZE_FRACTION_MAX,
    MIN_CLUSTER_SIZE_FRACTION_MIN,
    NOISE_CLUSTER_ID,
)
from trace_clustering.errors import InvalidSettingsError

# In more dimensions a tree finds neighbours no sooner than looking at all points does.
_MOST_DIMENSIONS_FOR_TREES = 60


@dataclass(frozen=True)
class ClusterSelection:
    """Which clusters HDBSCAN takes from its hierarchy.

    Attributes
    ----------
    method : {"eom", "leaf"}
        Excess of mass, or the smallest clusters there are.
    max_cluster_size : int or None
        Most points of a cluster; None for no limit.
    """

    method: Literal["eom", "leaf"] = "eom"
    max_cluster_size: int | None = None


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
    selection : ClusterSelection
        What was used in the end.
    """

    labels: NDArray[np.int64]
    centroids: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    num_noise_points: int
    selection: ClusterSelection


def perform_hdbscan_clustering(
    embeddings: NDArray[np.float32],
    min_cluster_size_fraction: float = DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    min_samples: int = DEFAULT_HDBSCAN_MIN_SAMPLES,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> HDBSCANResult:
    """Cluster points by density with HDBSCAN (Campello, Moulavi and Sander 2013), excess of mass.

    Excess of mass likes large clusters. Where it ends with fewer than three, or with one that holds 70 % of
    the points, the leaves of the hierarchy and clusters of at most half of the points are tried too;
    `choose_labels` states the rule by which one of them is used instead.

    Parameters
    ----------
    embeddings : array of shape (n, r)
        Points of the clustering space.
    min_cluster_size_fraction : float
        The smallest cluster holds `min(n, max(5, floor(n * fraction)))` points.
    min_samples : int
        Neighbours that make a point part of a dense region; at most the smallest cluster's size is used.
    random_state : int
        Seed of the sample on which a collapse of many points is judged. HDBSCAN itself is not random.

    Raises
    ------
    InvalidEmbeddingsError
        If there are no points, or values are not finite.
    InvalidSettingsError
        If the fraction is outside 0.01 to 0.5.
    """
    require_points(embeddings)
    if not MIN_CLUSTER_SIZE_FRACTION_MIN <= min_cluster_size_fraction <= MIN_CLUSTER_SIZE_FRACTION_MAX:
        raise InvalidSettingsError(
            f"min_cluster_size_fraction = {min_cluster_size_fraction}: "
            f"must be from {MIN_CLUSTER_SIZE_FRACTION_MIN} to {MIN_CLUSTER_SIZE_FRACTION_MAX}"
        )
    n = len(embeddings)
    size = min_cluster_size(n, min_cluster_size_fraction)
    fit = _fitter(embeddings, size, min(min_samples, size))
    found = fit(ClusterSelection())
    if not is_collapsed(found.labels):
        return found
    half = max(size, math.floor(n * DEFAULT_MAX_CLUSTER_SIZE_FRACTION))
    remedies = [fit(ClusterSelection("leaf")), fit(ClusterSelection("eom", half))]
    chosen = choose_labels(embeddings, found.labels, [remedy.labels for remedy in remedies], random_state)
    return found if chosen is None else remedies[chosen]


def min_cluster_size(n: int, fraction: float) -> int:
    """Return how many of n points the smallest cluster must hold."""
    return min(n, max(MIN_CLUSTER_SIZE, math.floor(n * fraction)))


def _fitter(
    points: NDArray[np.float32], size: int, min_samples: int
) -> Callable[[ClusterSelection], HDBSCANResult]:
    """Return a function that clusters the points, given how to select clusters."""
    if points.shape[1] > _MOST_DIMENSIONS_FOR_TREES:
        metric, space = "precomputed", pairwise_distances(points)
    else:
        metric, space = "euclidean", points.astype(np.float64)

    def fit(selection: ClusterSelection) -> HDBSCANResult:
        if size < 2:  # a single point: nothing to compare it with
            labels, probabilities = np.full(len(points), NOISE_CLUSTER_ID), np.zeros(len(points))
        else:
            import hdbscan

            model = hdbscan.HDBSCAN(
                min_cluster_size=size,
                min_samples=min_samples,
                metric=metric,
                cluster_selection_method=selection.method,
                max_cluster_size=selection.max_cluster_size or 0,
                core_dist_n_jobs=1,
            ).fit(space)
            labels, probabilities = model.labels_.astype(np.int64), model.probabilities_
        return HDBSCANResult(
            labels=labels,
            centroids=cluster_means(points, labels),
            probabilities=probabilities.astype(np.float32),
            num_noise_points=int((labels == NOISE_CLUSTER_ID).sum()),
            selection=selection,
        )

    return fit

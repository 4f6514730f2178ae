"""A fixed number of groups, and no noise."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.distances import cluster_means
from trace_clustering.algorithms.quality.silhouette import Silhouette
from trace_clustering.algorithms.validation import require_points
from trace_clustering.constants import DEFAULT_MAX_K, DEFAULT_MIN_K, DEFAULT_RANDOM_STATE
from trace_clustering.errors import InvalidSettingsError

# Starts per number of clusters; the one with the least inertia counts.
_STARTS = 10


@dataclass(frozen=True, eq=False)
class KMeansResult:
    """What k-means found in n points.

    Attributes
    ----------
    labels : int64 array, shape (n,)
        Cluster ids 0 .. k-1.
    centroids : float32 array, shape (k, r)
        Mean of the members of each cluster.
    """

    labels: NDArray[np.int64]
    centroids: NDArray[np.float32]


def perform_kmeans_with_optimal_k(
    points: NDArray[np.float32],
    min_k: int = DEFAULT_MIN_K,
    max_k: int = DEFAULT_MAX_K,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> KMeansResult:
    """Cluster points with k-means (Lloyd 1982), with the k of the best mean silhouette.

    Parameters
    ----------
    points : array of shape (n, r)
    min_k, max_k : int
        Numbers of clusters to try; at most `n - 1` are tried. Of equally good ones the smallest is used.
    random_state : int
        Seed of the starts, and of the sample of 5,000 on which silhouettes of more points are measured.

    Returns
    -------
    KMeansResult
        A single cluster if all points are equal.

    Raises
    ------
    InvalidEmbeddingsError
        If there are no points, or values are not finite.
    InvalidSettingsError
        If there are too few points for `min_k`, or `min_k` is below 2 or above `max_k`.
    """
    require_points(points)
    n = len(points)
    if not 2 <= min_k <= max_k:
        raise InvalidSettingsError(f"min_k = {min_k}: must be from 2 to max_k = {max_k}")
    if n <= min_k:
        raise InvalidSettingsError(
            f"min_k = {min_k}: cannot cluster {n} samples, at least {min_k + 1} are needed; "
            "lower min_k or widen the window"
        )
    silhouette = Silhouette(points, random_state)
    exact = points.astype(np.float64)  # with float32, scikit-learn chooses its starts far slower
    tried = [_fit(exact, k, random_state) for k in range(min_k, min(max_k, n - 1) + 1)]
    scores = [silhouette.mean(labels) for labels in tried]
    # Equal points have no silhouette at any k; on ties, the smallest k.
    ranks = [-math.inf if score is None else score for score in scores]
    labels = tried[ranks.index(max(ranks))]
    return KMeansResult(labels, cluster_means(points, labels))


def _fit(points: NDArray[np.float64], k: int, random_state: int) -> NDArray[np.int64]:
    """Return labels without gaps: of points with fewer than k different places, fewer clusters."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # Threads add up their shares in the order in which they end, and the last digits differ.
    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told that there are fewer places than clusters
        labels = KMeans(n_clusters=k, n_init=_STARTS, random_state=random_state).fit_predict(points)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)

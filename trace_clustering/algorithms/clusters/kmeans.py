"""A fixed number of clusters, and no noise."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.copies import Copies
from trace_clustering.algorithms.distances import calculate_cluster_means
from trace_clustering.algorithms.quality.silhouette import Silhouette
from trace_clustering.algorithms.validation import require_points
from trace_clustering.constants import DEFAULT_MAX_K, DEFAULT_MIN_K, DEFAULT_RANDOM_STATE
from trace_clustering.errors import InvalidSettingsError

# k-means runs from this many starts for each k; the run with the smallest inertia counts.
_N_STARTS = 10


@dataclass(frozen=True, eq=False)
class KMeansResult:
    """The clusters that k-means finds in n points.

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
        Numbers of clusters to try, at most `n - 1`; on ties, the smallest k is used. With too few distinct
        points for `min_k`, each is a cluster.
    random_state : int
        Seed of the starts, and of the sample on which `Silhouette` measures many points.

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
    copies = Copies.find(points)
    if len(copies.first_rows) <= min_k:
        return KMeansResult(copies.kinds, calculate_cluster_means(points, copies.kinds))
    silhouette = Silhouette(points, random_state)
    largest_k = min(max_k, n - 1, len(copies.first_rows))
    tried = [_fit_kmeans(points, copies, k, random_state) for k in range(min_k, largest_k + 1)]
    scores = [silhouette.compute_mean(labels) for labels in tried]
    # Equal points have no silhouette at any k.
    ranks = [-math.inf if score is None else score for score in scores]
    labels = tried[ranks.index(max(ranks))]
    return KMeansResult(labels, calculate_cluster_means(points, labels))


def _fit_kmeans(points: NDArray[np.float32], copies: Copies, k: int, random_state: int) -> NDArray[np.int64]:
    """Return labels without gaps, shape (n,); copies are one point with a weight, so they share a cluster."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # With float32, scikit-learn takes far longer to choose starts.
    distinct = copies.take_first(points).astype(np.float64)
    weights = copies.counts if copies.exist else None
    # Several threads would add up numbers in the order in which they finish: the last digits would vary.
    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # warns if points are almost equal
        model = KMeans(n_clusters=k, n_init=_N_STARTS, random_state=random_state)
        labels = model.fit_predict(distinct, sample_weight=weights)
    return copies.repeat(np.unique(labels, return_inverse=True)[1].astype(np.int64))

"""How clearly clusters are separated."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.distances import calculate_pairwise_distances
from trace_clustering.constants import NOISE_CLUSTER_ID

# Distances of all pairs are held in memory: 200 MB for this many points.
MAX_POINTS = 5000


class Silhouette:
    """Mean silhouettes (Rousseeuw 1987) of different clusterings of the same points.

    The distances are computed once. With more than 5,000 points, a random sample of 5,000 is measured.

    Parameters
    ----------
    points : array of shape (n, r)
    random_state : int
        Seed of the sample.
    """

    def __init__(self, points: NDArray[np.float32], random_state: int) -> None:
        self._rows = np.arange(len(points))
        if len(points) > MAX_POINTS:
            random = np.random.default_rng(random_state)
            self._rows = np.sort(random.choice(len(points), MAX_POINTS, replace=False))
        self._distances = calculate_pairwise_distances(points[self._rows])

    def compute_mean(self, labels: NDArray[np.int64]) -> float | None:
        """Return the mean silhouette of a clustering, from -1 to 1; noise counts as 0.

        Parameters
        ----------
        labels : int64 array, shape (n,)

        Returns
        -------
        float or None
            None if the silhouette is not defined: with fewer than two clusters, or with one point in each. It
            is not 0, which would read as a valid but poor clustering.
        """
        from sklearn.metrics import silhouette_samples

        labels = labels[self._rows]
        members = np.flatnonzero(labels != NOISE_CLUSTER_ID)
        if not 1 < len(np.unique(labels[members])) < len(members):
            return None
        distances = self._distances
        if len(members) < len(labels):
            distances = distances[np.ix_(members, members)]
        return float(silhouette_samples(distances, labels[members], metric="precomputed").sum() / len(labels))

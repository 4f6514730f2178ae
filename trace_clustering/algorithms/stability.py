"""How surely the members of a cluster are found together again."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.constants import NOISE_CLUSTER_ID

_DRAWN = 3
_LEAST_ASKED = 15


def mean_co_associations(clusterings: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return every point's mean co-association with the other members of its cluster; 0 for noise.

    Parameters
    ----------
    clusterings : int64 array, shape (m, n)
        Cluster ids of n points in m clusterings; -1 is noise.
    labels : int64 array, shape (n,)

    Returns
    -------
    float32 array, shape (n,)
    """
    means = np.zeros(len(labels), dtype=np.float32)
    for cluster in range(labels.max(initial=NOISE_CLUSTER_ID) + 1):
        members = np.flatnonzero(labels == cluster)
        shares = np.zeros(len(members))
        for ids in clusterings[:, members]:
            fellows = np.bincount(ids + 1)[ids + 1] - 1
            shares += np.where(ids == NOISE_CLUSTER_ID, 0, fellows)
        means[members] = shares / (max(len(members) - 1, 1) * len(clusterings))
    return means


def cluster_stabilities(
    clusterings: NDArray[np.int64], labels: NDArray[np.int64], neighbors: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Score every cluster by how surely its members are found together again, from 0 to 1."""
    means = mean_co_associations(clusterings, labels)
    clusters = range(labels.max(initial=NOISE_CLUSTER_ID) + 1)
    return np.array([means[labels == cluster].mean() for cluster in clusters], dtype=np.float32)

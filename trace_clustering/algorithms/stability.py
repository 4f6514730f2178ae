"""How surely the members of a cluster are found together again."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.constants import NOISE_CLUSTER_ID

_DRAWN = 3
_LEAST_ASKED = 15


def mean_co_associations(together: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return every point's mean co-association with the other members of its cluster; 0 for noise.

    Parameters
    ----------
    together : float32 array, shape (n, n)
        Co-association.
    labels : int64 array, shape (n,)

    Returns
    -------
    float32 array, shape (n,)
    """
    means = np.zeros(len(labels), dtype=np.float32)
    for cluster in range(labels.max(initial=NOISE_CLUSTER_ID) + 1):
        members = np.flatnonzero(labels == cluster)
        shares = together[np.ix_(members, members)].astype(np.float64)
        np.fill_diagonal(shares, 0)
        means[members] = shares.sum(axis=1) / max(len(members) - 1, 1)
    return means


def cluster_stabilities(
    together: NDArray[np.float32], labels: NDArray[np.int64], neighbors: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Score every cluster by how surely its members are found together again, from 0 to 1.

    The score is the product of two means over the members. One is their co-association with each other. It
    alone is no proof: layouts of one neighbour graph put what belongs nowhere into one heap, time and again.
    The other asks for evidence from before any layout: how surely three of a member's nearest neighbours in
    the embedding space, drawn at random, were all with it. A heap of chance has neighbours everywhere.
    Drawn is from half as many as the cluster has members: of a group the nearer half is its own, whereas
    chance too has some of a few next neighbours. For small clusters it is up to 15 other members.

    Parameters
    ----------
    together : float32 array, shape (n, n)
        Co-association.
    labels : int64 array, shape (n,)
    neighbors : int32 array, shape (n, k)
        Nearest rows, the row itself first; at least two of them.

    Returns
    -------
    float32 array, shape (k,)
    """
    clusters = range(labels.max(initial=NOISE_CLUSTER_ID) + 1)
    means = mean_co_associations(together, labels)
    stabilities = np.zeros(len(clusters), dtype=np.float32)
    for cluster in clusters:
        members = np.flatnonzero(labels == cluster)
        asked = min(len(members) - 1, max(_LEAST_ASKED, len(members) // 2))
        nearest = neighbors[members, 1 : 1 + asked]
        with_it = together[members[:, None], nearest].mean(axis=1, dtype=np.float64)
        stabilities[cluster] = means[members].mean(dtype=np.float64) * (with_it**_DRAWN).mean()
    return stabilities

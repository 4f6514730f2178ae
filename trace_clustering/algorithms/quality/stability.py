"""How surely the members of a cluster are found together again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trace_clustering.constants import NOISE_CLUSTER_ID

# What chance heaps together comes back nearly always, so cohesion has to tell it from a group.
_WEIGHT_OF_COHESION = 0.6
# Of fewer next neighbours chance has some.
_LEAST_ASKED = 15


def mean_co_associations(clusterings: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the share of clusterings that have a point with another member of its cluster, on average.

    Parameters
    ----------
    clusterings : int64 array, shape (m, n)
        Cluster ids of every clustering; -1 is noise, which is together with nothing.
    labels : int64 array, shape (n,)
        The clusters that are asked about.

    Returns
    -------
    float32 array, shape (n,)
        0 for noise, and for the only member of a cluster.
    """
    clusters = _number_of_clusters(labels)
    members = np.flatnonzero(labels != NOISE_CLUSTER_ID)
    own = labels[members]
    others = np.bincount(own)[own] - 1
    fellows = np.zeros(len(members), dtype=np.int64)
    for found in clusterings:
        there = found[members]
        somewhere = there != NOISE_CLUSTER_ID
        common = _common_members(labels, found, clusters)
        fellows[somewhere] += common[own[somewhere], there[somewhere]] - 1
    means = np.zeros(len(labels), dtype=np.float32)
    means[members] = fellows / (len(clusterings) * np.maximum(others, 1))
    return means


def cluster_stabilities(
    samples: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    labels: NDArray[np.int64],
    neighbors: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Score every cluster by how surely its members are found together again, from 0 to 1.

    Weighted harmonic mean of `recurrences` and `cohesions`. The first is stability proper, but no proof of a
    group: what belongs nowhere is heaped together by every layout of one neighbour graph, and in other
    samples too. The second asks the embeddings, before any layout: a heap of chance has neighbours
    everywhere. Their harmonic mean is high only if both are, and unlike their product it does not sink far
    below them where both are fair, as for most groups that lie next to others.

    Parameters
    ----------
    samples : sequence of pairs of int64 arrays, shape (s,)
        Rows drawn at random, and the cluster ids that were found in them alone; -1 is noise.
    labels : int64 array, shape (n,)
    neighbors : int32 array, shape (n, k)
        Nearest rows, the row itself first; at least two of them.

    Returns
    -------
    float32 array, shape (k,)
    """
    recurrence, cohesion = recurrences(samples, labels), cohesions(labels, neighbors)
    mixed = _WEIGHT_OF_COHESION * recurrence + (1 - _WEIGHT_OF_COHESION) * cohesion
    scores = np.divide(recurrence * cohesion, mixed, out=np.zeros_like(mixed), where=mixed > 0)
    return scores.astype(np.float32)


def recurrences(
    samples: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how much of every cluster comes back when only some of the points are clustered.

    That is the clusterwise stability of Hennig (2007): the Jaccard index of the cluster and the most similar
    one of a sample, both restricted to the sample, as a mean over samples.

    Parameters
    ----------
    samples, labels
        As in `cluster_stabilities`.

    Returns
    -------
    float64 array, shape (k,)
    """
    clusters = _number_of_clusters(labels)
    total = np.zeros(clusters)
    for rows, found in samples:
        common = _common_members(labels[rows], found, clusters)
        sizes = np.bincount(labels[rows] + 1, minlength=clusters + 1)[1:]
        sizes_found = np.bincount(found + 1, minlength=common.shape[1] + 1)[1:]
        either = sizes[:, None] + sizes_found - common
        total += (common / np.maximum(either, 1)).max(axis=1, initial=0)
    return total / len(samples)


def cohesions(labels: NDArray[np.int64], neighbors: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return which share of its members' nearest neighbours a cluster holds, beyond what chance gives it.

    Like Cohen's kappa (1960), 0 is what a random set of as many points would hold, and 1 all of them. Asked
    are half as many neighbours as the cluster has members: of a group the nearer half is its own. But at
    least 15 are asked, which no smaller cluster can hold: a few points are a clump by chance more easily.

    Parameters
    ----------
    labels, neighbors
        As in `cluster_stabilities`.

    Returns
    -------
    float64 array, shape (k,)
    """
    beyond_chance = np.zeros(_number_of_clusters(labels))
    for cluster in range(len(beyond_chance)):
        members = np.flatnonzero(labels == cluster)
        if len(members) < len(labels):  # all points are together by chance as well
            asked = max(_LEAST_ASKED, len(members) // 2)
            own = (labels[neighbors[members, 1 : 1 + asked]] == cluster).mean()
            by_chance = (len(members) - 1) / (len(labels) - 1)
            beyond_chance[cluster] = max(0, (own - by_chance) / (1 - by_chance))
    return beyond_chance


def _number_of_clusters(labels: NDArray[np.int64]) -> int:
    return int(labels.max(initial=NOISE_CLUSTER_ID)) + 1


def _common_members(labels: NDArray[np.int64], found: NDArray[np.int64], clusters: int) -> NDArray[np.int64]:
    """Return how many points each of the clusters has in common with each one found, noise left out."""
    shape = (clusters, _number_of_clusters(found))
    both = (labels != NOISE_CLUSTER_ID) & (found != NOISE_CLUSTER_ID)
    pairs = labels[both] * shape[1] + found[both]
    return np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)

"""How likely the members of a cluster are to be found together again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trace_clustering.constants import MIN_STABILITY_NEIGHBORS, NOISE_CLUSTER_ID

# Random heaps have a high recurrence too. Only cohesion tells them from groups, so it weighs more.
_COHESION_WEIGHT = 0.6


def calculate_mean_co_associations(
    clusterings: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return for each point its mean co-association with the other members of its cluster.

    The co-association of two points is the share of clusterings in which they are in one cluster.

    Parameters
    ----------
    clusterings : int64 array, shape (m, n)
        Cluster ids of n points in m clusterings; -1 is noise, which shares no cluster.
    labels : int64 array, shape (n,)
        The clusters whose members are compared.

    Returns
    -------
    float32 array, shape (n,)
        0 for noise, and for the only member of a cluster.
    """
    n_clusters = count_clusters(labels)
    members = np.flatnonzero(labels != NOISE_CLUSTER_ID)
    own = labels[members]
    n_others = np.bincount(own)[own] - 1
    times_together = np.zeros(len(members), dtype=np.int64)
    for clustering in clusterings:
        found = clustering[members]
        clustered = found != NOISE_CLUSTER_ID
        common = count_common_members(labels, clustering, n_clusters)
        times_together[clustered] += common[own[clustered], found[clustered]] - 1
    means = np.zeros(len(labels), dtype=np.float32)
    means[members] = times_together / (len(clusterings) * np.maximum(n_others, 1))
    return means


def calculate_stabilities(
    samples: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    labels: NDArray[np.int64],
    neighbors: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Score each cluster from 0 to 1 by how likely its members are to be found together again.

    The score is the weighted harmonic mean of recurrence and cohesion. Recurrence alone does not prove a
    group: all layouts have the same neighbour graph, and pile up points that belong nowhere, in samples too.
    Cohesion is measured among the embeddings, before any layout, where such a heap has neighbours everywhere.
    The harmonic mean is high only if both are high. The product would be far below both where both are
    medium, as for most groups that lie next to others.

    Parameters
    ----------
    samples : sequence of pairs of int64 arrays, shape (s,)
        Rows drawn at random, and the cluster ids that were found in these rows alone; -1 is noise.
    labels : int64 array, shape (n,)
    neighbors : int32 array, shape (n, m)
        Nearest rows, the row itself first; m is at least 2.

    Returns
    -------
    float32 array, shape (k,)
    """
    recurrence, cohesion = measure_recurrence(samples, labels), measure_cohesion(labels, neighbors)
    mixed = _COHESION_WEIGHT * recurrence + (1 - _COHESION_WEIGHT) * cohesion
    scores = np.divide(recurrence * cohesion, mixed, out=np.zeros_like(mixed), where=mixed > 0)
    return scores.astype(np.float32)


def measure_recurrence(
    samples: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Measure how completely each cluster comes back when only some of the points are clustered.

    This is the clusterwise stability of Hennig (2007): the Jaccard index of the cluster and the most similar
    cluster of a sample, both restricted to the sample, as a mean over samples.

    Parameters
    ----------
    samples, labels
        As in `calculate_stabilities`.

    Returns
    -------
    float64 array, shape (k,)
        From 0 to 1.
    """
    n_clusters = count_clusters(labels)
    total = np.zeros(n_clusters)
    for rows, found in samples:
        common = count_common_members(labels[rows], found, n_clusters)
        sizes = np.bincount(labels[rows] + 1, minlength=n_clusters + 1)[1:]
        sizes_found = np.bincount(found + 1, minlength=common.shape[1] + 1)[1:]
        union = sizes[:, None] + sizes_found - common
        total += (common / np.maximum(union, 1)).max(axis=1, initial=0)
    return total / len(samples)


def measure_cohesion(labels: NDArray[np.int64], neighbors: NDArray[np.int32]) -> NDArray[np.float64]:
    """Measure which share of its members' nearest neighbours each cluster holds, beyond chance.

    As in Cohen's kappa (1960), 0 is the share that a random set of the same size would hold, and 1 is all
    neighbours. Half as many neighbours are counted as the cluster has members, since in a true group at least
    these are members too. With fewer than 15 neighbours, random clumps would score too; a smaller cluster
    cannot hold 15.

    Parameters
    ----------
    labels, neighbors
        As in `calculate_stabilities`.

    Returns
    -------
    float64 array, shape (k,)
        From 0 to 1.
    """
    cohesion = np.zeros(count_clusters(labels))
    for cluster in range(len(cohesion)):
        cohesion[cluster] = measure_group_cohesion(labels == cluster, neighbors)
    return cohesion


def measure_group_cohesion(is_member: NDArray[np.bool_], neighbors: NDArray[np.int32]) -> float:
    """Return the cohesion of one group of n points, see `measure_cohesion`; `is_member` has shape (n,)."""
    members = np.flatnonzero(is_member)
    if len(members) in (0, len(is_member)):  # a group of all points holds all neighbours by chance as well
        return 0.0
    n_neighbors = max(MIN_STABILITY_NEIGHBORS, len(members) // 2)
    share = is_member[neighbors[members, 1 : 1 + n_neighbors]].mean()
    by_chance = (len(members) - 1) / (len(is_member) - 1)
    return max(0.0, float((share - by_chance) / (1 - by_chance)))


def count_clusters(labels: NDArray[np.int64]) -> int:
    """Return the number of clusters, ids from 0 on; noise is none."""
    return int(labels.max(initial=NOISE_CLUSTER_ID)) + 1


def count_common_members(
    labels: NDArray[np.int64], found: NDArray[np.int64], n_clusters: int
) -> NDArray[np.int64]:
    """Return the number of points that each cluster shares with each found cluster; noise is left out."""
    shape = (n_clusters, count_clusters(found))
    clustered = (labels != NOISE_CLUSTER_ID) & (found != NOISE_CLUSTER_ID)
    pairs = labels[clustered] * shape[1] + found[clustered]
    return np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)

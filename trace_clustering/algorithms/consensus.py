"""One clustering from several, by how often they agree (Fred and Jain 2005)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.distances import cluster_means
from trace_clustering.algorithms.hdbscan_clustering import (
    ClusterSelection,
    HDBSCANResult,
    min_cluster_size,
    perform_hdbscan_clustering,
)
from trace_clustering.algorithms.stability import cluster_stabilities, mean_co_associations
from trace_clustering.constants import (
    DEFAULT_HDBSCAN_MIN_SAMPLES,
    DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    DEFAULT_RANDOM_STATE,
    NOISE_CLUSTER_ID,
)

# Groups belong together if more than a third of the clusterings say so. Half of them are too many to ask:
# a point that is noise in some votes for nothing there, and groups that lose its votes split by chance.
_LEAST_TOGETHER = 1 / 3
_TIE = 1e-6
# Stability is what comes back without one in so many points.
_LEFT_OUT = 3


@dataclass(frozen=True, eq=False)
class ConsensusResult:
    """What an ensemble of clusterings of n points agrees on.

    Attributes
    ----------
    labels : int64 array, shape (n,)
        Cluster ids 0 .. k-1, in the order of their first rows; -1 is noise.
    centroids : float32 array, shape (k, r)
        Mean of the members of each cluster.
    probabilities : float32 array, shape (n,)
        Mean co-association with the other members of the own cluster; 0 for noise.
    stabilities : float32 array, shape (k,)
        How surely the members of each cluster are found together again, see `cluster_stabilities`.
    selection : ClusterSelection
        How most of the clusterings selected their clusters.
    """

    labels: NDArray[np.int64]
    centroids: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    stabilities: NDArray[np.float32]
    selection: ClusterSelection


def perform_consensus_clustering(
    embeddings: NDArray[np.float32],
    members: int,
    neighbors: NDArray[np.int32],
    min_cluster_size_fraction: float = DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    min_samples: int = DEFAULT_HDBSCAN_MIN_SAMPLES,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> ConsensusResult:
    """Cluster every layout of an ensemble with HDBSCAN, and points by how often they were together.

    Average linkage joins groups as long as their points share a cluster in more than a third of the layouts.
    Groups below the smallest size are noise. A collapse is judged in every layout by itself. To see which
    clusters come back, HDBSCAN clusters a random two thirds of the points of every layout once more.

    Parameters
    ----------
    embeddings : array of shape (n, m * r)
        Layouts side by side, r columns each, from `lay_out_ensemble`.
    members : int
        How many layouts, m.
    neighbors : int32 array, shape (n, k)
        Nearest rows in the space that the layouts were made of, the row itself first.
    min_cluster_size_fraction, min_samples, random_state
        As in `perform_hdbscan_clustering`.

    Raises
    ------
    InvalidEmbeddingsError, InvalidSettingsError
        As `perform_hdbscan_clustering` does.
    """
    n = len(embeddings)

    def cluster(layout: NDArray[np.float32]) -> HDBSCANResult:
        return perform_hdbscan_clustering(layout, min_cluster_size_fraction, min_samples, random_state)

    layouts = np.split(embeddings, members, axis=1)
    found = [cluster(layout) for layout in layouts]
    random = np.random.default_rng(random_state)
    drawn = [np.sort(random.permutation(n)[n // _LEFT_OUT :]) for _ in layouts]
    samples = [(rows, cluster(layout[rows]).labels) for rows, layout in zip(drawn, layouts, strict=True)]
    clusterings = [result.labels for result in found]
    labels = consensus_labels(co_association(clusterings), min_cluster_size(n, min_cluster_size_fraction))
    return ConsensusResult(
        labels=labels,
        centroids=cluster_means(embeddings, labels),
        probabilities=mean_co_associations(np.array(clusterings), labels),
        stabilities=cluster_stabilities(samples, labels, neighbors),
        selection=Counter(result.selection for result in found).most_common(1)[0][0],
    )


def co_association(clusterings: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Return the share of clusterings in which two points are in one cluster; noise is none.

    Parameters
    ----------
    clusterings : sequence of int64 arrays, shape (n,)

    Returns
    -------
    float32 array, shape (n, n)
    """
    n = len(clusterings[0])
    together = np.zeros((n, n), dtype=np.float32)
    for labels in clusterings:
        for cluster in range(labels.max(initial=NOISE_CLUSTER_ID) + 1):
            members = np.flatnonzero(labels == cluster)
            together[np.ix_(members, members)] += 1
    together /= len(clusterings)
    return together


def consensus_labels(together: NDArray[np.float32], min_size: int) -> NDArray[np.int64]:
    """Group points by average linkage of their co-association, cut where it falls to a third.

    Parameters
    ----------
    together : float32 array, shape (n, n)
        Co-association.
    min_size : int
        Smaller groups are noise.

    Returns
    -------
    int64 array, shape (n,)
        Cluster ids in the order of the clusters' first points; -1 is noise.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    n = len(together)
    if n < 2:
        return np.full(n, NOISE_CLUSTER_ID)
    apart = np.concatenate([1 - together[row, row + 1 :].astype(np.float64) for row in range(n - 1)])
    groups = fcluster(linkage(apart, "average"), 1 - _LEAST_TOGETHER - _TIE, "distance")
    _, first, group, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    large = np.flatnonzero(sizes >= min_size)
    ids = np.full(len(sizes), NOISE_CLUSTER_ID)
    ids[large[np.argsort(first[large])]] = np.arange(len(large))
    return np.asarray(ids[group], dtype=np.int64)

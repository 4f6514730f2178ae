"""One clustering from several, by how often they agree (Fred and Jain 2005)."""

from collections import Counter
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
from trace_clustering.algorithms.linkage import average_linkage
from trace_clustering.algorithms.stability import cluster_stabilities, mean_co_associations
from trace_clustering.constants import (
    DEFAULT_HDBSCAN_MIN_SAMPLES,
    DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    DEFAULT_RANDOM_STATE,
    NOISE_CLUSTER_ID,
)

# Groups belong together if more than a quarter of the clusterings say so. Half of them are too many to ask:
# a point that is noise in some votes for nothing there, and groups that lose its votes split by chance.
_LEAST_TOGETHER = 1 / 4
_TIE = 1e-6
# Kinds of points of which all pairs are looked at: 128 MB.
_MOST_LINKED = 4000
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

    Average linkage joins groups as long as their points share a cluster in more than a quarter of the
    layouts, and in more than one. Groups below the smallest size are noise. A collapse is judged in every
    layout by itself. To see which clusters come back, HDBSCAN clusters a random two thirds of the points of
    every layout once more.

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
    clusterings = np.stack([result.labels for result in found])
    labels = consensus_labels(clusterings, min_cluster_size(n, min_cluster_size_fraction))
    return ConsensusResult(
        labels=labels,
        centroids=cluster_means(embeddings, labels),
        probabilities=mean_co_associations(clusterings, labels),
        stabilities=cluster_stabilities(samples, labels, neighbors),
        selection=Counter(result.selection for result in found).most_common(1)[0][0],
    )


def consensus_labels(clusterings: NDArray[np.int64], min_size: int) -> NDArray[np.int64]:
    """Group points by average linkage of their co-association, cut where it falls to a quarter, or one vote.

    The co-association of two points is the share of clusterings in which they are in one cluster; noise is
    together with nothing. Points that no clustering tells apart are together from the start, so that not all
    pairs of points need to be looked at. Such kinds of points are linked, the largest 4,000 if there are
    more; the others join the group with which they have the largest mean co-association, if that suffices.

    Parameters
    ----------
    clusterings : int64 array, shape (m, n)
        Cluster ids of n points in m clusterings, at least two; -1 is noise.
    min_size : int
        Smaller groups are noise.

    Returns
    -------
    int64 array, shape (n,)
        Cluster ids in the order of the clusters' first points; -1 is noise.
    """
    members, n = clusterings.shape
    least = max(_LEAST_TOGETHER, 1 / members) + _TIE
    labels = np.full(n, NOISE_CLUSTER_ID)
    # The others are too seldom in any cluster.
    often = np.flatnonzero((clusterings != NOISE_CLUSTER_ID).mean(axis=0) > least)
    kinds, first, kind_of, sizes = np.unique(
        clusterings[:, often], axis=1, return_index=True, return_inverse=True, return_counts=True
    )
    by_size = np.lexsort((first, -sizes))
    linked, others = by_size[:_MOST_LINKED], by_size[_MOST_LINKED:]
    groups = np.full(len(sizes), NOISE_CLUSTER_ID)
    groups[linked] = average_linkage(_co_association(kinds[:, linked]), sizes[linked], least)
    if len(others):
        groups[others] = _nearest_groups(kinds, sizes, groups, others, least)
    labels[often] = groups[kind_of]
    return _numbered(labels, min_size)


def _co_association(kinds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the co-association of all pairs of kinds, shape (u, u), given as columns of cluster ids."""
    together = np.zeros((kinds.shape[1], kinds.shape[1]))
    for ids in kinds:
        together += (ids[:, None] == ids) & (ids != NOISE_CLUSTER_ID)
    together /= len(kinds)
    return together


def _nearest_groups(
    kinds: NDArray[np.int64],
    sizes: NDArray[np.int64],
    groups: NDArray[np.int64],
    others: NDArray[np.int64],
    least: float,
) -> NDArray[np.int64]:
    """Return the group that each kind not linked is nearest to; -1 if it is near none."""
    found, group_of = np.unique(groups, return_inverse=True)
    weights = np.where(groups == NOISE_CLUSTER_ID, 0, sizes)
    together = np.zeros((len(found), len(others)))
    for ids in kinds:
        # How many points of each group have each id; the last column is noise.
        counts = np.zeros((len(found), ids.max(initial=NOISE_CLUSTER_ID) + 2))
        np.add.at(counts, (group_of, ids), weights)
        counts[:, NOISE_CLUSTER_ID] = 0
        together += counts[:, ids[others]]
    together /= len(kinds) * np.maximum(np.bincount(group_of, weights, len(found)), 1)[:, None]
    nearest = together.argmax(axis=0)
    near = together[nearest, np.arange(len(others))] > least
    return np.where(near, found[nearest], NOISE_CLUSTER_ID)


def _numbered(groups: NDArray[np.int64], min_size: int) -> NDArray[np.int64]:
    """Return ids from 0 for the groups that are large enough, by their first points; -1 for the others."""
    found, first, group_of, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    large = np.flatnonzero((sizes >= min_size) & (found != NOISE_CLUSTER_ID))
    ids = np.full(len(found), NOISE_CLUSTER_ID)
    ids[large[np.argsort(first[large])]] = np.arange(len(large))
    return np.asarray(ids[group_of], dtype=np.int64)

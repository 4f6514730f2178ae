"""One clustering from several, by how often they agree (Fred and Jain 2005)."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.clusters.hdbscan import (
    ClusterSelection,
    HDBSCANResult,
    min_cluster_size,
    perform_hdbscan_clustering,
)
from trace_clustering.algorithms.clusters.linkage import average_linkage
from trace_clustering.algorithms.distances import cluster_means
from trace_clustering.algorithms.quality.stability import cluster_stabilities, mean_co_associations
from trace_clustering.constants import (
    DEFAULT_HDBSCAN_MIN_SAMPLES,
    DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    DEFAULT_RANDOM_STATE,
    NOISE_CLUSTER_ID,
)

# Groups are one cluster if more than half of the clusterings say so, and points that are left over join one
# if fewer do: many are noise in some of the clusterings, which says nothing about the others.
_LEAST_TOGETHER = 0.5
_LEAST_NEAR = 0.15
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

    Average linkage joins groups as long as their points share a cluster in more than half of the layouts.
    Points of groups below the smallest size join the cluster whose points they were with most, if that is
    in more than 15 % of the layouts, and are noise otherwise. A collapse is judged in every layout by
    itself. To see which clusters come back, HDBSCAN clusters a random two thirds of the points of every
    layout once more.

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
    """Group points by average linkage of their co-association, cut at one half; the rest joins what is near.

    The co-association of two points is the share of clusterings in which they are in one cluster; noise is
    together with nothing. Points that no clustering tells apart are together from the start, so that not all
    pairs of points need to be looked at: such kinds of points are linked, the largest 4,000 if there are
    more. Points of other kinds and of small groups join the cluster with which they have the largest mean
    co-association, if it is above 0.15.

    Parameters
    ----------
    clusterings : int64 array, shape (m, n)
        Cluster ids of n points in m clusterings; -1 is noise.
    min_size : int
        Smaller groups are no clusters.

    Returns
    -------
    int64 array, shape (n,)
        Cluster ids in the order of the clusters' first points; -1 is noise.
    """
    kinds, first, kind_of, sizes = np.unique(
        clusterings, axis=1, return_index=True, return_inverse=True, return_counts=True
    )
    # Points that are noise more often are not even together with each other.
    often = np.flatnonzero((kinds != NOISE_CLUSTER_ID).mean(axis=0) > _LEAST_TOGETHER + _TIE)
    linked = often[np.lexsort((first[often], -sizes[often]))[:_MOST_LINKED]]
    groups = np.full(len(sizes), NOISE_CLUSTER_ID)
    groups[linked] = average_linkage(_co_association(kinds[:, linked]), sizes[linked], _LEAST_TOGETHER + _TIE)
    groups = _without_small(groups, sizes, min_size)
    groups = np.where(groups == NOISE_CLUSTER_ID, _nearest_groups(kinds, sizes, groups), groups)
    return _numbered(groups[kind_of])


def _co_association(kinds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the co-association of all pairs of kinds, shape (u, u), given as columns of cluster ids."""
    together = np.zeros((kinds.shape[1], kinds.shape[1]))
    for ids in kinds:
        together += (ids[:, None] == ids) & (ids != NOISE_CLUSTER_ID)
    together /= len(kinds)
    return together


def _without_small(groups: NDArray[np.int64], sizes: NDArray[np.int64], min_size: int) -> NDArray[np.int64]:
    """Return the groups of kinds of so many points each, -1 for those of groups that hold too few."""
    _, group_of = np.unique(groups, return_inverse=True)
    return np.where(np.bincount(group_of, sizes)[group_of] >= min_size, groups, NOISE_CLUSTER_ID)


def _nearest_groups(
    kinds: NDArray[np.int64], sizes: NDArray[np.int64], groups: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the group that each kind of points was with most; -1 if it was with none often enough."""
    found, group_of = np.unique(groups, return_inverse=True)
    weights = np.where(groups == NOISE_CLUSTER_ID, 0, sizes)
    together = np.zeros((len(found), len(groups)))
    for ids in kinds:
        # How many points of each group have each id; the last column is noise.
        counts = np.zeros((len(found), ids.max() + 2))
        np.add.at(counts, (group_of, ids), weights)
        counts[:, NOISE_CLUSTER_ID] = 0
        together += counts[:, ids]
    together /= len(kinds) * np.maximum(np.bincount(group_of, weights), 1)[:, None]
    nearest = together.argmax(axis=0)
    near = together[nearest, np.arange(len(groups))] > _LEAST_NEAR + _TIE
    return np.where(near, found[nearest], NOISE_CLUSTER_ID)


def _numbered(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ids from 0 for the groups of n points, by their first points; -1 stays what it is."""
    found, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    clusters = np.flatnonzero(found != NOISE_CLUSTER_ID)
    ids = np.full(len(found), NOISE_CLUSTER_ID)
    ids[clusters[np.argsort(first[clusters])]] = np.arange(len(clusters))
    return np.asarray(ids[group_of], dtype=np.int64)

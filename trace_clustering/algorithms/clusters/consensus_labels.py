"""The groups on which several clusterings agree, by average linkage of their co-association."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.clusters.changes import confirm_changes
from trace_clustering.algorithms.clusters.linkage import join_by_average_linkage
from trace_clustering.constants import NOISE_CLUSTER_ID

# Two groups are joined if their points are in one cluster in more than this share of the layouts.
_MIN_SHARE_TO_JOIN = 0.5
# A point that is left over joins a cluster at a lower share: the layouts in which it is noise count for no
# cluster, but they do not say that it belongs to none.
_MIN_SHARE_TO_FOLLOW = 0.15
# All earlier clusterings together, as a share of the weight of all layouts: two groups stay as they were,
# together or apart, unless more than 97.5 % of the layouts say otherwise. The layouts of one night have the
# same neighbours, so what most of them say may be chance: with less weight, near groups are one on some
# nights and two on others. With a weight above 1, no cluster could ever split.
_WEIGHT_OF_VOTES = 0.95
# Shares are means of floats: exactly one half must not pass as more than one half.
_ROUNDING = 1e-6
# The co-association of all pairs of linked columns is held in memory: 128 MB for this many columns.
_MAX_LINKED_COLUMNS = 4000


def find_consensus_labels(
    clusterings: NDArray[np.int64],
    min_size: int,
    votes: NDArray[np.int64] | None = None,
    neighbors: NDArray[np.int32] | None = None,
) -> NDArray[np.int64]:
    """Join points by average linkage of their co-association, as long as it is above one half.

    The co-association of two points is the share of clusterings in which they are in one cluster; a point
    that is noise shares no cluster. To compare fewer pairs, points with the same label in every clustering
    (equal columns) start as one group. If there are more than 4,000 distinct columns, those with
    the most points are linked. Points of other columns, and of groups that are too small, join the cluster
    with which they have the largest mean co-association if it is above 0.15, else they are noise.

    Parameters
    ----------
    clusterings : int64 array, shape (m, n)
        Cluster ids of n points in m clusterings; -1 is noise.
    min_size : int
        Smallest number of points in a cluster.
    votes : int64 array, shape (r, n), optional
        Cluster ids in r earlier clusterings; -1 is a point that was not in them, or noise there: no vote.
    neighbors : int32 array, shape (n, k), optional
        Nearest rows among the embeddings, the row itself first. With them, clusters merge or divide against
        earlier clusterings only as `confirm_changes` does.

    Returns
    -------
    int64 array, shape (n,)
        Cluster ids in the order of the clusters' first points; -1 is noise.
    """
    if votes is None:
        votes = np.empty((0, clusterings.shape[1]), dtype=np.int64)
    columns = DistinctColumns.find(clusterings, votes)
    groups = _link_columns(columns)
    groups = _drop_small_groups(groups, columns.sizes, min_size)
    left_over = groups == NOISE_CLUSTER_ID
    groups = np.where(left_over, _find_nearest_groups(columns, groups), groups)
    labels = _number_groups_by_first_point(groups[columns.of_point])
    if neighbors is None:
        return labels
    for before in votes:
        labels = _number_groups_by_first_point(confirm_changes(labels, before, neighbors, min_size))
    return labels


@dataclass(frozen=True, eq=False)
class DistinctColumns:
    """The distinct columns of m clusterings: points with equal columns are one group from the start.

    Attributes
    ----------
    labels : int64 array, shape (m, u)
        Cluster ids of u distinct columns in m clusterings; -1 is noise.
    sizes : int64 array, shape (u,)
        How many points have each column.
    first_points : int64 array, shape (u,)
        The first point that has each column.
    of_point : int64 array, shape (n,)
        The column of each point.
    votes : int64 array, shape (r, u)
        Cluster ids of the columns in r earlier clusterings; -1 is no vote.
    """

    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    first_points: NDArray[np.int64]
    of_point: NDArray[np.int64]
    votes: NDArray[np.int64]

    @property
    def weight_of_vote(self) -> float:
        """The weight of one earlier clustering, where that of a layout is 1."""
        return _WEIGHT_OF_VOTES * len(self.labels) / max(len(self.votes), 1)

    @classmethod
    def find(cls, clusterings: NDArray[np.int64], votes: NDArray[np.int64]) -> Self:
        """Return the distinct columns of m clusterings, shape (m, n), and of r votes, shape (r, n)."""
        rows, first_points, of_point, sizes = np.unique(
            np.concatenate([clusterings, votes]),
            axis=1,
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        labels, votes = np.split(rows, [len(clusterings)])
        return cls(labels, sizes, first_points, of_point, votes)

    def order_for_linkage(self) -> NDArray[np.int64]:
        """Return the columns that average linkage can join, most points first, at most 4,000.

        Columns that are noise in half of the clusterings or more are left out: even their own points do not
        share a cluster in more than half of them.
        """
        clustered = (self.labels != NOISE_CLUSTER_ID).mean(axis=0)
        joinable = np.flatnonzero(clustered > _MIN_SHARE_TO_JOIN + _ROUNDING)
        by_size = np.lexsort((self.first_points[joinable], -self.sizes[joinable]))
        return joinable[by_size[:_MAX_LINKED_COLUMNS]]


def _link_columns(columns: DistinctColumns) -> NDArray[np.int64]:
    """Return the group of each of u columns by average linkage; -1 for columns that are not linked."""
    linked = columns.order_for_linkage()
    groups = np.full(len(columns.sizes), NOISE_CLUSTER_ID)
    groups[linked] = join_by_average_linkage(
        _calculate_co_association(columns, linked), columns.sizes[linked], _MIN_SHARE_TO_JOIN + _ROUNDING
    )
    return groups


def _calculate_co_association(columns: DistinctColumns, linked: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the co-association of all pairs of linked columns, shape (u, u)."""
    together = np.zeros((len(linked), len(linked)))
    for row in columns.labels[:, linked]:
        together += (row[:, None] == row) & (row != NOISE_CLUSTER_ID)
    counted: float | NDArray[np.float64] = len(columns.labels)
    for row in columns.votes[:, linked]:
        voted = (row != NOISE_CLUSTER_ID) & (row[:, None] != NOISE_CLUSTER_ID)
        together += columns.weight_of_vote * (voted & (row[:, None] == row))
        counted = counted + columns.weight_of_vote * voted
    together /= counted
    return together


def _drop_small_groups(
    groups: NDArray[np.int64], sizes: NDArray[np.int64], min_size: int
) -> NDArray[np.int64]:
    """Replace by -1 each group whose columns hold fewer than `min_size` points."""
    _, group_of = np.unique(groups, return_inverse=True)
    return np.where(np.bincount(group_of, sizes)[group_of] >= min_size, groups, NOISE_CLUSTER_ID)


def _find_nearest_groups(columns: DistinctColumns, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the group with the largest mean co-association to each column; -1 if that is 0.15 or less."""
    found, group_of = np.unique(groups, return_inverse=True)
    weights = np.where(groups == NOISE_CLUSTER_ID, 0, columns.sizes)
    together = np.zeros((len(found), len(groups)))
    for row in columns.labels:
        clustered = row != NOISE_CLUSTER_ID
        together[:, clustered] += _count_points(group_of, row, weights)[:, row[clustered]]
    counted = np.full_like(together, len(columns.labels))
    counted *= np.maximum(np.bincount(group_of, weights), 1)[:, None]
    for row in columns.votes:
        voted = row != NOISE_CLUSTER_ID
        counts = columns.weight_of_vote * _count_points(group_of, row, weights)
        together[:, voted] += counts[:, row[voted]]
        counted[:, voted] += counts.sum(axis=1, keepdims=True)
    together /= counted
    nearest = together.argmax(axis=0)
    share = together[nearest, np.arange(len(groups))]
    return np.where(share > _MIN_SHARE_TO_FOLLOW + _ROUNDING, found[nearest], NOISE_CLUSTER_ID)


def _count_points(
    group_of: NDArray[np.int64], row: NDArray[np.int64], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the number of points of each group in each cluster of a clustering, shape (groups, clusters)."""
    clustered = row != NOISE_CLUSTER_ID
    counts = np.zeros((group_of.max() + 1, row.max() + 2))
    np.add.at(counts, (group_of[clustered], row[clustered]), weights[clustered])
    return counts


def _number_groups_by_first_point(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Renumber the groups of n points from 0, in the order of their first points; -1 stays -1."""
    found, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    clusters = np.flatnonzero(found != NOISE_CLUSTER_ID)
    ids = np.full(len(found), NOISE_CLUSTER_ID)
    ids[clusters[np.argsort(first[clusters])]] = np.arange(len(clusters))
    return np.asarray(ids[group_of], dtype=np.int64)

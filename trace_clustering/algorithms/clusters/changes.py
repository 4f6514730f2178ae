"""Whether clusters merge or divide, compared with those of before: neighbours among embeddings decide."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.quality.stability import count_clusters, measure_group_cohesion
from trace_clustering.constants import NOISE_CLUSTER_ID

# Parts are one group if more than 70 % of the neighbours that they have outside are in each other. In
# labelled traffic, the results are about the same from 67 to 80 %.
_MAX_SHARE_LEFT_OUTSIDE = 0.3
# A part that holds fewer of its own neighbours, beyond chance, is no group of its own.
_MIN_COHESION = 0.55
# Fewer points cannot hold their 15 nearest neighbours, so their cohesion says nothing.
_MIN_POINTS = 10
# A point that was in no cluster goes where most of this many nearest neighbours are.
_N_NEIGHBORS_ASKED = 30


def confirm_changes(
    labels: NDArray[np.int64], before: NDArray[np.int64], neighbors: NDArray[np.int32], min_size: int
) -> NDArray[np.int64]:
    """Undo the merging and dividing of clusters with which the neighbours among the embeddings disagree.

    All layouts of a night have the same neighbour graph, so what all of them say may still be chance, and
    near groups would be one on some nights and two on others. Clusters that are new or gone are left as they
    are.

    Parameters
    ----------
    labels : int64 array, shape (n,)
        Cluster ids from 0 to k-1; -1 is noise.
    before : int64 array, shape (n,)
        Cluster ids in an earlier clustering; -1 is a point that was not in it, or noise there.
    neighbors : int32 array, shape (n, m)
        Nearest rows among the embeddings, the row itself first; m is at least 2.
    min_size : int
        Parts with fewer points, or fewer than 10, are ignored: the layouts decide about them.

    Returns
    -------
    int64 array, shape (n,)
        Cluster ids, of which some may be unused; -1 is noise, of the same points as in `labels`.
    """
    labels = labels.copy()
    min_size = max(min_size, _MIN_POINTS)
    for cluster in range(count_clusters(labels)):
        parts = _divide_as_before(labels == cluster, before, neighbors, min_size)
        if len(parts) > 1 and not _belong_together(parts, neighbors):
            for part in parts[1:]:
                labels[part] = count_clusters(labels)
    for cluster in range(count_clusters(before)):
        parts = _list_parts(before == cluster, before != NOISE_CLUSTER_ID, labels, min_size)
        if len(parts) > 1 and _belong_together(parts, neighbors):
            labels[np.logical_or.reduce(parts)] = labels[parts[0]][0]
    return labels


def _belong_together(parts: Sequence[NDArray[np.bool_]], neighbors: NDArray[np.int32]) -> bool:
    """Return whether parts are one group: one is loose, or what they have outside is mostly in each other."""
    cohesions = [measure_group_cohesion(part, neighbors) for part in parts]
    if min(cohesions) < _MIN_COHESION:
        return True
    outside_parts = 1 - np.average(cohesions, weights=[part.sum() for part in parts])
    outside_whole = 1 - measure_group_cohesion(np.logical_or.reduce(parts), neighbors)
    return bool(outside_whole < _MAX_SHARE_LEFT_OUTSIDE * outside_parts)


def _divide_as_before(
    is_member: NDArray[np.bool_], before: NDArray[np.int64], neighbors: NDArray[np.int32], min_size: int
) -> list[NDArray[np.bool_]]:
    """Return the parts of a cluster, one for each earlier cluster most of whose points it holds.

    All members are in a part: those of no such earlier cluster go where most of their neighbours are.
    """
    known = before != NOISE_CLUSTER_ID
    sizes = np.bincount(before[known])
    counts = np.bincount(before[known & is_member], minlength=len(sizes))
    held = np.flatnonzero((counts >= min_size) & (2 * counts > sizes))
    if len(held) < 2:
        return []
    is_settled = is_member & np.isin(before, held)
    settled = np.where(is_settled, before, NOISE_CLUSTER_ID)
    divided = settled.copy()
    for row in np.flatnonzero(is_member & ~is_settled):
        found = settled[neighbors[row, 1 : 1 + _N_NEIGHBORS_ASKED]]
        n_found = (found[:, None] == held).sum(axis=0)
        divided[row] = held[n_found.argmax()]
    return [divided == part for part in held]


def _list_parts(
    was_member: NDArray[np.bool_], was_known: NDArray[np.bool_], labels: NDArray[np.int64], min_size: int
) -> list[NDArray[np.bool_]]:
    """Return the clusters most of whose known points were in one earlier cluster."""
    parts = []
    for cluster in np.unique(labels[was_member & (labels != NOISE_CLUSTER_ID)]):
        part = labels == cluster
        n_from_there = (part & was_member).sum()
        if n_from_there >= min_size and 2 * n_from_there > (part & was_known).sum():
            parts.append(part)
    return parts

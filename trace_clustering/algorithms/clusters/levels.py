"""Two levels of groups above many clusters."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.constants import (
    DEGENERATE_DOMINANT_CLUSTER_FRACTION,
    MAX_CLUSTERS_WITHOUT_LEVELS,
    MIN_CLUSTERS_TO_KEEP_LEVELS,
)

# The narrower level of k clusters has about k^(2/3) groups, the wider one k^(1/3): each step down the tree
# divides by about the same number.
_EXPONENTS = (2 / 3, 1 / 3)
N_LEVELS = len(_EXPONENTS)
# The number of groups of an earlier run stays if it is off by at most this share.
_MAX_DEVIATION = 0.25
# How much it weighs that clusters were in one group before, where 1 is the length of their directions. From
# 0.3 to 0.6 on, groups hardly flicker; above, they would hold together what has drifted apart.
_WEIGHT_OF_EARLIER_GROUPS = 0.5
# Less than this is a rounding error of float32.
_MIN_DIFFERENCE = 1e-6


def find_levels(
    centroids: NDArray[np.float32], earlier_groups: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Group clusters on two levels, by Ward's linkage (Ward 1963) of what sets them apart.

    Compared are the directions in which centroids differ from their mean: what all clusters share, such as
    the product that they talk about, tells no groups apart. Earlier groups take part as further dimensions,
    so that a cluster changes its group only if it is clearly nearer to another one.

    Parameters
    ----------
    centroids : float32 array, shape (k, d)
        Mean direction of the embeddings of each cluster, of length 1.
    earlier_groups : int64 array, shape (k, 2), optional
        The group that each cluster was in before on the narrower and on the wider level; -1 if in none.

    Returns
    -------
    int64 array, shape (k, 2)
        The group of each cluster on the narrower and on the wider level, from 0 on in the order of their
        first clusters; every wide group is made of whole narrow ones. None holds 70 % of the clusters or
        more: a level of which one does gets more groups. Shape (k, 0) for few clusters, and where the tree
        has no two such levels.
    """
    from scipy.cluster.hierarchy import cut_tree, linkage

    k = len(centroids)
    earlier = np.full((k, N_LEVELS), -1) if earlier_groups is None else earlier_groups
    nothing = np.empty((k, 0), dtype=np.int64)
    if k < (MIN_CLUSTERS_TO_KEEP_LEVELS if (earlier >= 0).any() else MAX_CLUSTERS_WITHOUT_LEVELS + 1):
        return nothing
    marks = [_mark_groups(groups) for groups in earlier.T]
    places = np.hstack(
        [_find_directions_from_mean(centroids), *(_WEIGHT_OF_EARLIER_GROUPS * mark for mark in marks)]
    )
    cuts = cut_tree(linkage(places, "ward"), np.arange(2, k))
    narrow, wide = (
        _cut(cuts, _choose_number(k**exponent, mark.shape[1]))
        for exponent, mark in zip(_EXPONENTS, marks, strict=True)
    )
    if wide is None or narrow is None or wide.max() >= narrow.max():
        return nothing
    return np.stack([narrow, wide], axis=1)


def _find_directions_from_mean(centroids: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the directions in which centroids differ from their mean; 0 for those that do not."""
    differences = centroids - centroids.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(differences, axis=1, keepdims=True)
    return np.where(lengths < _MIN_DIFFERENCE, 0, differences / np.maximum(lengths, _MIN_DIFFERENCE))


def _mark_groups(groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return one column per group that has 1 for its clusters, shape (k, number of groups)."""
    return np.asarray(groups[:, None] == np.unique(groups[groups >= 0]), dtype=np.float64)


def _choose_number(wanted: float, earlier: int) -> int:
    """Return the number of groups: that of before, unless it is far from what is wanted now."""
    is_near = abs(earlier - wanted) <= _MAX_DEVIATION * wanted
    return max(2, earlier if is_near else round(wanted))


def _cut(cuts: NDArray[np.int64], n_groups: int) -> NDArray[np.int64] | None:
    """Return the first cut into at least so many groups of which none holds nearly all clusters.

    Parameters
    ----------
    cuts : int64 array, shape (k, m)
        The group of each cluster if the tree is cut into 2, 3 ... m + 1 groups.
    n_groups : int
    """
    for groups in cuts.T[n_groups - 2 :]:
        if np.bincount(groups).max() < DEGENERATE_DOMINANT_CLUSTER_FRACTION * len(groups):
            return _number_by_first(groups)
    return None


def _number_by_first(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Renumber groups from 0 in the order of their first clusters."""
    _, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[group_of], dtype=np.int64)

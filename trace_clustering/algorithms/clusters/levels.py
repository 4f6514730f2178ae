"""Two levels of groups above many clusters."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.constants import DEGENERATE_DOMINANT_CLUSTER_FRACTION, MAX_CLUSTERS_WITHOUT_LEVELS

# Less than this is a rounding error of float32.
_MIN_DIFFERENCE = 1e-6


def find_levels(centroids: NDArray[np.float32]) -> NDArray[np.int64]:
    """Group clusters on two levels, so that each step of the tree divides by about the same number.

    The tree is Ward's linkage (Ward 1963) of the directions in which centroids differ from their mean: what
    all clusters share, such as the product that they talk about, tells no groups apart. Of k clusters, the
    narrower level has about k^(2/3) groups and the wider one about k^(1/3). A level of which one group holds
    70 % of the clusters gets more groups, until none does.

    Parameters
    ----------
    centroids : float32 array, shape (k, d)
        Mean direction of the embeddings of each cluster, of length 1.

    Returns
    -------
    int64 array, shape (k, 2)
        The group of each cluster on the narrower and on the wider level, from 0 on in the order of their
        first clusters; every wide group is made of whole narrow ones. Shape (k, 0) for at most 12 clusters,
        and where the tree has no two levels of which each has a group for less than 70 % of the clusters.
    """
    from scipy.cluster.hierarchy import cut_tree, linkage

    k = len(centroids)
    nothing = np.empty((k, 0), dtype=np.int64)
    if k <= MAX_CLUSTERS_WITHOUT_LEVELS:
        return nothing
    cuts = cut_tree(linkage(_find_directions_from_mean(centroids), "ward"), np.arange(2, k))
    wide, narrow = _cut(cuts, round(k ** (1 / 3))), _cut(cuts, round(k ** (2 / 3)))
    if wide is None or narrow is None or wide.max() >= narrow.max():
        return nothing
    return np.stack([narrow, wide], axis=1)


def _find_directions_from_mean(centroids: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the directions in which centroids differ from their mean; 0 for those that do not."""
    differences = centroids - centroids.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(differences, axis=1, keepdims=True)
    return np.where(lengths < _MIN_DIFFERENCE, 0, differences / np.maximum(lengths, _MIN_DIFFERENCE))


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

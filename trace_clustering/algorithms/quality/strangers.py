"""Which points belong to no cluster by how near they are, whatever the clustering made of them.

A clustering puts traces that are alone of their kind into some cluster or other. But such a trace is no
nearer to this cluster than the traces of other clusters are.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.space.normalize import normalize_l2
from trace_clustering.constants import NOISE_CLUSTER_ID

# A stranger is no nearer to its own cluster than half of all points are to the nearest other one.
_SHARE_OF_NEARER_STRANGERS = 0.5
# Two strangers are of one kind if they are as near to each other as most points are to the next one.
_SHARE_WITHOUT_KIN = 0.1
_ROWS_AT_A_TIME = 4_096


class RareKinds(NamedTuple):
    """The number of kinds of which one point was seen, and of which two were."""

    seen_once: int
    seen_twice: int


def count_rare_kinds(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], neighbors: NDArray[np.int32]
) -> RareKinds | None:
    """Count the kinds of which one point was seen or two.

    Parameters
    ----------
    embeddings : float32 array, shape (n, d)
        Only directions count.
    labels : int64 array, shape (n,)
        From 0 to k-1; -1 is noise.
    neighbors : int32 array, shape (n, m)
        Nearest rows of each row, itself first.

    Returns
    -------
    RareKinds or None
        None with fewer than two clusters, or without neighbours: then it is not known what is near.
    """
    n_clusters = int(labels.max(initial=NOISE_CLUSTER_ID)) + 1
    if n_clusters < 2 or neighbors.shape[1] < 2:
        return None
    directions = normalize_l2(embeddings)
    to_own, to_other = _measure_nearness(directions, labels, n_clusters)
    is_stranger = to_own < np.quantile(to_other, _SHARE_OF_NEARER_STRANGERS)
    nearest = neighbors[:, 1]
    to_nearest = np.einsum("ij,ij->i", directions, directions[nearest])
    if is_stranger.all():
        return RareKinds(len(labels), 0)
    has_kin = to_nearest >= np.quantile(to_nearest[~is_stranger], _SHARE_WITHOUT_KIN)
    is_mutual = nearest[nearest] == np.arange(len(labels))
    in_pair = is_stranger & has_kin & is_stranger[nearest] & is_mutual
    return RareKinds(int((is_stranger & ~has_kin).sum()), int(in_pair.sum()) // 2)


def _measure_nearness(
    directions: NDArray[np.float32], labels: NDArray[np.int64], n_clusters: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cosine similarity to the centroid of the own cluster, and to the nearest other one.

    A point does not count in the centroid of its own cluster. Noise has no own cluster: its nearest one is
    taken for it.
    """
    sums = np.array([directions[labels == cluster].sum(axis=0) for cluster in range(n_clusters)], np.float64)
    squares = np.einsum("ij,ij->i", sums, sums)
    lengths = np.sqrt(np.maximum(squares, np.finfo(np.float64).tiny))
    to_own, to_other = np.empty(len(labels)), np.empty(len(labels))
    for start in range(0, len(labels), _ROWS_AT_A_TIME):
        block = slice(start, start + _ROWS_AT_A_TIME)
        products = directions[block] @ sums.T
        similarities = products / lengths
        own = np.where(labels[block] == NOISE_CLUSTER_ID, similarities.argmax(axis=1), labels[block])
        rows = np.arange(len(own))
        product, square = products[rows, own], squares[own]
        without_itself = (product - 1) / np.sqrt(np.maximum(square - 2 * product + 1, 1e-9))
        is_noise = labels[block] == NOISE_CLUSTER_ID
        to_own[block] = np.where(is_noise, similarities[rows, own], without_itself)
        similarities[rows, own] = -1
        to_other[block] = similarities.max(axis=1)
    return to_own, to_other

"""The terms that the clusters of a group share, and that other clusters lack."""

from collections.abc import Mapping, Sequence

import numpy as np

from trace_clustering.labeling.keywords import (
    MAX_CLUSTER_SHARE,
    MAX_TERMS_IN_DESCRIPTION,
    count_terms,
    find_terms,
    pick_terms,
)

# A term names a group if at least this share of its clusters have more of it than clusters have on average,
# and at most half as large a share of the other clusters.
_MIN_SHARE_OF_CLUSTERS = 0.5
_MAX_RATIO_OF_OTHERS = 0.5


def find_all_terms(
    documents: Mapping[int, str], groups: Sequence[tuple[int, Sequence[int]]]
) -> tuple[dict[int, list[str]], list[list[str]]]:
    """Return the terms that set each cluster apart, and those that the clusters of each group share.

    Parameters
    ----------
    documents : mapping
        All texts of each cluster.
    groups : sequence of tuples
        Level and clusters of each group; the groups of a level hold all clusters but noise.
    """
    shared: list[list[str]] = [[] for _ in groups]
    for level in sorted({level for level, _ in groups}):
        rows = [row for row, group in enumerate(groups) if group[0] == level]
        found = find_shared_terms(documents, [groups[row][1] for row in rows])
        for row, own in zip(rows, found, strict=True):
            shared[row] = own
    return find_terms(documents), shared


def find_shared_terms(
    documents: Mapping[int, str],
    groups: Sequence[Sequence[int]],
    max_terms: int = MAX_TERMS_IN_DESCRIPTION,
) -> list[list[str]]:
    """Return the terms that name each group of clusters, best first; none where the clusters share none.

    It is c-TF-IDF with groups as documents, see `find_distinguishing_terms`, in which every cluster of a
    group has the same say: the share of a term is the squared mean of the square roots of its shares in the
    clusters, so that a term which all have weighs more than one that a single cluster repeats.

    Parameters
    ----------
    documents : mapping
        All texts of each cluster.
    groups : sequence of sequences of int
        The clusters of each group of one level; every cluster is in one group.
    max_terms : int
        At most so many terms are returned per group.
    """
    clusters = [cluster for group in groups for cluster in group]
    counted = count_terms([documents[cluster] for cluster in clusters])
    if counted is None:
        return [[] for _ in groups]
    rows = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    frequency = counted.counts / np.maximum(counted.counts.sum(axis=1, keepdims=True), 1)
    belongs = (rows == np.arange(len(groups))[:, None]).astype(np.float64)
    sizes = belongs.sum(axis=1, keepdims=True)
    share = (belongs @ np.sqrt(frequency) / sizes) ** 2
    weights = share * np.log1p(share.sum(axis=1).mean() / np.maximum(share.sum(axis=0), np.finfo(float).tiny))
    is_frequent = (frequency > frequency.mean(axis=0)).astype(np.float64)
    own = belongs @ is_frequent / sizes
    n_others = np.maximum(len(clusters) - sizes, 1)
    others = (1 - belongs) @ is_frequent / n_others
    names_group = (own >= _MIN_SHARE_OF_CLUSTERS) & (others <= _MAX_RATIO_OF_OTHERS * own)
    names_group &= (1 - belongs) @ (frequency > 0) / n_others <= MAX_CLUSTER_SHARE
    return [pick_terms(counted.terms, row, max_terms) for row in np.where(names_group, weights, 0)]

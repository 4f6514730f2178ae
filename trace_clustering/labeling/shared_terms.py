"""The terms that the clusters of a group share, and that other clusters lack."""

from collections.abc import Mapping, Sequence

import numpy as np

from trace_clustering.labeling.keywords import (
    MAX_CLUSTER_SHARE,
    MAX_TERMS_IN_DESCRIPTION,
    TermCounts,
    count_terms,
    pick_terms,
    rank_distinguishing_terms,
)

# A term names a group if at least this share of its clusters have it, and it is this many times more frequent
# there than in other clusters.
_MIN_SHARE_OF_CLUSTERS = 0.5
_MIN_RATIO_TO_OTHERS = 3.0
# Added to shares before they are compared: a rare term that others lack altogether says little.
_SMOOTHING = 1e-4


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
    counted = count_terms(list(documents.values()))
    row_of = {cluster: row for row, cluster in enumerate(documents)}
    shared: list[list[str]] = [[] for _ in groups]
    for level in sorted({level for level, _ in groups}):
        numbers = [number for number, group in enumerate(groups) if group[0] == level]
        rows = [[row_of[cluster] for cluster in groups[number][1]] for number in numbers]
        for number, own in zip(numbers, find_shared_terms(counted, rows), strict=True):
            shared[number] = own
    return dict(zip(documents, rank_distinguishing_terms(counted), strict=True)), shared


def find_shared_terms(
    counted: TermCounts, groups: Sequence[Sequence[int]], max_terms: int = MAX_TERMS_IN_DESCRIPTION
) -> list[list[str]]:
    """Return the terms that name each group of clusters, best first; none where the clusters share none.

    A term weighs `s * log(s / o)`, where `s` is its share of the words of the group and `o` its share of the
    other clusters' words: what the term adds to the divergence of Kullback and Leibler (1951) between both.
    Every cluster has the same say in these shares, which are squared means of square roots, so that a term
    that all clusters have weighs more than one that a single cluster repeats.

    Parameters
    ----------
    counted : TermCounts
        All texts of a cluster are one document.
    groups : sequence of sequences of int
        The documents of each group of one level, each in one group.
    max_terms : int
        At most so many terms are returned per group.
    """
    if len(counted.terms) == 0:
        return [[] for _ in groups]
    counts = counted.counts[[row for group in groups for row in group]]
    rows = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    belongs = (rows == np.arange(len(groups))[:, None]).astype(np.float64)
    of_group = belongs / belongs.sum(axis=1, keepdims=True)
    of_others = (1 - belongs) / np.maximum((1 - belongs).sum(axis=1, keepdims=True), 1)
    frequency = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    own, others = (of_group @ np.sqrt(frequency)) ** 2, (of_others @ np.sqrt(frequency)) ** 2
    is_there = counts > 0
    names_group = (
        (of_group @ is_there >= _MIN_SHARE_OF_CLUSTERS)
        & (of_others @ is_there <= MAX_CLUSTER_SHARE)
        & (own >= _MIN_RATIO_TO_OTHERS * others)
    )
    weights = own * np.log((own + _SMOOTHING) / (others + _SMOOTHING))
    return [pick_terms(counted.terms, row, max_terms) for row in np.where(names_group, weights, 0)]

"""How much speaks for it that a cluster continues a topic: shared traces, or else nearness."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trace_clustering.topics.history import EarlierCluster, EarlierRun
from trace_clustering.traces.arrays import FloatArray, IntArray, StringArray

# What an older run says counts less than what a newer one says, by this factor per run.
_DISCOUNT = 0.9
# A cluster and a topic with a smaller Jaccard index do not continue each other.
MIN_OVERLAP = 0.3
# With fewer common traces, chance decides about the overlap.
MIN_SHARED_TRACES = 5
# A centroid that is farther away, as a share of how far the topic reaches from its own, is of another topic.
# Clusters of the same intent in disjoint weeks are nearer in 93 of 100 cases, those of other intents never.
_MAX_DISTANCE = 0.4


@dataclass(frozen=True, eq=False)
class KnownTopic:
    """The last that is known of a topic: its cluster in the newest run that has it.

    `age` is the position of that run among the earlier runs, newest first; 0 means that it is not gone.
    """

    run: EarlierRun
    cluster: EarlierCluster
    age: int


@dataclass(frozen=True, eq=False)
class Evidence:
    """What speaks for it that each of k clusters continues each of t topics.

    Attributes
    ----------
    topics : list of KnownTopic, length t
        Ordered by topic id.
    overlaps : float64 array, shape (k, t)
        Jaccard index of the members over the traces that were in both samples, of the run where it is
        largest, older runs counting less; 0 where it is too small, or rests on too few traces.
    nearness : float64 array, shape (k, t)
        From 1 (the same centroid) to 0 (too far to be the same), and 0 where shared traces say enough.
    """

    topics: list[KnownTopic]
    overlaps: NDArray[np.float64]
    nearness: NDArray[np.float64]


def weigh_evidence(
    trace_ids: StringArray, labels: IntArray, centroids: FloatArray, earlier: Sequence[EarlierRun]
) -> Evidence:
    """Compare k clusters of n traces with all topics of earlier runs.

    Parameters
    ----------
    trace_ids : array of str, shape (n,)
    labels : int64 array, shape (n,)
        The cluster of each trace, from 0 to k-1; -1 is noise.
    centroids : float32 array, shape (k, d)
        Of length 1.
    earlier : sequence of EarlierRun
        Newest first.
    """
    topics = list_topics(earlier)
    column_of = {topic.cluster.topic_id: column for column, topic in enumerate(topics)}
    overlaps = np.zeros((len(centroids), len(topics)))
    most_shared = np.zeros(len(topics))
    for age, run in enumerate(earlier):
        common, shared, union = count_common_traces(trace_ids, labels, run, len(centroids))
        enough = shared >= MIN_SHARED_TRACES
        index = np.where(enough, common / np.maximum(union, 1), 0) * _DISCOUNT**age
        for position, cluster in enumerate(run.clusters):
            column = column_of[cluster.topic_id]
            overlaps[:, column] = np.maximum(overlaps[:, column], index[:, position])
            most_shared[column] = max(most_shared[column], shared[position])
    overlaps[overlaps < MIN_OVERLAP] = 0
    nearness = np.where(most_shared < MIN_SHARED_TRACES, _measure_nearness(centroids, topics), 0)
    return Evidence(topics, overlaps, nearness)


def list_topics(earlier: Sequence[EarlierRun]) -> list[KnownTopic]:
    """Return the last that is known of every topic, ordered by topic id."""
    last = {}
    for age, run in reversed(list(enumerate(earlier))):
        for cluster in run.clusters:
            last[cluster.topic_id] = KnownTopic(run, cluster, age)
    return [last[topic_id] for topic_id in sorted(last)]


def count_common_traces(
    trace_ids: StringArray, labels: IntArray, run: EarlierRun, k: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Count traces that each of k clusters and each of m clusters of a run hold.

    Only traces of both samples count.

    Returns
    -------
    common : int64 array, shape (k, m)
        Traces of both clusters.
    shared : int64 array, shape (m,)
        Traces of the run's cluster.
    union : int64 array, shape (k, m)
        Traces of either cluster.
    """
    before = run.find_clusters_of(trace_ids)
    m = len(run.clusters)
    in_both = run.holds(trace_ids)
    counts = np.zeros((k + 1, m + 1), dtype=np.int64)  # the last row and column are noise
    np.add.at(counts, (labels[in_both], before[in_both]), 1)
    common, shared = counts[:k, :m], counts.sum(axis=0)[:m]
    union = counts.sum(axis=1)[:k, None] + shared - common
    return common, shared, union


def _measure_nearness(centroids: FloatArray, topics: Sequence[KnownTopic]) -> NDArray[np.float64]:
    """Return how near each of k clusters is to each of t topics, from 0 to 1, shape (k, t)."""
    if len(centroids) == 0 or not topics:
        return np.zeros((len(centroids), len(topics)))
    known = np.stack([topic.cluster.centroid for topic in topics]).astype(np.float64)
    reach = np.array([1 - topic.cluster.radius for topic in topics])
    distances = np.maximum(1 - centroids.astype(np.float64) @ known.T, 0)
    limits = _MAX_DISTANCE * np.maximum(reach, np.finfo(np.float32).eps)
    return np.asarray(np.maximum(1 - distances / limits, 0))

"""Where the traces of clusters were before, and where those of earlier clusters went."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trace_clustering.topics.evidence import MIN_SHARED_TRACES, count_common_traces
from trace_clustering.topics.history import EarlierRun
from trace_clustering.traces.arrays import IntArray, StringArray

# A part goes where more than this share of its traces goes, and comes from where so many of them come from.
_MIN_SHARE_OF_TRACES = 0.5
# Birth and end of a topic show over a few nights: on one night, few traces come or go.
_MAX_RUNS_BACK = 4
# A run that holds fewer of the traces says too little of when they came.
_MIN_SHARE_HELD = 1 / 3
# A topic is young, or has come to its end, if it has less than this share of what others have.
_SMALL_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Flow:
    """How k clusters and the m clusters of the newest earlier run exchanged traces.

    Attributes
    ----------
    run : EarlierRun
    topic_ids : list of str, length k
        The topics of the clusters.
    common : int64 array, shape (k, m)
        Number of traces of both.
    n_before : int64 array, shape (k,)
        Number of traces of a cluster that the earlier run clustered too, be it as noise.
    n_now : int64 array, shape (m,)
        Number of traces of an earlier cluster that are clustered now too, be it as noise.
    is_young : bool array, shape (k,)
        Whether hardly any trace of the cluster was there a few runs ago, while those of others were.
    has_stopped : bool array, shape (m,)
        Whether hardly anything is left of what the topic of an earlier cluster was a few runs ago.
    """

    run: EarlierRun
    topic_ids: list[str]
    common: IntArray
    n_before: IntArray
    n_now: IntArray
    is_young: NDArray[np.bool_]
    has_stopped: NDArray[np.bool_]

    @classmethod
    def count(
        cls, trace_ids: StringArray, labels: IntArray, earlier: Sequence[EarlierRun], topic_ids: list[str]
    ) -> Self:
        """Compare clusters with earlier runs, of which there is at least one, newest first.

        Parameters
        ----------
        trace_ids : array of str, shape (n,)
        labels : int64 array, shape (n,)
            From 0 to k-1; -1 is noise.
        earlier : sequence of EarlierRun
        topic_ids : list of str, length k
        """
        k, run = len(topic_ids), earlier[0]
        common, n_now, _ = count_common_traces(trace_ids, labels, run, k)
        held = run.holds(trace_ids)
        return cls(
            run,
            topic_ids,
            common,
            _count_per_cluster(labels[held], k),
            n_now,
            _find_young(trace_ids, labels, earlier[:_MAX_RUNS_BACK], k),
            _find_stopped(n_now / max(int(held.sum()), 1), earlier[:_MAX_RUNS_BACK]),
        )

    def list_gone(self) -> list[int]:
        """Return the positions of the earlier clusters whose topic no cluster carries on, by cluster id."""
        kept = set(self.topic_ids)
        gone = [p for p, cluster in enumerate(self.run.clusters) if cluster.topic_id not in kept]
        return sorted(gone, key=lambda position: self.run.clusters[position].cluster_id)

    def find_target(self, position: int) -> str:
        """Return the topic that took over most traces of an earlier cluster; empty if none did.

        A topic whose traffic has stopped went into no other one, wherever its last traces are.
        """
        if not self.topic_ids or self.n_now[position] < MIN_SHARED_TRACES or self.has_stopped[position]:
            return ""
        target = int(self.common[:, position].argmax())
        most = self.common[target, position] > _MIN_SHARE_OF_TRACES * self.n_now[position]
        return self.topic_ids[target] if most else ""

    def find_source(self, topic_id: str) -> str:
        """Return the topic that a new cluster was a part of; empty if there is none.

        A topic that has just begun was a part of none, wherever its first traces were.
        """
        row = self.topic_ids.index(topic_id)
        if not self.run.clusters or self.n_before[row] < MIN_SHARED_TRACES or self.is_young[row]:
            return ""
        source = int(self.common[row].argmax())
        most = self.common[row, source] > _MIN_SHARE_OF_TRACES * self.n_before[row]
        return self.run.clusters[source].topic_id if most else ""

    def list_absorbed(self, topic_id: str) -> tuple[str, ...]:
        """Return the topics that are gone since most of their traces are in the cluster of a topic."""
        return tuple(
            self.run.clusters[position].topic_id
            for position in self.list_gone()
            if self.find_target(position) == topic_id
        )


def _find_young(
    trace_ids: StringArray, labels: IntArray, runs: Sequence[EarlierRun], k: int
) -> NDArray[np.bool_]:
    """Compare with the oldest run that still holds enough of the traces."""
    for run in reversed(runs):
        held = run.holds(trace_ids)
        if held.mean() >= _MIN_SHARE_HELD:
            own = _count_per_cluster(labels[held], k) / np.maximum(_count_per_cluster(labels, k), 1)
            return np.asarray(own < _SMALL_SHARE * held.mean())
    return np.zeros(k, dtype=bool)


def _find_stopped(shares: NDArray[np.float64], runs: Sequence[EarlierRun]) -> NDArray[np.bool_]:
    """Compare the shares of the newest run's topics among all traces still there with their largest ones."""
    largest: dict[str, float] = {}
    for run in runs:
        for cluster in run.clusters:
            share = len(cluster.trace_ids) / max(len(run.trace_ids), 1)
            largest[cluster.topic_id] = max(share, largest.get(cluster.topic_id, 0.0))
    before = np.array([largest[cluster.topic_id] for cluster in runs[0].clusters])
    return np.asarray(shares < _SMALL_SHARE * before, dtype=bool)


def _count_per_cluster(labels: IntArray, k: int) -> IntArray:
    return np.bincount(labels[labels >= 0], minlength=k)

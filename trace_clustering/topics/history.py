"""What is known of a team's earlier clusterings when the next one is made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trace_clustering.traces.arrays import FloatArray, IntArray, StringArray
from trace_clustering.traces.window import Window

# In place of a cluster: the trace was noise in the run, or was not clustered in it at all.
NO_CLUSTER = -1


@dataclass(frozen=True, eq=False)
class EarlierCluster:
    """A cluster of an earlier run.

    Attributes
    ----------
    topic_id : str
        The identity that it keeps from run to run.
    cluster_id : int
    trace_ids : array of str, shape (m,)
        Its members in the sample that was clustered, sorted.
    centroid : float32 array, shape (d,)
        Mean direction of the members' embeddings, of length 1; all zeros if their vectors cannot be compared
        with those of now.
    radius : float
        Smallest cosine similarity to the centroid at which a trace still counts as one of the topic.
    title, description, labeler : str
        Its label in the event of that run.
    label_from_run : str
        The run that made the label, if the run of the event had kept it; else empty.
    label_terms : sequence of str
        The terms that set the cluster apart when its label was made; empty if they are not known.
    """

    topic_id: str
    cluster_id: int
    trace_ids: StringArray
    centroid: FloatArray
    radius: float
    title: str = ""
    description: str = ""
    labeler: str = ""
    label_from_run: str = ""
    label_terms: Sequence[str] = ()


@dataclass(frozen=True)
class EarlierParent:
    """A group of clusters of an earlier run.

    Attributes
    ----------
    parent_id : str
        The identity that it keeps from run to run.
    level : int
        1 is the narrower, 2 the wider.
    topic_ids : tuple of str
        The topics of its clusters.
    title, description, labeler : str
        Its label in the event of that run.
    """

    parent_id: str
    level: int
    topic_ids: tuple[str, ...]
    title: str = ""
    description: str = ""
    labeler: str = ""


@dataclass(frozen=True, eq=False)
class EarlierRun:
    """An earlier clustering of the same team with the same `run_label`, whose event was written.

    Attributes
    ----------
    run_id : str
    window : Window
    trace_ids : array of str, shape (n,)
        All traces that were clustered, also those that were noise, sorted.
    clusters : sequence of EarlierCluster
        Noise is none of them.
    parents : sequence of EarlierParent
        The groups of these clusters; none for few clusters.
    """

    run_id: str
    window: Window
    trace_ids: StringArray
    clusters: Sequence[EarlierCluster]
    parents: Sequence[EarlierParent] = ()

    def find_clusters_of(self, trace_ids: StringArray) -> IntArray:
        """Return the position among `clusters` of the cluster that holds each trace; -1 if none does."""
        return find_positions(trace_ids, [cluster.trace_ids for cluster in self.clusters])

    def holds(self, trace_ids: StringArray) -> NDArray[np.bool_]:
        """Return whether each trace was clustered in the run, be it as noise."""
        return find_members(trace_ids, self.trace_ids)


def find_positions(trace_ids: StringArray, groups: Sequence[StringArray]) -> IntArray:
    """Return the position of the group that holds each trace; -1 if none does."""
    position_of = {trace_id: position for position, group in enumerate(groups) for trace_id in group.tolist()}
    found = [position_of.get(trace_id, NO_CLUSTER) for trace_id in trace_ids.tolist()]
    return np.array(found, dtype=np.int64)


def find_members(trace_ids: StringArray, members: StringArray) -> NDArray[np.bool_]:
    """Return which traces are among others.

    `np.isin` compares each text with each other text: with 20,000 of both it takes five seconds.
    """
    among = set(members.tolist())
    return np.array([trace_id in among for trace_id in trace_ids.tolist()], dtype=np.bool_)

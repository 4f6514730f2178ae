"""Which cluster continues which topic of earlier runs."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trace_clustering.topics.history import EarlierCluster, EarlierRun
from trace_clustering.traces.arrays import FloatArray, StringArray

# The relation of a cluster to the clusters of earlier runs. `back`: its topic was gone in the newest one.
Relation = Literal["continued", "split", "merged", "new", "back"]

# Any fixed UUID would do. With another one, every topic would get another id.
_TOPIC_NAMESPACE = uuid.UUID("0f4f0d2a-8f0c-5a86-9d6b-3c1b6a1c7e55")
_MIN_OVERLAP = 0.3


@dataclass(frozen=True, eq=False)
class CurrentCluster:
    """A cluster of the run that is being made, as identities are found for it.

    Attributes
    ----------
    cluster_id : int
    trace_ids : array of str, shape (m,)
        Its members, sorted.
    centroid : float32 array, shape (d,)
        Mean direction of the members' embeddings, of length 1.
    """

    cluster_id: int
    trace_ids: StringArray
    centroid: FloatArray


@dataclass(frozen=True)
class Continuity:
    """What became of a topic: the cluster that carries it now, and where it comes from.

    Attributes
    ----------
    cluster_id : int
    topic_id : str
    relation : Relation
    earlier_run_id : str
        The run of the cluster that it continues; empty for a new topic.
    earlier_cluster_id : int
        -1 for a new topic.
    shared_traces : int
        Number of traces that both clusters hold.
    """

    cluster_id: int
    topic_id: str
    relation: Relation
    earlier_run_id: str = ""
    earlier_cluster_id: int = -1
    shared_traces: int = 0


@dataclass(frozen=True)
class GoneTopic:
    """A topic of the newest earlier run that no cluster continues.

    Attributes
    ----------
    topic_id : str
    title : str
        Its last title.
    run_id : str
        The last run that had it.
    cluster_id : int
        Its cluster there.
    merged_into : str
        The topic that took over most of its traces; empty if none did.
    """

    topic_id: str
    title: str
    run_id: str
    cluster_id: int
    merged_into: str = ""


@dataclass(frozen=True)
class Identities:
    """The identities of all clusters of a run, in the order of their ids, and the topics that are gone."""

    continuities: Sequence[Continuity]
    gone: Sequence[GoneTopic]


def find_identities(
    clusters: Sequence[CurrentCluster],
    trace_ids: StringArray,  # noqa: ARG001
    earlier: Sequence[EarlierRun],
    *,
    scope: str,
) -> Identities:
    """Find the topic of every cluster.

    Parameters
    ----------
    clusters : sequence of CurrentCluster
    trace_ids : array of str, shape (n,)
        All traces that were clustered, also noise.
    earlier : sequence of EarlierRun
        Newest first.
    scope : str
        Team, run label and window: new topics of different scopes never have equal ids.
    """
    from scipy.optimize import linear_sum_assignment

    known = list(earlier[0].clusters) if earlier else []
    overlaps = np.array([[_measure_overlap(new, old) for old in known] for new in clusters])
    overlaps = overlaps.reshape(len(clusters), len(known))
    pairs = dict(zip(*(index.tolist() for index in linear_sum_assignment(-overlaps)), strict=True))
    continuities = []
    for position, cluster in enumerate(clusters):
        old = pairs.get(position)
        if old is None or overlaps[position, old] < _MIN_OVERLAP:
            continuities.append(Continuity(cluster.cluster_id, make_topic_id(scope, cluster), "new"))
            continue
        continued = known[old]
        shared = len(np.intersect1d(cluster.trace_ids, continued.trace_ids))
        continuities.append(
            Continuity(
                cluster.cluster_id,
                continued.topic_id,
                "continued",
                earlier[0].run_id,
                continued.cluster_id,
                shared,
            )
        )
    kept = {continuity.topic_id for continuity in continuities}
    gone = [
        GoneTopic(old.topic_id, old.title, earlier[0].run_id, old.cluster_id)
        for old in known
        if old.topic_id not in kept
    ]
    return Identities(continuities, gone)


def make_topic_id(scope: str, cluster: CurrentCluster) -> str:
    """Return the id of a topic that begins with a cluster: the same whenever the run is made again."""
    return str(uuid.uuid5(_TOPIC_NAMESPACE, f"{scope}:{cluster.trace_ids[0]}"))


def _measure_overlap(new: CurrentCluster, old: EarlierCluster) -> float:
    """Return the Jaccard index of the members of two clusters."""
    shared = len(np.intersect1d(new.trace_ids, old.trace_ids))
    return shared / (len(new.trace_ids) + len(old.trace_ids) - shared)

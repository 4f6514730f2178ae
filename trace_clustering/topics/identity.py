"""Which cluster continues which topic of earlier runs."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trace_clustering.topics.evidence import Evidence, KnownTopic, weigh_evidence
from trace_clustering.topics.flow import Flow
from trace_clustering.topics.history import EarlierRun, find_positions
from trace_clustering.topics.matching import match_one_to_one
from trace_clustering.traces.arrays import FloatArray, StringArray

# The relation of a cluster to the clusters of earlier runs. `back`: its topic was gone in the newest one.
Relation = Literal["continued", "split", "merged", "new", "back"]

# Any fixed UUID would do. With another one, every topic would get another id.
_TOPIC_NAMESPACE = uuid.UUID("0f4f0d2a-8f0c-5a86-9d6b-3c1b6a1c7e55")


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
    from_topic_ids : tuple of str
        Other topics that its traces come from: for `split` the one that it was part of, for `merged` those
        that went into it.
    """

    cluster_id: int
    topic_id: str
    relation: Relation
    earlier_run_id: str = ""
    earlier_cluster_id: int = -1
    shared_traces: int = 0
    from_topic_ids: tuple[str, ...] = ()


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
        The topic whose cluster holds most of its traces now; empty if none does, and if its traffic stopped.
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
    trace_ids: StringArray,
    earlier: Sequence[EarlierRun],
    *,
    scope: str,
) -> Identities:
    """Find the topic of every cluster.

    Clusters and topics are matched one to one so that the sum of their overlaps is largest (Kuhn 1955), and
    those that share too few traces with any sample so that the sum of their nearness is.

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
    ordered = sorted(clusters, key=lambda cluster: str(cluster.trace_ids[0]))
    labels = find_positions(trace_ids, [cluster.trace_ids for cluster in ordered])
    centroids = np.array([cluster.centroid for cluster in ordered], dtype=np.float32)
    evidence = weigh_evidence(trace_ids, labels, centroids, earlier)
    carried = _match(evidence)
    topic_ids = [
        known.cluster.topic_id if known else make_topic_id(scope, cluster)
        for known, cluster in zip(carried, ordered, strict=True)
    ]
    if not earlier:
        new = [Continuity(c.cluster_id, t, "new") for c, t in zip(ordered, topic_ids, strict=True)]
        return Identities(sorted(new, key=lambda row: row.cluster_id), [])
    flow = Flow.count(trace_ids, labels, earlier, topic_ids)
    continuities = [
        _describe(cluster, topic_id, known, flow)
        for cluster, topic_id, known in zip(ordered, topic_ids, carried, strict=True)
    ]
    return Identities(
        sorted(continuities, key=lambda row: row.cluster_id),
        [_describe_gone(position, flow) for position in flow.list_gone()],
    )


def _match(evidence: Evidence) -> list[KnownTopic | None]:
    """Return the topic that each cluster continues, if any."""
    matched: list[KnownTopic | None] = [None] * len(evidence.overlaps)
    free = np.ones(len(evidence.topics), dtype=bool)
    for weights in (evidence.overlaps, evidence.nearness):
        clusters = np.flatnonzero([known is None for known in matched])
        topics = np.flatnonzero(free)
        for row, column in match_one_to_one(weights[np.ix_(clusters, topics)]).items():
            matched[clusters[row]] = evidence.topics[topics[column]]
            free[topics[column]] = False
    return matched


def _describe_gone(position: int, flow: Flow) -> GoneTopic:
    cluster = flow.run.clusters[position]
    return GoneTopic(
        cluster.topic_id, cluster.title, flow.run.run_id, cluster.cluster_id, flow.find_target(position)
    )


def _describe(cluster: CurrentCluster, topic_id: str, known: KnownTopic | None, flow: Flow) -> Continuity:
    """Name the relation of a cluster to the clusters before it."""
    absorbed = flow.list_absorbed(topic_id)
    if known is None:
        source = flow.find_source(topic_id)
        if absorbed:
            return Continuity(cluster.cluster_id, topic_id, "merged", from_topic_ids=absorbed)
        if source:
            return Continuity(cluster.cluster_id, topic_id, "split", from_topic_ids=(source,))
        return Continuity(cluster.cluster_id, topic_id, "new")
    relation: Relation = "merged" if absorbed else "back" if known.age > 0 else "continued"
    return Continuity(
        cluster.cluster_id,
        topic_id,
        relation,
        known.run.run_id,
        known.cluster.cluster_id,
        len(np.intersect1d(cluster.trace_ids, known.cluster.trace_ids)),
        absorbed,
    )


def make_topic_id(scope: str, cluster: CurrentCluster) -> str:
    """Return the id of a topic that begins with a cluster: the same whenever the run is made again."""
    return str(uuid.uuid5(_TOPIC_NAMESPACE, f"{scope}:{cluster.trace_ids[0]}"))

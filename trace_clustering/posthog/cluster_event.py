"""The `$ai_trace_clusters` event as a value: built from artifacts, written as JSON."""

import json
import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC
from functools import cached_property
from typing import Any

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.topics import ClusterIdentities, ClusterMetrics, WindowAssignments
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.posthog.edits_in_event import describe_edits, list_edits
from trace_clustering.topics.unseen import estimate_unseen_share
from trace_clustering.traces.arrays import IntArray
from trace_clustering.traces.window import format_time

# Any fixed UUID would do. With another one, a run that is emitted again would get a second event.
_CLUSTER_EVENT_NAMESPACE = uuid.UUID("6f0b4c5e-7d0f-5b0a-9d53-0c2b3a4e5f61")

_EVENT_DECIMALS = 6


def identify_event(team_id: int, run_id: str) -> uuid.UUID:
    """Return the uuid of the event of a run."""
    return uuid.uuid5(_CLUSTER_EVENT_NAMESPACE, f"{team_id}:{run_id}")


@dataclass(frozen=True)
class TraceClusterMetadata:
    """One trace in the event.

    `distance_to_centroid` is measured in the clustering space; for noise, to the nearest centroid. Rank 0 is
    the trace nearest to the centroid; for noise, the trace farthest from every centroid. `x` and `y` are its
    place on the map. `timestamp` (ISO 8601) is when the trace began, or else the time of its embedding.
    """

    distance_to_centroid: float
    rank: int
    x: float
    y: float
    timestamp: str


@dataclass(frozen=True)
class ClusterData:
    """One cluster in the event.

    `size` is the number of its members. `traces` lists them by trace id: all, or at most
    `max_traces_per_cluster`. `centroid` is the mean of the members in the clustering space, of length r, and
    empty for noise; `centroid_x` and `centroid_y` are their mean on the map. `label_accuracy` is the share of
    held-out members that a model assigned to the cluster by its label, None if labels were not verified.
    `label_from_run` is the earlier run that made the label, None if this one did, and `label_terms` are the
    terms that set the cluster apart when the label was made.
    `weight` is the number of traces for which its members stand, more than `size` if duplicates were folded.
    `stability` says how likely another run finds the members together, from 0 to 1, None if unknown.
    `topic_id` is the identity that the cluster keeps from run to run, `continuity` says where it comes from,
    `change` how its share of the traffic changes, and `metrics` what its traces cost and how they fare, over
    all traces of the window that belong to it. `parents` names the groups of clusters that it belongs to, the
    narrower first. `edits` names what of the team's file of topics was obeyed; what is `ignored` is in no
    news. Noise has no topic.
    """

    cluster_id: int
    size: int
    title: str
    description: str
    traces: dict[str, TraceClusterMetadata]
    centroid: list[float]
    centroid_x: float
    centroid_y: float
    labeler: str
    label_accuracy: float | None
    label_from_run: str | None
    label_terms: list[str]
    stability: float | None
    weight: int
    topic_id: str | None
    continuity: dict[str, Any] | None
    edits: list[str]
    ignored: bool
    change: dict[str, Any] | None
    metrics: dict[str, Any] | None
    parents: list[dict[str, Any]]


@dataclass(frozen=True)
class ClusterEvent:
    """Content of the event.

    Attributes
    ----------
    provenance : Provenance
    params : dict
        The settings that made the clusters, and what the clustering chose by itself.
    clusters : list of ClusterData
        In ascending order of their ids, noise last.
    labeling : dict
        How the labels were made: model, requests, tokens, cost.
    coverage : dict
        How many traces there are at each stage, from the window to the clusters.
    gone_topics : list of dict
        The topics of the run before that no cluster continues.
    version : int
        Version of the run's rows in the tables of centroids and of assignments; 0 if there are none.
    parents : list of dict
        The groups of clusters, the narrower level first.
    unseen : dict or None
        Share of the traffic that is of kinds not seen yet, with bounds; None if unknown.
    edits : dict
        What was read in the team's file of topics: the `digests` of the state that clusters, identities and
        labels obeyed, and `unknown_topics`; empty if it says nothing.
    """

    provenance: Provenance
    params: dict[str, Any]
    clusters: list[ClusterData]
    labeling: dict[str, Any]
    coverage: dict[str, int] = field(default_factory=dict)
    gone_topics: list[dict[str, Any]] = field(default_factory=list)
    version: int = 0
    parents: list[dict[str, Any]] = field(default_factory=list)
    unseen: dict[str, float] | None = None
    edits: dict[str, Any] = field(default_factory=dict)

    @property
    def event_uuid(self) -> uuid.UUID:
        """Identity of the event: the same for every attempt to emit the same team and run."""
        return identify_event(self.provenance.team_id, self.provenance.run_id)

    @property
    def labeler(self) -> str:
        """The labeler of most clusters; on ties, the first in the alphabet; empty without clusters."""
        labelers = [cluster.labeler for cluster in self.clusters]
        return max(sorted(set(labelers)), key=labelers.count, default="")

    @cached_property
    def json_text(self) -> str:
        """The event's properties as JSON, without NaN or infinity; up to 16 MB, so it is written once."""
        shortage = self.provenance.shortage
        return json.dumps(
            {
                "$ai_clustering_run_id": self.provenance.run_id,
                "$ai_clustering_level": "trace",
                "$ai_window_start": format_time(self.provenance.window.start),
                "$ai_window_end": format_time(self.provenance.window.end),
                "$ai_total_items_analyzed": sum(cluster.size for cluster in self.clusters),
                "$ai_clustering_params": self.params,
                "$ai_clustering_labeler": self.labeler,
                "$ai_clustering_labeling": self.labeling,
                "$ai_clustering_coverage": self.coverage,
                "$ai_clustering_gone_topics": self.gone_topics,
                "$ai_clustering_assignments": {"version": self.version} if self.version else None,
                "$ai_clustering_parents": self.parents,
                "$ai_clustering_unseen": self.unseen,
                "$ai_clustering_edits": self.edits,
                **({"$ai_clustering_shortage": shortage} if shortage else {}),
                "$ai_clusters": [asdict(cluster) for cluster in self.clusters],
            },
            allow_nan=False,
            ensure_ascii=False,
        )


@dataclass(frozen=True, eq=False)
class Topics:
    """What an event tells of clusters beyond the sample that was clustered."""

    identities: ClusterIdentities
    window: WindowAssignments
    metrics: ClusterMetrics


def build_cluster_event(
    assignments: ClusterAssignments,
    projection: Projection2D,
    labels: ClusterLabels,
    topics: Topics,
    params: dict[str, Any],
    max_traces_per_cluster: int = 0,
) -> ClusterEvent:
    """Build the event from what the assets made.

    A cluster with more than `max_traces_per_cluster` members lists half that many with the lowest ranks and
    half with the highest; 0 lists all.
    """
    times = _choose_times(assignments)
    label_rows = {int(cluster): row for row, cluster in enumerate(labels.cluster_ids)}
    clusters = []
    for position, cluster_id in enumerate(projection.clusters):
        members = assignments.rank_members(cluster_id)
        traces = {
            str(assignments.trace_ids[row]): TraceClusterMetadata(
                distance_to_centroid=_round(assignments.distances_to_centroid[row]),
                rank=rank,
                x=_round(projection.coordinates[row, 0]),
                y=_round(projection.coordinates[row, 1]),
                timestamp=times[row],
            )
            for rank, row in _select_traces_to_list(members, max_traces_per_cluster)
        }
        x, y = projection.centroid_coordinates[position]
        is_noise = cluster_id == NOISE_CLUSTER_ID
        label = label_rows[cluster_id]
        accuracy = labels.accuracies[label]
        clusters.append(
            ClusterData(
                cluster_id=cluster_id,
                size=len(members),
                title=labels.titles[label],
                description=labels.descriptions[label],
                traces=traces,
                centroid=[] if is_noise else [_round(v) for v in assignments.centroids[cluster_id]],
                centroid_x=_round(x),
                centroid_y=_round(y),
                labeler=labels.labelers[label],
                label_accuracy=None if np.isnan(accuracy) else round(float(accuracy), 4),
                label_from_run=labels.label_from_runs[label] or None if labels.label_from_runs else None,
                label_terms=labels.label_terms[label] if labels.label_terms else [],
                stability=assignments.stability(cluster_id),
                weight=int(assignments.weights[members].sum()),
                **_describe_topic(cluster_id, topics.identities),
                edits=list_edits(cluster_id, topics.identities, is_renamed=labels.labelers[label] == "user"),
                ignored=cluster_id in topics.identities.list_ignored(),
                parents=_list_parents(cluster_id, labels),
                **_describe_figures(cluster_id, topics.metrics),
            )
        )
    return ClusterEvent(
        projection.provenance,
        params,
        clusters,
        labels.labeling,
        coverage=topics.window.coverage,
        gone_topics=[
            {**gone, "change": topics.metrics.gone_changes.get(gone["topic_id"])}
            for gone in topics.identities.gone
        ],
        version=topics.window.version,
        parents=labels.parents,
        unseen=_describe_unseen(assignments),
        edits=describe_edits(assignments, topics.identities, labels),
    )


def _describe_unseen(assignments: ClusterAssignments) -> dict[str, float] | None:
    """Return the share of the traffic that is of kinds not seen yet; None if it is unknown."""
    if not assignments.rare_kinds:
        return None
    found = estimate_unseen_share(len(assignments), **assignments.rare_kinds)
    return {name: round(value, 4) for name, value in found._asdict().items()}


def _describe_topic(cluster_id: int, identities: ClusterIdentities) -> dict[str, Any]:
    """Return the identity of a cluster as the event tells it; noise has none."""
    if cluster_id == NOISE_CLUSTER_ID:
        return {"topic_id": None, "continuity": None}
    (row,) = np.flatnonzero(identities.cluster_ids == cluster_id)
    continuity: dict[str, Any] = {"relation": identities.relations[row]}
    if identities.earlier_run_ids[row]:
        continuity |= {
            "earlier_run_id": identities.earlier_run_ids[row],
            "earlier_cluster_id": int(identities.earlier_cluster_ids[row]),
            "shared_traces": int(identities.shared_traces[row]),
        }
    if identities.from_topic_ids and identities.from_topic_ids[row]:
        continuity["from_topic_ids"] = identities.from_topic_ids[row]
    return {"topic_id": identities.topic_ids[row], "continuity": continuity}


def _list_parents(cluster_id: int, labels: ClusterLabels) -> list[dict[str, Any]]:
    """Return the groups that hold a cluster, the narrower first; noise is in none."""
    return [
        {key: parent[key] for key in ("id", "title", "level")}
        for parent in labels.parents
        if cluster_id in parent["clusters"]
    ]


def _describe_figures(cluster_id: int, metrics: ClusterMetrics) -> dict[str, Any]:
    """Return the change and the metrics of a cluster as the event tells them, None where nothing is known."""
    rows = np.flatnonzero(metrics.cluster_ids == cluster_id)
    if len(rows) == 0:
        return {"change": None, "metrics": None}
    return {"change": metrics.changes[rows[0]] or None, "metrics": metrics.metrics[rows[0]] or None}


def _select_traces_to_list(members: IntArray, max_traces: int) -> list[tuple[int, int]]:
    """Return rank and row of the listed members; if `max_traces` is odd, the low ranks get the extra one."""
    ranked = list(enumerate(members.tolist()))
    if max_traces == 0 or len(ranked) <= max_traces:
        return ranked
    n_high = max_traces // 2
    return ranked[: max_traces - n_high] + ranked[len(ranked) - n_high :]


def _round(value: Any) -> float:  # noqa: ANN401 - any numpy scalar
    return round(float(value), _EVENT_DECIMALS)


def _choose_times(assignments: ClusterAssignments) -> list[str]:
    """Return when each trace began, or else the time of its embedding, as ISO 8601 text."""
    embedded = assignments.timestamps.astype("datetime64[us]")
    times = np.where(np.isnat(assignments.trace_times), embedded, assignments.trace_times)
    return [format_time(moment.replace(tzinfo=UTC)) for moment in times.tolist()]

"""The `$ai_trace_clusters` event as a value, written as JSON."""

import json
import uuid
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.traces.window import format_time

# Any fixed UUID would do. With another one, a run that is emitted again would get a second event.
_CLUSTER_EVENT_NAMESPACE = uuid.UUID("6f0b4c5e-7d0f-5b0a-9d53-0c2b3a4e5f61")


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

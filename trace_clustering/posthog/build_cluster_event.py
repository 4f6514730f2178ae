"""Builds the `$ai_trace_clusters` event from what the assets made."""

from dataclasses import dataclass
from datetime import UTC
from typing import Any

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.topics import ClusterIdentities, ClusterMetrics, WindowAssignments
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.posthog.cluster_event import ClusterData, ClusterEvent, TraceClusterMetadata
from trace_clustering.posthog.edits_in_event import describe_edits, list_edits
from trace_clustering.topics.unseen import estimate_unseen_share
from trace_clustering.traces.arrays import IntArray
from trace_clustering.traces.window import format_time

_EVENT_DECIMALS = 6


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

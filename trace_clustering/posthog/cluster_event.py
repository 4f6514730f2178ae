"""The `$ai_trace_clusters` event as a value: built from artifacts, written as JSON."""

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC
from functools import cached_property
from typing import Any

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.traces.arrays import IntArray
from trace_clustering.traces.window import iso_time

# Namespace of the event ids; any fixed UUID would do.
_NAMESPACE = uuid.UUID("6f0b4c5e-7d0f-5b0a-9d53-0c2b3a4e5f61")

_DECIMALS = 6


@dataclass(frozen=True)
class TraceClusterMetadata:
    """One trace in the event.

    `distance_to_centroid` is measured in the clustering space, for noise to the nearest centroid. Rank 0 is
    the trace nearest to its centroid, for noise the most anomalous one. `timestamp` is ISO 8601.
    """

    distance_to_centroid: float
    rank: int
    x: float
    y: float
    timestamp: str


@dataclass(frozen=True)
class ClusterData:
    """One cluster in the event.

    `size` is the number of its traces, of which `traces` lists all, or with `max_traces_per_cluster` some.
    `centroid` lies in the clustering space and is empty for noise. `label_accuracy` is the share of held-out
    members that a model assigned to the cluster by its label, None where labels were not verified.
    `stability` is how likely the members are to be found together again, from 0 to 1, None where unknown.
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
    stability: float | None


@dataclass(frozen=True)
class ClusterEvent:
    """Everything the event says.

    Attributes
    ----------
    provenance : Provenance
    params : dict
        The settings that made the clusters, as far as the event reports them.
    clusters : list of ClusterData
        In ascending order of their ids, noise last.
    labeling : dict
        How the labels came about.
    """

    provenance: Provenance
    params: dict[str, Any]
    clusters: list[ClusterData]
    labeling: dict[str, Any]

    @property
    def event_uuid(self) -> uuid.UUID:
        """Identity of the event: the same for every attempt to emit the same team and run."""
        return uuid.uuid5(_NAMESPACE, f"{self.provenance.team_id}:{self.provenance.run_id}")

    @property
    def labeler(self) -> str:
        """What made most labels."""
        labelers = [cluster.labeler for cluster in self.clusters]
        return max(sorted(set(labelers)), key=labelers.count)

    @cached_property
    def json_text(self) -> str:
        """The event's properties as JSON, without NaN or infinity; up to 16 MB, so it is written once."""
        return json.dumps(
            {
                "$ai_clustering_run_id": self.provenance.run_id,
                "$ai_clustering_level": "trace",
                "$ai_window_start": iso_time(self.provenance.window.start),
                "$ai_window_end": iso_time(self.provenance.window.end),
                "$ai_total_items_analyzed": sum(cluster.size for cluster in self.clusters),
                "$ai_clustering_params": self.params,
                "$ai_clustering_labeler": self.labeler,
                "$ai_clustering_labeling": self.labeling,
                "$ai_clusters": [asdict(cluster) for cluster in self.clusters],
            },
            allow_nan=False,
            ensure_ascii=False,
        )


def build_cluster_event(
    assignments: ClusterAssignments,
    projection: Projection2D,
    labels: ClusterLabels,
    params: dict[str, Any],
    max_traces_per_cluster: int = 0,
) -> ClusterEvent:
    """Put together what the assets made; clusters in ascending order, noise last.

    Of more than `max_traces_per_cluster` traces a cluster lists those with the lowest ranks and those with
    the highest, half of each; with 0 it lists all.

    A trace's time is when the trace began if that is known, else the time of its embedding.
    """
    times = _event_times(assignments)
    label_rows = {int(cluster): row for row, cluster in enumerate(labels.cluster_ids)}
    clusters = []
    for position, cluster_id in enumerate(projection.clusters):
        members = assignments.ranked_members(cluster_id)
        traces = {
            str(assignments.trace_ids[row]): TraceClusterMetadata(
                distance_to_centroid=_round(assignments.distances_to_centroid[row]),
                rank=rank,
                x=_round(projection.coordinates[row, 0]),
                y=_round(projection.coordinates[row, 1]),
                timestamp=times[row],
            )
            for rank, row in _select_listed(members, max_traces_per_cluster)
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
                stability=assignments.stability(cluster_id),
            )
        )
    return ClusterEvent(projection.provenance, params, clusters, labels.labeling)


def _select_listed(members: IntArray, most: int) -> list[tuple[int, int]]:
    """Return rank and row of the listed members; the low ranks get the extra one if `most` is odd."""
    ranked = list(enumerate(members.tolist()))
    if most == 0 or len(ranked) <= most:
        return ranked
    return ranked[: most - most // 2] + ranked[len(ranked) - most // 2 :]


def _round(value: Any) -> float:  # noqa: ANN401 - any numpy scalar
    return round(float(value), _DECIMALS)


def _event_times(assignments: ClusterAssignments) -> list[str]:
    """Return the time of each trace as ISO 8601 text."""
    embedded = assignments.timestamps.astype("datetime64[us]")
    times = np.where(np.isnat(assignments.trace_times), embedded, assignments.trace_times)
    return [iso_time(moment.replace(tzinfo=UTC)) for moment in times.tolist()]

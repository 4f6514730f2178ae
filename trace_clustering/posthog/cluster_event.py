"""The `$ai_trace_clusters` event as a value: built from artifacts, written as JSON."""

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.traces.arrays import IntArray
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.window import iso_time

# Namespace of the event ids; any fixed UUID would do.
_NAMESPACE = uuid.UUID("6f0b4c5e-7d0f-5b0a-9d53-0c2b3a4e5f61")

_REPORTED_SETTINGS = (
    "clustering_method",
    "clustering_method_params",
    "embedding_normalization",
    "dimensionality_reduction_method",
    "dimensionality_reduction_ndims",
    "visualization_method",
    "max_samples",
    "trace_filters",
)
# Reported where it is set.
_CAP = "max_traces_per_cluster"
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
    `stability` is how surely the members are found together again, from 0 to 1, None where that is unknown.
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
    """Everything the event says."""

    provenance: Provenance
    clusters: list[ClusterData]
    labeling: dict[str, Any]

    @property
    def uuid(self) -> uuid.UUID:
        """Identity of the event: the same for every attempt to emit the same team and run."""
        return uuid.uuid5(_NAMESPACE, f"{self.provenance.team_id}:{self.provenance.run_id}")

    @property
    def labeler(self) -> str:
        """What made most labels."""
        labelers = [cluster.labeler for cluster in self.clusters]
        return max(sorted(set(labelers)), key=labelers.count)

    def properties(self) -> str:
        """Return the event's properties as JSON text, without NaN or infinity."""
        settings = self.provenance.settings
        reported = (*_REPORTED_SETTINGS, _CAP) if settings[_CAP] else _REPORTED_SETTINGS
        return json.dumps(
            {
                "$ai_clustering_run_id": self.provenance.run_id,
                "$ai_clustering_level": "trace",
                "$ai_window_start": iso_time(self.provenance.window.start),
                "$ai_window_end": iso_time(self.provenance.window.end),
                "$ai_total_items_analyzed": sum(cluster.size for cluster in self.clusters),
                "$ai_clustering_params": {name: settings[name] for name in reported},
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
    summaries: dict[str, TraceSummary],
    max_traces_per_cluster: int = 0,
) -> ClusterEvent:
    """Put together what the assets made; clusters in ascending order, noise last.

    Of more than `max_traces_per_cluster` traces a cluster lists those with the lowest ranks and those with
    the highest, half of each; with 0 it lists all.

    A trace's time is that of its first event where its summary knows it, else the time of its embedding.
    """
    times = [
        _trace_time(summaries.get(trace_id), embedded.astype("datetime64[ms]").item())
        for trace_id, embedded in zip(assignments.trace_ids, assignments.timestamps, strict=True)
    ]
    label_rows = {int(cluster): row for row, cluster in enumerate(labels.cluster_ids)}
    clusters = []
    for position, cluster_id in enumerate(projection.cluster_ids):
        members = assignments.ranked_members(cluster_id)
        is_noise = cluster_id == NOISE_CLUSTER_ID
        traces = {
            str(assignments.trace_ids[row]): TraceClusterMetadata(
                distance_to_centroid=_number(assignments.distances_to_centroid[row]),
                rank=rank,
                x=_number(projection.coordinates[row, 0]),
                y=_number(projection.coordinates[row, 1]),
                timestamp=times[row],
            )
            for rank, row in _listed(members, max_traces_per_cluster)
        }
        x, y = projection.centroid_coordinates[position]
        label = label_rows[cluster_id]
        clusters.append(
            ClusterData(
                cluster_id=cluster_id,
                size=len(members),
                title=labels.titles[label],
                description=labels.descriptions[label],
                traces=traces,
                centroid=[] if is_noise else [_number(v) for v in assignments.centroids[cluster_id]],
                centroid_x=_number(x),
                centroid_y=_number(y),
                labeler=labels.labelers[label],
                label_accuracy=_known(labels.accuracies[label]),
                stability=assignments.stability(cluster_id),
            )
        )
    provenance = projection.provenance.with_settings({_CAP: max_traces_per_cluster})
    return ClusterEvent(provenance, clusters, labels.labeling)


def _listed(members: IntArray, most: int) -> list[tuple[int, int]]:
    """Return rank and row of the members that a cluster lists; of an odd number one more with a low rank."""
    ranked = list(enumerate(members.tolist()))
    if most == 0 or len(ranked) <= most:
        return ranked
    return ranked[: most - most // 2] + ranked[len(ranked) - most // 2 :]


def _number(value: Any) -> float:  # noqa: ANN401 - any numpy scalar
    return round(float(value), _DECIMALS)


def _known(share: Any) -> float | None:  # noqa: ANN401 - any numpy scalar
    return None if np.isnan(share) else round(float(share), 4)


def _trace_time(summary: TraceSummary | None, embedded: datetime) -> str:
    if summary and summary["trace_timestamp"]:
        try:
            moment = datetime.fromisoformat(summary["trace_timestamp"])
            return iso_time(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            return iso_time(embedded.replace(tzinfo=UTC))
    return iso_time(embedded.replace(tzinfo=UTC))

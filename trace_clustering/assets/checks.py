"""Asset checks: they warn about a materialization that somebody should look at, and never stop a run."""

from typing import Any

import dagster as dg

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels
from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.constants import DEGENERATE_DOMINANT_CLUSTER_FRACTION, NOISE_CLUSTER_ID


def clusters_found(assignments: ClusterAssignments) -> dg.AssetCheckResult:
    """Pass if there are two clusters or more, and neither noise nor one cluster holds 70 % of the traces."""
    healthy = (
        len(assignments.centroids) >= 2
        and max(assignments.noise_share, assignments.largest_cluster_share)
        < DEGENERATE_DOMINANT_CLUSTER_FRACTION
    )
    return _warn_unless(
        healthy or bool(assignments.provenance.shortage),
        **measure_clusters(assignments),
    )


def measure_clusters(assignments: ClusterAssignments) -> dict[str, Any]:
    """Return the number of clusters, and the shares of noise and of the largest cluster, as metadata."""
    return {
        "clusters": len(assignments.centroids),
        "noise_share": round(assignments.noise_share, 4),
        "largest_cluster_share": round(assignments.largest_cluster_share, 4),
    }


def titles_distinct(labels: ClusterLabels) -> dg.AssetCheckResult:
    """Pass if no two clusters have the same title."""
    titles = [title.casefold() for title in labels.titles]
    return _warn_unless(
        len(set(titles)) == len(titles),
        repeated=sorted({title for title in titles if titles.count(title) > 1}),
    )


def clusters_named(labels: ClusterLabels) -> dg.AssetCheckResult:
    """Pass if every cluster, apart from noise, has a title by the agent or of its own terms."""
    is_nameless = (labels.labelers == "fallback") & (labels.cluster_ids != NOISE_CLUSTER_ID)
    return _warn_unless(
        not is_nameless.any(),
        without_a_name=labels.cluster_ids[is_nameless].tolist(),
        ended=labels.labeling.get("ended", ""),
    )


def event_reads_back(receipt: EventReceipt) -> dg.AssetCheckResult:
    """Pass if ClickHouse returned the event exactly as it was built, or if there was no event to write."""
    return _warn_unless(receipt.reads_back)


def _warn_unless(passed: bool, **metadata: Any) -> dg.AssetCheckResult:  # noqa: ANN401 - as Dagster takes it
    return dg.AssetCheckResult(passed=bool(passed), severity=dg.AssetCheckSeverity.WARN, metadata=metadata)

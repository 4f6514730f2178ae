"""Asset checks: what a glance at a materialization should tell. They warn and never stop a run."""

import json
from typing import Any

import dagster as dg

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels
from trace_clustering.constants import DEGENERATE_DOMINANT_CLUSTER_FRACTION, NOISE_CLUSTER_ID
from trace_clustering.posthog.cluster_event import ClusterEvent


def clusters_found(assignments: ClusterAssignments) -> dg.AssetCheckResult:
    """Pass if there are at least two clusters and neither noise nor one cluster holds nearly everything."""
    healthy = (
        len(assignments.centroids) >= 2
        and max(assignments.noise_share, assignments.largest_cluster_share)
        < DEGENERATE_DOMINANT_CLUSTER_FRACTION
    )
    return dg.AssetCheckResult(
        check_name="clusters_found",
        passed=healthy or bool(assignments.provenance.shortage),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "clusters": len(assignments.centroids),
            "noise_share": round(assignments.noise_share, 4),
            "largest_cluster_share": round(assignments.largest_cluster_share, 4),
        },
    )


def titles_distinct(labels: ClusterLabels) -> dg.AssetCheckResult:
    """Pass if no two clusters have the same title."""
    titles = [title.casefold() for title in labels.titles]
    return dg.AssetCheckResult(
        check_name="titles_distinct",
        passed=len(set(titles)) == len(titles),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"repeated": sorted({title for title in titles if titles.count(title) > 1})},
    )


def clusters_named(labels: ClusterLabels) -> dg.AssetCheckResult:
    """Pass if every cluster but noise has a title that somebody or its own words gave it."""
    nameless = labels.cluster_ids[(labels.labelers == "fallback") & (labels.cluster_ids != NOISE_CLUSTER_ID)]
    return dg.AssetCheckResult(
        check_name="clusters_named",
        passed=len(nameless) == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"without_a_name": nameless.tolist(), "ended": labels.labeling.get("ended", "")},
    )


def event_reads_back(event: ClusterEvent | None, stored: dict[str, Any] | None) -> dg.AssetCheckResult:
    """Pass if ClickHouse returns the event exactly as it was built, or if there was none to write."""
    expected = json.loads(event.properties()) if event else None
    return dg.AssetCheckResult(
        check_name="event_reads_back", passed=stored == expected, severity=dg.AssetCheckSeverity.WARN
    )

from typing import Any

import dagster as dg
import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.topics import ClusterIdentities, ClusterMetrics, WindowAssignments
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.assets.changes import find_changes_of_run
from trace_clustering.clickhouse.cluster_metrics import METRIC_NAMES, NO_EVENTS, measure_clusters
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.errors import TraceClusteringError
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.processes.clock import StepClock


@clustering_asset(
    makes=ClusterMetrics,
    kinds={"clickhouse"},
    code_version="2",
    retry_policy=THREE_ATTEMPTS,
)
def cluster_metrics(
    context: dg.AssetExecutionContext,
    settings: ClusteringSettings,
    clickhouse: ClickHouse,
    cluster_assignments: ClusterAssignments,
    cluster_identities: ClusterIdentities,
    window_assignments: WindowAssignments,
) -> dg.MaterializeResult[ClusterMetrics]:
    """What the traces of each cluster cost, how they fare, and how the cluster changes."""
    provenance = window_assignments.provenance.with_settings(settings.of_stage("cluster_metrics"))
    clusters = [*cluster_identities.cluster_ids.tolist(), NOISE_CLUSTER_ID]
    counted = {
        cluster: int(window_assignments.traces[window_assignments.cluster_ids == cluster].sum())
        for cluster in clusters
    }
    clock = StepClock(settings.compute_timeout(sum(counted.values())))
    measured, fault = _measure(context, clickhouse, window_assignments, clock)
    unknown = dict.fromkeys(METRIC_NAMES) if fault else NO_EVENTS
    with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
        changes = find_changes_of_run(session, cluster_assignments, cluster_identities, window_assignments)
    context.log.info(f"Measured {len(measured)} of {len(clusters)} clusters")
    return dg.MaterializeResult(
        value=ClusterMetrics(
            provenance=provenance,
            cluster_ids=np.array(clusters, dtype=np.int64),
            metrics=[
                {"item_count": counted[cluster], **measured.get(cluster, unknown)} for cluster in clusters
            ],
            changes=[changes.of_clusters[cluster] for cluster in clusters],
            gone_changes=changes.of_gone_topics,
        ),
        metadata={
            "clusters": len(clusters),
            "kinds": changes.count_kinds(),
            "earlier_runs": changes.earlier_runs,
            **({"not_measured": fault} if fault else {}),
        },
    )


def _measure(
    context: dg.AssetExecutionContext, clickhouse: ClickHouse, window: WindowAssignments, clock: StepClock
) -> tuple[dict[int, dict[str, Any]], str]:
    """Return the metrics by cluster, or why there are none: a run does not fail for want of figures."""
    provenance = window.provenance
    if not window.version:
        return {}, "the traces of the window are not in the table of assignments"
    try:
        with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
            return measure_clusters(session, provenance.run_id, window.version, provenance.window), ""
    except TraceClusteringError as error:
        if error.retryable and context.retry_number < THREE_ATTEMPTS.max_retries:
            raise
        context.log.warning(f"The clusters have no figures: {error}")
        return {}, str(error)

import dagster as dg
import numpy as np

from trace_clustering.artifacts.topics import ClusterIdentities, ClusterMetrics, WindowAssignments
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.assets.changes import describe_changes
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.orchestration.settings import ClusteringSettings


@clustering_asset(
    makes=ClusterMetrics,
    kinds={"clickhouse"},
    code_version="2",
    retry_policy=THREE_ATTEMPTS,
)
def cluster_metrics(
    context: dg.AssetExecutionContext,
    settings: ClusteringSettings,
    clickhouse: ClickHouse,  # noqa: ARG001
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
    changes = describe_changes(cluster_identities, window_assignments)
    context.log.info(f"Measured {len(clusters)} clusters")
    return dg.MaterializeResult(
        value=ClusterMetrics(
            provenance=provenance,
            cluster_ids=np.array(clusters, dtype=np.int64),
            metrics=[{"item_count": counted[cluster]} for cluster in clusters],
            changes=[changes[cluster] for cluster in clusters],
        ),
        metadata={"clusters": len(clusters)},
    )

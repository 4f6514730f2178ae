import dagster as dg

from trace_clustering.artifacts import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.assets.checks import titles_distinct
from trace_clustering.assets.conventions import TWO_ATTEMPTS, clustering_asset, require_same_clusters
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.constants import LLM_ACTIVITY_TIMEOUT
from trace_clustering.labeling.labels import generate_cluster_labels


@clustering_asset(
    kinds={"python", "clickhouse"},
    code_version="1",
    retry_policy=TWO_ATTEMPTS,
    checks=["titles_distinct"],
)
def cluster_labels(
    context: dg.AssetExecutionContext,
    clickhouse: ClickHouse,
    cluster_assignments: ClusterAssignments,
    projection_2d: Projection2D,
) -> dg.MaterializeResult[ClusterLabels]:
    """A title and a description for every cluster, written so that siblings are told apart."""
    require_same_clusters(cluster_assignments, projection_2d)
    provenance = projection_2d.provenance
    if provenance.shortage:
        empty = ClusterLabels.empty(provenance)
        return dg.MaterializeResult(value=empty, check_results=[titles_distinct(empty)])
    with clickhouse.for_team(provenance.team_id, timeout_seconds=LLM_ACTIVITY_TIMEOUT) as session:
        summaries = fetch_trace_summaries(
            session,
            provenance.window,
            cluster_assignments.trace_ids,
            cluster_assignments.batch_run_ids,
        )
    context.log.info(
        f"Labeling {len(projection_2d.cluster_ids)} clusters by keywords, from {len(summaries)} summaries"
    )
    labels = generate_cluster_labels(cluster_assignments, summaries)
    return dg.MaterializeResult(
        value=labels,
        metadata={
            "clusters": len(labels.cluster_ids),
            "summaries": len(summaries),
            "labelers": {name: list(labels.labelers).count(name) for name in sorted(set(labels.labelers))},
            "labels": _table(labels),
        },
        check_results=[titles_distinct(labels)],
    )


def _table(labels: ClusterLabels) -> dg.TableMetadataValue:
    total = int(labels.sizes.sum())
    rows = zip(labels.cluster_ids, labels.sizes, labels.titles, labels.descriptions, strict=True)
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "cluster": int(cluster),
                    "title": title,
                    "traces": int(size),
                    "share": round(int(size) / total, 4),
                    "description": description,
                }
            )
            for cluster, size, title, description in rows
        ]
    )

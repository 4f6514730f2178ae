import dagster as dg
import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.io_manager import ArtifactIOManager
from trace_clustering.assets.asset import TWO_ATTEMPTS, clustering_asset
from trace_clustering.assets.checks import clusters_named, titles_distinct
from trace_clustering.assets.consistency import require_same_clusters
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.labeling.agent.run import Attempt
from trace_clustering.labeling.label import label_clusters
from trace_clustering.labeling.resource import LLM
from trace_clustering.orchestration.team_settings import load_llm_of_team
from trace_clustering.processes.clock import StepClock


@clustering_asset(
    makes=ClusterLabels,
    kinds={"python", "clickhouse", "openai"},
    code_version="4",
    retry_policy=TWO_ATTEMPTS,
    checks=[titles_distinct, clusters_named],
)
def cluster_labels(
    context: dg.AssetExecutionContext,
    clickhouse: ClickHouse,
    llm: LLM,
    io_manager: dg.ResourceParam[ArtifactIOManager],
    cluster_assignments: ClusterAssignments,
    projection_2d: Projection2D,
) -> dg.MaterializeResult[ClusterLabels]:
    """A title and a description for each cluster, by a language model that compares the clusters.

    Without a model, a title is the words that set the cluster apart from the others.
    """
    provenance = projection_2d.provenance
    llm = llm.resolve(load_llm_of_team(provenance.team_id))
    clock = StepClock(llm.step_timeout())
    require_same_clusters(cluster_assignments, projection_2d)
    with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
        summaries = fetch_trace_summaries(
            session, provenance.window, cluster_assignments.trace_ids, cluster_assignments.batch_run_ids
        )
    result = label_clusters(
        cluster_assignments,
        projection_2d,
        summaries,
        llm=llm,
        base=io_manager.base,
        attempt=Attempt(
            is_first=context.retry_number == 0, is_last=context.retry_number >= TWO_ATTEMPTS.max_retries
        ),
        clock=clock,
        log=context.log,
    )
    labels = result.labels
    labelers = {name: list(labels.labelers).count(name) for name in sorted(set(labels.labelers))}
    context.log.info(
        f"{len(labels.cluster_ids)} clusters are labelled by {', '.join(labelers)}, from {len(summaries)} "
        f"summaries: {labels.labeling['ended']}"
    )
    return dg.MaterializeResult(
        value=labels,
        metadata={
            "clusters": len(labels.cluster_ids),
            "labels": _tabulate_labels(labels, cluster_assignments),
            "summaries": len(summaries),
            "labelers": labelers,
            "labeling": labels.labeling,
            "labels_reused": result.labels_reused,
        },
    )


def _tabulate_labels(labels: ClusterLabels, assignments: ClusterAssignments) -> dg.TableMetadataValue:
    total = int(labels.sizes.sum())
    stabilities = [assignments.stability(int(cluster)) for cluster in labels.cluster_ids]
    measured = any(stability is not None for stability in stabilities)
    verified = not np.isnan(labels.accuracies).all()
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "cluster": int(cluster),
                    "title": title,
                    "traces": int(size),
                    "share": round(int(size) / total, 4),
                    **({"stability": "" if stability is None else f"{stability:.0%}"} if measured else {}),
                    "labeler": labeler,
                    **({"accuracy": "" if np.isnan(accuracy) else f"{accuracy:.0%}"} if verified else {}),
                    "description": description,
                }
            )
            for cluster, size, title, description, stability, labeler, accuracy in zip(
                labels.cluster_ids,
                labels.sizes,
                labels.titles,
                labels.descriptions,
                stabilities,
                labels.labelers,
                labels.accuracies,
                strict=True,
            )
        ]
    )

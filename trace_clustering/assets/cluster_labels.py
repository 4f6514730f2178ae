from dataclasses import replace

import dagster as dg

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.io_manager import ArtifactIOManager
from trace_clustering.artifacts.topics import ClusterIdentities
from trace_clustering.assets.asset import TWO_ATTEMPTS, clustering_asset
from trace_clustering.assets.checks import clusters_named, titles_distinct
from trace_clustering.assets.edits import find_renamed
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.labeling.agent.run import Attempt
from trace_clustering.labeling.label import label_clusters
from trace_clustering.llm.resource import LLM
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.orchestration.team_settings import load_llm_of_team
from trace_clustering.orchestration.topic_edits import load_edits_of_team
from trace_clustering.processes.clock import StepClock
from trace_clustering.reports.labels_table import tabulate_labels, tabulate_parents


@clustering_asset(
    makes=ClusterLabels,
    kinds={"python", "clickhouse", "openai"},
    code_version="6",
    retry_policy=TWO_ATTEMPTS,
    checks=[titles_distinct, clusters_named],
)
def cluster_labels(
    context: dg.AssetExecutionContext,
    settings: ClusteringSettings,
    clickhouse: ClickHouse,
    llm: LLM,
    io_manager: dg.ResourceParam[ArtifactIOManager],
    cluster_assignments: ClusterAssignments,
    projection_2d: Projection2D,
    cluster_identities: ClusterIdentities,
) -> dg.MaterializeResult[ClusterLabels]:
    """A title and a description for each cluster, by a language model that compares the clusters.

    Without a model, a title is the words that set the cluster apart from the others; what goes on keeps its
    label.
    """
    provenance = projection_2d.provenance
    llm = llm.resolve(load_llm_of_team(provenance.team_id))
    edits = load_edits_of_team(provenance.team_id)
    clock = StepClock(llm.step_timeout())
    with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
        summaries = fetch_trace_summaries(
            session, provenance.window, cluster_assignments.trace_ids, cluster_assignments.batch_run_ids
        )
    result = label_clusters(
        cluster_assignments,
        projection_2d,
        summaries,
        parents=cluster_identities.parents,
        llm=llm,
        base=io_manager.base,
        attempt=Attempt(
            is_first=context.retry_number == 0, is_last=context.retry_number >= TWO_ATTEMPTS.max_retries
        ),
        clock=clock,
        log=context.log,
        identities=cluster_identities if settings.keep_labels else None,
        renamed=find_renamed(cluster_identities, edits),
    )
    labels = replace(
        result.labels,
        provenance=provenance.with_settings(settings.of_stage("cluster_labels")),
        edits={"digest": edits.digest} if edits.by_topic else {},
    )
    labelers = {name: list(labels.labelers).count(name) for name in sorted(set(labels.labelers))}
    context.log.info(
        f"{len(labels.cluster_ids)} clusters are labelled by {', '.join(labelers)} from {len(summaries)} "
        f"summaries, {labels.labeling['kept']} of them kept from earlier runs; {labels.labeling['ended']}"
    )
    return dg.MaterializeResult(
        value=labels,
        metadata={
            "clusters": labels.n_clusters,
            "labels": tabulate_labels(labels, cluster_assignments),
            "summaries": len(summaries),
            "labelers": labelers,
            **({"parents": tabulate_parents(labels)} if labels.parents else {}),
            "labeling": labels.labeling,
            "labels_reused": result.labels_reused,
        },
    )

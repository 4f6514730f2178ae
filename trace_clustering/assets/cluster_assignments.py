import dagster as dg
import numpy as np

from trace_clustering.algorithms.embedding_centroids import calculate_embedding_centroids
from trace_clustering.algorithms.quality.strangers import count_rare_kinds
from trace_clustering.algorithms.steps import ClusteringSpace, cluster_points
from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.traces import Embeddings, ReducedEmbeddings
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.assets.checks import clusters_found, measure_clusters
from trace_clustering.assets.earlier_runs import fetch_runs_to_continue
from trace_clustering.assets.edits import edit_clusters, keep_places, record_edits
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.constants import COMPUTE_ACTIVITY_TIMEOUT, NOISE_CLUSTER_ID
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.orchestration.topic_edits import load_edits_of_team
from trace_clustering.processes.clock import StepClock
from trace_clustering.processes.worker import run_with_deadline
from trace_clustering.topics.history import EarlierRun
from trace_clustering.topics.votes import list_votes


@clustering_asset(
    makes=ClusterAssignments,
    kinds={"python", "hdbscan", "scikitlearn"},
    code_version="8",
    retry_policy=THREE_ATTEMPTS,
    checks=[clusters_found],
)
def cluster_assignments(
    context: dg.AssetExecutionContext,
    settings: ClusteringSettings,
    clickhouse: ClickHouse,
    embeddings: Embeddings,
    reduced_embeddings: ReducedEmbeddings,
) -> dg.MaterializeResult[ClusterAssignments]:
    """The cluster id (-1 is noise), membership probability and distances of each trace; also centroids.

    The newest earlier run has a say in the clusters, and what users merged or pinned is obeyed.
    """
    earlier = _fetch_earlier_runs(settings, clickhouse, embeddings)
    votes = [list_votes(embeddings.trace_ids, embeddings.embeddings, run) for run in earlier[:1]]
    params = settings.method_params().model_dump()
    clustered = run_with_deadline(
        cluster_points,
        ClusteringSpace(
            reduced_embeddings.points, reduced_embeddings.neighbors, reduced_embeddings.n_layouts
        ),
        method=settings.clustering_method,
        params=params,
        random_state=settings.random_state,
        votes=np.stack(votes) if votes else None,
        seconds=settings.compute_timeout(len(reduced_embeddings)),
    )
    edits = load_edits_of_team(reduced_embeddings.provenance.team_id)
    clustered, edited = edit_clusters(clustered, embeddings, reduced_embeddings, edits, earlier)
    fields = dict(vars(clustered))
    chosen_params = fields.pop("chosen_params")
    # The event reports what was done, so parameters that the algorithm chose by itself are recorded too.
    used = settings.of_stage("cluster_assignments") | {"clustering_method_params": params | chosen_params}
    centroids, radii = calculate_embedding_centroids(embeddings.embeddings, clustered.cluster_ids)
    centroids, radii = keep_places(edited, centroids, radii)
    rare = count_rare_kinds(embeddings.embeddings, clustered.cluster_ids, reduced_embeddings.neighbors)
    assignments = ClusterAssignments(
        provenance=reduced_embeddings.provenance.with_settings(used),
        **reduced_embeddings.identity(),
        **fields,
        embedding_centroids=centroids,
        radii=radii,
        rare_kinds=rare._asdict() if rare else {},
        edits=record_edits(edited, edits),
        earlier_run_ids=[run.run_id for run in earlier],
    )
    noise = int((assignments.cluster_ids == NOISE_CLUSTER_ID).sum())
    context.log.info(
        f"Found {len(assignments.centroids)} clusters by {settings.clustering_method}; "
        f"{noise} of {len(assignments)} traces are noise"
    )
    return dg.MaterializeResult(
        value=assignments,
        metadata={
            "traces": len(assignments),
            **measure_clusters(assignments),
            "noise": noise,
            "chosen_params": chosen_params,
            **({"edits": assignments.edits} if assignments.edits else {}),
            "earlier_runs": assignments.earlier_run_ids,
            "stabilities": {str(c): assignments.stability(c) for c in range(len(assignments.centroids))},
        },
    )


def _fetch_earlier_runs(
    settings: ClusteringSettings, clickhouse: ClickHouse, embeddings: Embeddings
) -> list[EarlierRun]:
    """Return the runs whose topics may go on, newest first."""
    provenance = embeddings.provenance
    if settings.keep_topics_days == 0:
        return []
    clock = StepClock(COMPUTE_ACTIVITY_TIMEOUT)
    with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
        return fetch_runs_to_continue(
            session,
            provenance,
            dimensions=embeddings.embeddings.shape[1],
            model=embeddings.embedding_model,
            keep_topics_days=settings.keep_topics_days,
        )

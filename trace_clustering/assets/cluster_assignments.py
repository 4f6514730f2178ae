import dagster as dg

from trace_clustering.algorithms.steps import ClusteringSpace, cluster_points
from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.traces import ReducedEmbeddings
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.assets.checks import clusters_found
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.processes.worker import run_with_deadline


@clustering_asset(
    kinds={"python", "hdbscan", "scikitlearn"},
    code_version="4",
    retry_policy=THREE_ATTEMPTS,
    checks=["clusters_found"],
)
def cluster_assignments(
    context: dg.AssetExecutionContext, settings: ClusteringSettings, reduced_embeddings: ReducedEmbeddings
) -> dg.MaterializeResult[ClusterAssignments]:
    """The cluster of every trace (-1 is noise), how surely it belongs there, and the centroids."""
    provenance = reduced_embeddings.provenance.with_settings(settings.of_stage("cluster_assignments"))
    if provenance.shortage:
        empty = ClusterAssignments.empty(provenance)
        return dg.MaterializeResult(value=empty, check_results=[clusters_found(empty)])
    params = settings.method_params().model_dump()
    found = run_with_deadline(
        cluster_points,
        ClusteringSpace(reduced_embeddings.points, reduced_embeddings.members, reduced_embeddings.neighbors),
        method=settings.clustering_method,
        params=params,
        random_state=settings.random_state,
        seconds=settings.compute_timeout(len(reduced_embeddings)),
    )
    assignments = ClusterAssignments(
        # The event reports what was done, and part of that the algorithm decided by itself.
        provenance=provenance.with_settings({"clustering_method_params": params | found.found_by}),
        **reduced_embeddings.identity(),
        labels=found.labels,
        probabilities=found.probabilities,
        nearest_clusters=found.nearest,
        distances_to_nearest=found.distances_to_nearest,
        distances_to_centroid=found.distances_to_own,
        centroids=found.centroids,
        stabilities=found.stabilities,
    )
    noise = int((found.labels == NOISE_CLUSTER_ID).sum())
    context.log.info(
        f"Found {len(assignments.centroids)} clusters, {noise} traces are noise "
        f"({settings.clustering_method}: {found.found_by})"
    )
    return dg.MaterializeResult(
        value=assignments,
        metadata={
            "traces": len(assignments),
            "clusters": len(assignments.centroids),
            "noise": noise,
            "noise_share": round(assignments.noise_share, 4),
            "largest_cluster_share": round(assignments.largest_cluster_share, 4),
            "found_by": found.found_by,
            "stabilities": {str(c): assignments.stability(c) for c in range(len(found.centroids))},
        },
        check_results=[clusters_found(assignments)],
    )

import dagster as dg

from trace_clustering.algorithms.compute import cluster_points
from trace_clustering.artifacts import ClusterAssignments, ReducedEmbeddings
from trace_clustering.assets.checks import clusters_found
from trace_clustering.assets.conventions import THREE_ATTEMPTS, clustering_asset
from trace_clustering.constants import COMPUTE_ACTIVITY_TIMEOUT
from trace_clustering.deadline import run_with_deadline
from trace_clustering.settings import ClusteringSettings


@clustering_asset(
    kinds={"python", "hdbscan"},
    code_version="1",
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
    found = run_with_deadline(
        cluster_points,
        reduced_embeddings.points,
        **settings.hdbscan_params().model_dump(),
        seconds=COMPUTE_ACTIVITY_TIMEOUT,
    )
    assignments = ClusterAssignments(
        provenance=provenance,
        **reduced_embeddings.identity(),
        labels=found.result.labels,
        probabilities=found.result.probabilities,
        nearest_clusters=found.nearest,
        distances_to_nearest=found.distances_to_nearest,
        distances_to_centroid=found.distances_to_own,
        centroids=found.result.centroids,
    )
    context.log.info(
        f"Found {len(assignments.centroids)} clusters, {found.result.num_noise_points} traces are noise"
    )
    return dg.MaterializeResult(
        value=assignments,
        metadata={
            "traces": len(assignments),
            "clusters": len(assignments.centroids),
            "noise": found.result.num_noise_points,
            "noise_share": round(assignments.noise_share, 4),
            "largest_cluster_share": round(assignments.largest_cluster_share, 4),
        },
        check_results=[clusters_found(assignments)],
    )

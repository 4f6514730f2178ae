import dagster as dg

from trace_clustering.algorithms.map import calculate_mean_coordinates, compute_2d_coordinates
from trace_clustering.artifacts.clusters import ClusterAssignments, Projection2D
from trace_clustering.artifacts.traces import ReducedEmbeddings
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.processes.worker import run_with_deadline
from trace_clustering.reports.map_picture import draw_map, embed_in_markdown


@clustering_asset(
    makes=Projection2D,
    kinds={"python", "umap", "scikitlearn"},
    code_version="4",
    retry_policy=THREE_ATTEMPTS,
)
def projection_2d(
    context: dg.AssetExecutionContext,
    settings: ClusteringSettings,
    reduced_embeddings: ReducedEmbeddings,
    cluster_assignments: ClusterAssignments,
) -> dg.MaterializeResult[Projection2D]:
    """The map: two coordinates for each trace and for the centre of each cluster."""
    method = settings.visualization_method
    context.log.info(f"Drawing the map of {len(reduced_embeddings)} traces by {method}")
    coordinates = run_with_deadline(
        compute_2d_coordinates,
        reduced_embeddings.points,
        method=method,
        random_state=settings.random_state,
        seconds=settings.compute_timeout(len(reduced_embeddings)),
    )
    cluster_ids, clusters = cluster_assignments.cluster_ids, cluster_assignments.clusters()
    projection = Projection2D(
        provenance=cluster_assignments.provenance.with_settings(settings.of_stage("projection_2d")),
        **cluster_assignments.identity(),
        cluster_ids=cluster_ids,
        coordinates=coordinates,
        clusters=clusters,
        centroid_coordinates=calculate_mean_coordinates(coordinates, cluster_ids, clusters),
    )
    picture = embed_in_markdown(draw_map(projection), f"Map of {projection.provenance.run_id}")
    return dg.MaterializeResult(
        value=projection, metadata={"traces": len(projection), "map": dg.MetadataValue.md(picture)}
    )

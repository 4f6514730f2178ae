import dagster as dg

from trace_clustering.algorithms.steps import reduce_embeddings
from trace_clustering.artifacts.traces import Embeddings, ReducedEmbeddings
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.processes.worker import run_with_deadline


@clustering_asset(kinds={"python", "umap", "scikitlearn"}, code_version="4", retry_policy=THREE_ATTEMPTS)
def reduced_embeddings(
    context: dg.AssetExecutionContext, settings: ClusteringSettings, embeddings: Embeddings
) -> dg.MaterializeResult[ReducedEmbeddings]:
    """The clustering space: normalized vectors in so few dimensions that density means something."""
    provenance = embeddings.provenance.with_settings(settings.of_stage("reduced_embeddings"))
    if provenance.shortage:
        return dg.MaterializeResult(value=ReducedEmbeddings.empty(provenance))
    context.log.info(
        f"Reducing {len(embeddings)} vectors of {embeddings.vectors.shape[1]} dimensions "
        f"({settings.dimensionality_reduction_method})"
    )
    space = run_with_deadline(
        reduce_embeddings,
        embeddings.vectors,
        normalization=settings.embedding_normalization,
        method=settings.dimensionality_reduction_method,
        n_components=settings.dimensionality_reduction_ndims,
        ensemble_size=settings.wanted_members(),
        random_state=settings.random_state,
        seconds=settings.compute_timeout(len(embeddings)),
    )
    return dg.MaterializeResult(
        value=ReducedEmbeddings(
            provenance=provenance,
            **embeddings.identity(),
            points=space.points,
            neighbors=space.neighbors,
            members=space.members,
        ),
        metadata={
            "traces": len(space.points),
            "dimensions": space.points.shape[1],
            "ensemble_size": space.members,
        },
    )

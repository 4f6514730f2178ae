import dagster as dg

from trace_clustering.algorithms.steps import reduce_embeddings
from trace_clustering.artifacts.traces import Embeddings, ReducedEmbeddings
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.processes.worker import run_with_deadline


@clustering_asset(
    makes=ReducedEmbeddings,
    kinds={"python", "umap", "scikitlearn"},
    code_version="5",
    retry_policy=THREE_ATTEMPTS,
)
def reduced_embeddings(
    context: dg.AssetExecutionContext, settings: ClusteringSettings, embeddings: Embeddings
) -> dg.MaterializeResult[ReducedEmbeddings]:
    """The points to cluster: one per trace, made by normalizing its embedding and reducing its dimensions."""
    context.log.info(
        f"Reducing {len(embeddings)} embeddings of {embeddings.embeddings.shape[1]} dimensions "
        f"by {settings.dimensionality_reduction_method}"
    )
    space = run_with_deadline(
        reduce_embeddings,
        embeddings.embeddings,
        normalization=settings.embedding_normalization,
        method=settings.dimensionality_reduction_method,
        n_components=settings.dimensionality_reduction_ndims,
        ensemble_size=settings.used_ensemble_size(),
        random_state=settings.random_state,
        seconds=settings.compute_timeout(len(embeddings)),
    )
    return dg.MaterializeResult(
        value=ReducedEmbeddings(
            provenance=embeddings.provenance.with_settings(settings.of_stage("reduced_embeddings")),
            **embeddings.identity(),
            **vars(space),
        ),
        metadata={
            "traces": len(space.points),
            "dimensions": space.points.shape[1],
            "ensemble_size": space.n_layouts,
        },
    )

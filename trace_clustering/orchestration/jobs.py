"""The job that a schedule, a backfill or the command line starts."""

import dagster as dg

from trace_clustering.constants import WORKFLOW_NAME

ASSET_GROUP = "trace_clustering"
INGESTION_GROUP = "ingestion"

# Those that cluster a window, whoever filled the tables.
CLUSTERING_ASSETS = [
    dg.AssetKey(name)
    for name in (
        "embeddings",
        "reduced_embeddings",
        "cluster_assignments",
        "projection_2d",
        "cluster_identities",
        "cluster_labels",
        "window_assignments",
        "cluster_metrics",
        "emitted_cluster_event",
    )
]

trace_clustering_job = dg.define_asset_job(
    "trace_clustering_job",
    selection=dg.AssetSelection.groups(INGESTION_GROUP, ASSET_GROUP),
    description="Clusters the traces of one team in the window that ends with one day: three assets take "
    "the day's traces from the team's source, if it has one; nine go from the embeddings in ClickHouse to "
    f"the event with the named clusters ({WORKFLOW_NAME}).",
    tags={"workflow": WORKFLOW_NAME},
)

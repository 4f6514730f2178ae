"""The job that a schedule, a backfill or the command line starts."""

import dagster as dg

from trace_clustering.constants import WORKFLOW_NAME

ASSET_GROUP = "trace_clustering"

trace_clustering_job = dg.define_asset_job(
    "trace_clustering_job",
    selection=dg.AssetSelection.groups(ASSET_GROUP),
    description="Clusters the traces of one team in the window that ends with one day: six assets, from the "
    f"embeddings in ClickHouse to the event with the named clusters ({WORKFLOW_NAME}).",
    tags={"workflow": WORKFLOW_NAME},
)

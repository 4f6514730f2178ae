"""The job that a schedule, a backfill or the command line starts."""

import dagster as dg

from trace_clustering.constants import WORKFLOW_NAME

ASSET_GROUP = "trace_clustering"

trace_clustering_job = dg.define_asset_job(
    "trace_clustering_job",
    selection=dg.AssetSelection.groups(ASSET_GROUP),
    description=f"Clusters the traces of one team and day ({WORKFLOW_NAME}).",
    tags={"workflow": WORKFLOW_NAME},
)

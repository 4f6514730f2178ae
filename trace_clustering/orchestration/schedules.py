"""The nightly schedule: one run per team."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from trace_clustering.constants import COORDINATOR_WORKFLOW_NAME, DEFAULT_LOOKBACK_DAYS
from trace_clustering.environment import TEAM_IDS, read_team_ids
from trace_clustering.orchestration.jobs import CLUSTERING_ASSETS, trace_clustering_job
from trace_clustering.orchestration.partitions import TEAM_DAY
from trace_clustering.orchestration.run_settings import SETTINGS_BY_TEAM
from trace_clustering.orchestration.team_settings import build_run_config, load_source_of_team


@dg.schedule(
    job=trace_clustering_job,
    cron_schedule="15 0 * * *",  # summaries of the last minutes of a day need a moment to arrive
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    tags={"workflow": COORDINATOR_WORKFLOW_NAME},
    description="Every night at 00:15 UTC, one run per team: it clusters the window that ends with the day "
    f"before, by default {DEFAULT_LOOKBACK_DAYS} days. Teams: {', '.join(map(str, read_team_ids()))} "
    f"({TEAM_IDS}).",
)
def trace_clustering_daily_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request one run per allowed team for yesterday, with the team's settings."""
    yesterday = (context.scheduled_execution_time - timedelta(days=1)).strftime("%Y-%m-%d")
    for team_id in read_team_ids():
        key = dg.MultiPartitionKey({"date": yesterday, "team": str(team_id)})
        if TEAM_DAY.has_partition_key(key):
            config = build_run_config(SETTINGS_BY_TEAM[team_id]) if team_id in SETTINGS_BY_TEAM else None
            # A team without a source has nothing to ingest.
            assets = None if load_source_of_team(team_id) else CLUSTERING_ASSETS
            yield dg.RunRequest(run_key=key, partition_key=key, run_config=config, asset_selection=assets)
        else:
            # Dagster would discard the requests of all teams for one partition that it does not know.
            context.log.warning(
                f"Team {team_id} has no partition {key} and is left out; reload the code location"
            )

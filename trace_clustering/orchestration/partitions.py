"""One partition per team and day; it stands for the window that ends with the day."""

from datetime import timedelta

import dagster as dg

from trace_clustering.environment import read_team_ids
from trace_clustering.traces.window import Window

DAYS = dg.DailyPartitionsDefinition(start_date="2025-01-01", timezone="UTC")
TEAM_DAY = dg.MultiPartitionsDefinition(
    {"date": DAYS, "team": dg.StaticPartitionsDefinition([str(team_id) for team_id in read_team_ids()])}
)


def parse_partition_key(partition_key: str, lookback_days: int) -> tuple[int, Window]:
    """Return the team id of a partition, and the window of `lookback_days` that ends with its day."""
    # The key is a plain string if a run was started with nothing but a partition tag, else a
    # MultiPartitionKey; this function of Dagster reads both.
    key = TEAM_DAY.get_partition_key_from_str(partition_key).keys_by_dimension
    end = DAYS.time_window_for_partition_key(key["date"]).end
    return int(key["team"]), Window(end - timedelta(days=lookback_days), end)

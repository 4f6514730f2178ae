"""Team x day, and the window a partition stands for."""

from datetime import timedelta

import dagster as dg

from trace_clustering.environment import allowed_team_ids
from trace_clustering.traces.window import Window

DAYS = dg.DailyPartitionsDefinition(start_date="2025-01-01", timezone="UTC")
TEAM_DAY = dg.MultiPartitionsDefinition(
    {"date": DAYS, "team": dg.StaticPartitionsDefinition([str(team_id) for team_id in allowed_team_ids()])}
)


def team_and_window(partition_key: str, lookback_days: int) -> tuple[int, Window]:
    """Return the team of a partition, and the window of `lookback_days` that ends with its day."""
    # Runs launched with a bare partition tag carry a plain string; this form reads both.
    key = TEAM_DAY.get_partition_key_from_str(partition_key).keys_by_dimension
    end = DAYS.time_window_for_partition_key(key["date"]).end
    return int(key["team"]), Window(end - timedelta(days=lookback_days), end)

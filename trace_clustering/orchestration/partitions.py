"""One partition per team and day; it stands for the window that ends with the day."""

from datetime import UTC, date, datetime, timedelta

import click
import dagster as dg

from trace_clustering.environment import (
    FIRST_DAY,
    INCLUDE_TODAY,
    TEAM_IDS,
    includes_today,
    read_first_day,
    read_team_ids,
)
from trace_clustering.traces.window import Window


class TeamDayPartitions(dg.MultiPartitionsDefinition):
    """The partitions of all teams and days; a key that is none of them is refused with the reason."""

    def validate_partition_key(self, partition_key: str, context: object) -> None:  # noqa: ARG002
        """Check that a partition exists.

        Raises
        ------
        click.ClickException
            If it does not. Dagster's commands print this error as one sentence, and any other as a traceback.
        """
        if not self.has_partition_key(partition_key):
            raise click.ClickException(explain_missing_partition(str(partition_key)))


DAYS = dg.DailyPartitionsDefinition(
    start_date=read_first_day().isoformat(), timezone="UTC", end_offset=int(includes_today())
)
TEAM_DAY = TeamDayPartitions(
    {"date": DAYS, "team": dg.StaticPartitionsDefinition([str(team_id) for team_id in read_team_ids()])}
)


def parse_partition_key(partition_key: str, lookback_days: int) -> tuple[int, Window]:
    """Return the team id of a partition, and the window of `lookback_days` that ends with its day."""
    # The key is a plain string if a run was started with nothing but a partition tag, else a
    # MultiPartitionKey; this function of Dagster reads both.
    key = TEAM_DAY.get_partition_key_from_str(partition_key).keys_by_dimension
    end = DAYS.time_window_for_partition_key(key["date"]).end
    return int(key["team"]), Window(end - timedelta(days=lookback_days), end)


def explain_missing_partition(partition_key: str) -> str:
    """Return why a partition does not exist, and what to do about it."""
    missing = f"There is no partition {partition_key!r}: "
    day_text, separator, team = partition_key.partition("|")
    try:
        day = date.fromisoformat(day_text)
    except ValueError:
        day = None
    if day is None or day_text != day.isoformat() or not separator:
        return f"{missing}write it as day and team, for example '{read_first_day()}|{read_team_ids()[0]}'"
    if team not in map(str, read_team_ids()):
        teams = ", ".join(map(str, read_team_ids()))
        return f"{missing}team {team!r} is not among the teams {teams}; add its id to {TEAM_IDS}"
    if day < read_first_day():
        return f"{missing}partitions begin with {read_first_day()}; set {FIRST_DAY}={day} for earlier days"
    now = datetime.now(UTC)
    newest = now.date() - timedelta(days=not includes_today())
    return (
        f"{missing}the partition of a day exists once the day has ended, and it is {now:%Y-%m-%d %H:%M} UTC; "
        f"the newest day is {newest} (with {INCLUDE_TODAY}=1, today has one too)"
    )

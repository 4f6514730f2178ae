"""A partition is a team and a day, and stands for the window that ends with the day."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.orchestration.partitions import TEAM_DAY, parse_partition_key
from trace_clustering.traces.window import Window

KEYS = [
    pytest.param("2025-01-22|1", id="text"),
    pytest.param(dg.MultiPartitionKey({"date": "2025-01-22", "team": "1"}), id="key"),
    pytest.param(dg.MultiPartitionKey({"team": "1", "date": "2025-01-22"}), id="key, team first"),
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("lookback_days", "start"), [(7, datetime(2025, 1, 16)), (1, datetime(2025, 1, 22))])
def test_the_window_ends_with_the_day_and_is_as_long_as_asked(
    key: str, lookback_days: int, start: datetime
) -> None:
    window = Window(start.replace(tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))
    assert parse_partition_key(key, lookback_days) == (1, window)


@pytest.mark.parametrize(("day", "end"), [("2024-12-31", "2025-01-01"), ("2028-02-28", "2028-02-29")])
def test_windows_follow_the_calendar(day: str, end: str) -> None:
    _, window = parse_partition_key(f"{day}|2", 1)
    assert window.end == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize("day", ["2025-03-30", "2025-10-26"])
def test_days_are_utc_days_of_24_hours_where_clocks_change(day: str) -> None:
    _, window = parse_partition_key(f"{day}|2", 1)
    assert window.end - window.start == timedelta(hours=24)
    assert {window.start.utcoffset(), window.end.utcoffset()} == {timedelta(0)}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("label", "run_id"), [("", "1_trace_20250123_000000"), ("trial-2", "1_trace_20250123_000000_trial-2")]
)
def test_a_run_is_named_after_its_team_the_end_of_its_window_and_its_label(
    key: str, label: str, run_id: str
) -> None:
    team_id, window = parse_partition_key(key, 7)
    assert Provenance(team_id, window, {"run_label": label}).run_id == run_id


def test_partitions_begin_in_2025_for_each_default_team() -> None:
    for team in ("1", "2", "112495"):
        assert TEAM_DAY.has_partition_key(dg.MultiPartitionKey({"date": "2025-01-01", "team": team}))
    for day, team in (("2024-12-31", "1"), ("2025-01-01", "3")):
        assert not TEAM_DAY.has_partition_key(dg.MultiPartitionKey({"date": day, "team": team}))


def test_the_teams_of_the_environment_are_the_teams_of_the_partitions() -> None:
    program = (
        "from trace_clustering.orchestration.partitions import TEAM_DAY;"
        "print(*TEAM_DAY.get_partitions_def_for_dimension('team').get_partition_keys())"
    )
    environment = os.environ | {"TRACE_CLUSTERING_TEAM_IDS": "8, 7"}
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout.split() == ["8", "7"]

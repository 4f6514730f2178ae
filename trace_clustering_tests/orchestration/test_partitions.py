"""A partition is a team and a day, and stands for the window that ends with the day."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import dagster as dg
import pytest

from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.definitions import defs
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


def test_partitions_begin_in_2023_for_each_default_team() -> None:
    for team in ("1", "2", "112495"):
        for day in ("2023-01-01", "2025-01-01"):
            assert TEAM_DAY.has_partition_key(dg.MultiPartitionKey({"date": day, "team": team}))
    for day, team in (("2022-12-31", "1"), ("2025-01-01", "3")):
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


def list_days(**variables: str) -> list[str]:
    """Return the first and the last day that have partitions, in a process with some variables."""
    program = "from trace_clustering.orchestration.partitions import DAYS; print(*DAYS.get_partition_keys())"
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    days = printed.stdout.split()
    return [days[0], days[-1]]


@pytest.mark.parametrize("first_day", ["2020-02-29", "1970-01-01"])
def test_the_first_day_of_the_environment_is_the_first_of_the_partitions(first_day: str) -> None:
    yesterday = str(datetime.now(UTC).date() - timedelta(days=1))
    assert list_days(TRACE_CLUSTERING_FIRST_DAY=first_day) == [first_day, yesterday]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("2022-12-31|1", "set TRACE_CLUSTERING_FIRST_DAY=2022-12-31"),
        (
            "2025-01-22|55",
            "not among the teams 1, 2, 112495; add its id to TRACE_CLUSTERING_TEAM_IDS",
        ),
        ("2999-01-01|1", "exists once the day has ended"),
        ("2025-01-22", "write it as day and team, for example '2023-01-01|1'"),
        ("1|2025-01-22", "write it as day and team"),
        ("20250122|1", "write it as day and team"),
        ("YYYY-MM-DD|1", "write it as day and team"),
        ("2025-02-30|1", "write it as day and team"),
        ("2025-01-22|\x1b[31m", r"team '\x1b[31m' is not among"),
    ],
)
def test_a_partition_that_does_not_exist_is_refused_with_the_reason(key: str, reason: str) -> None:
    job = defs.resolve_job_def("trace_clustering_job")
    with dg.instance_for_test() as instance, pytest.raises(click.ClickException) as caught:
        job.execute_in_process(partition_key=key, instance=instance)
    assert caught.value.message.startswith(f"There is no partition {key!r}: ")
    assert reason in caught.value.message


@pytest.mark.parametrize("key", ["2022-12-31|1", "2025-01-22|55"])
def test_the_command_line_of_dagster_tells_the_reason_without_a_traceback(key: str) -> None:
    result = subprocess.run(
        [
            *(Path(sys.executable).with_name("dagster"), "asset", "materialize"),
            *("-m", "trace_clustering.definitions", "--select", "*emitted_cluster_event", "--partition", key),
        ],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(f"Error: There is no partition '{key}': ")
    assert "Traceback" not in result.stderr
    assert "BetaWarning" not in result.stderr

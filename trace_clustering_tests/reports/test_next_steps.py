"""What is printed as the next step names partitions that exist, and works when it is pasted."""

import os
import shlex
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from trace_clustering.environment import FIRST_DAY, TEAM_IDS
from trace_clustering.reports.next_steps import (
    MAX_WINDOWS_LISTED,
    describe_load,
    name_command,
    write_cluster_command,
    write_team_command,
    write_web_command,
)

TODAY = datetime.now(UTC).date()
BIN = Path(sys.executable).parent


def days(first: str, count: int, step: int = 1) -> list[date]:
    return [date.fromisoformat(first) + timedelta(days=step * n) for n in range(count)]


def test_the_days_of_a_load_and_the_partition_for_them_are_named(tmp_path: Path) -> None:
    lines = describe_load(1, {*days("2023-03-01", 3), *days("2023-03-05", 1)})
    assert lines == [
        "Days of these traces: 2023-03-01 to 2023-03-03, 2023-03-05.",
        "To cluster these traces (partition 2023-03-05|1):",
        f"  DAGSTER_HOME={tmp_path} {name_command('dagster')} asset materialize "
        "-m trace_clustering.definitions --select '*emitted_cluster_event' --partition '2023-03-05|1'",
    ]


def test_windows_do_not_overlap_and_hold_every_day() -> None:
    lines = describe_load(1, days("2025-01-01", 15))
    assert lines[1] == "To cluster these traces (partitions 2025-01-01|1, 2025-01-08|1, 2025-01-15|1):"
    assert lines[2].startswith("  for day in 2025-01-01 2025-01-08 2025-01-15; do ")
    assert lines[2].endswith('--partition "$day|1"; done')


def test_many_days_are_not_all_listed() -> None:
    lines = describe_load(1, days("2024-01-01", 30, step=10))
    assert lines[0] == "Days of these traces: 30 days from 2024-01-01 to 2024-10-17."
    assert lines[1].count("|1") == MAX_WINDOWS_LISTED
    assert lines[3] == "and likewise 22 windows before those, that of 2024-07-29 first."


def test_without_days_nothing_is_said() -> None:
    assert describe_load(1, set()) == []


def test_a_team_that_is_not_clustered_is_warned_of_and_the_command_clusters_it() -> None:
    lines = describe_load(999, days("2025-01-20", 1))
    assert lines[1] == (
        "Warning: team 999 is not among the teams that are clustered (1, 2, 112495). Set "
        f"{TEAM_IDS}=1,2,112495,999."
    )
    assert f" {TEAM_IDS}=1,2,112495,999 " in lines[-1]


def test_days_before_the_first_are_warned_of_and_the_command_reaches_them() -> None:
    lines = describe_load(1, [*days("2021-06-15", 2), *days("2025-01-20", 1)])
    assert lines[1] == (
        "Warning: partitions begin with 2023-01-01, and 2 of these days lie before. Set "
        f"{FIRST_DAY}=2021-06-15."
    )
    assert f" {FIRST_DAY}=2021-06-16 " in lines[-1]  # the first partition that holds such days
    assert "for day in 2021-06-16 2025-01-20;" in lines[-1]


def test_what_the_file_of_variables_sets_must_be_set_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(TEAM_IDS, "1")
    (tmp_path / ".env").write_text(f"{TEAM_IDS}=1\n")
    lines = describe_load(999, days("2025-01-20", 1))
    assert lines[1].endswith(f"Set {TEAM_IDS}=1,999 in .env.")
    assert TEAM_IDS not in lines[-1]  # it would not count


@pytest.mark.parametrize("ahead", [0, 3])
def test_a_day_that_has_not_ended_has_no_partition_yet(ahead: int) -> None:
    day = TODAY + timedelta(days=ahead)
    (_, wait) = describe_load(1, [day])
    assert f"that of {day} exists from {day + timedelta(days=1)} on" in wait
    lines = describe_load(1, [day, TODAY - timedelta(days=1)])
    assert lines[2].startswith(f"To cluster those of past days (partition {TODAY - timedelta(days=1)}|1)")


def test_days_that_no_partition_can_reach_are_in_no_command() -> None:
    lines = describe_load(1, days("1969-12-30", 3))
    assert "Warning: 2 of these days come before 1970-01-01 and cannot be clustered." in lines
    assert "(partition 1970-01-01|1)" in lines[-2]


def test_a_command_is_named_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}/usr/bin")
    assert name_command("dagster") == "dagster"
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.chdir(tmp_path)
    assert name_command("dagster") == str(BIN / "dagster")
    monkeypatch.chdir(BIN.parents[1])
    assert name_command("dagster") == str(BIN.relative_to(BIN.parents[1]) / "dagster")


def test_another_installation_that_comes_first_is_not_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster").write_text("#!/bin/sh\n")
    (tmp_path / "dagster").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{BIN}")
    monkeypatch.chdir(tmp_path)  # below the current folder, a path would be shown relative to it
    assert name_command("dagster") == str(BIN / "dagster")


@pytest.mark.parametrize("home", ["a b", "it's", "$HOME"])
def test_a_home_of_any_name_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    folder = tmp_path / home
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    for command in (write_cluster_command(1, days("2025-01-20", 1)), write_team_command("show", 1)):
        assert shlex.split(command)[:4] == ["mkdir", "-p", str(folder), "&&"]
        assert f"DAGSTER_HOME={folder}" in shlex.split(command)


def test_the_web_server_is_started_with_the_code_location_of_the_readme(tmp_path: Path) -> None:
    words = shlex.split(write_web_command())
    assert words[0] == f"DAGSTER_HOME={tmp_path}"
    assert words[2:4] == ["dev", "-w"]
    assert "location_name: trace_clustering" in Path(words[4]).read_text()

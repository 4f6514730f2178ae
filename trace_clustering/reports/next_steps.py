"""What to do next, as sentences and as commands that work when they are pasted."""

import os
import shlex
import shutil
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import trace_clustering
from trace_clustering.constants import DEFAULT_LOOKBACK_DAYS
from trace_clustering.environment import (
    FIRST_DAY,
    HOME,
    MIN_FIRST_DAY,
    TEAM_IDS,
    find_home,
    is_in_env_file,
    read_first_day,
    read_team_ids,
)

MAX_WINDOWS_LISTED = 8
_MAX_RANGES_LISTED = 8
_ONE_DAY = timedelta(days=1)


def name_command(name: str) -> str:
    """Return how to type a command of this installation: its name, or its path if the name finds another."""
    beside = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if not beside.exists() or (found and Path(found).resolve() == beside.resolve()):
        return name
    path = beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside
    return shlex.quote(str(path))


def write_team_command(name: str, team_id: int) -> str:
    """Return a command of this project about a team, such as `show`."""
    command = f"{name_command('trace-clustering')} {name} --team-id {team_id}"
    return command if find_home() == Path.cwd() else _with_home(command)


def write_web_command(variables: Sequence[str] = ()) -> str:
    """Return the command that starts Dagster's web server, with the code location of the README.

    `variables` names those that the command sets as they are here, if they are.
    """
    words = "".join(f"{name}={os.environ[name]} " for name in variables if name in os.environ)
    workspace = Path(trace_clustering.__file__).parents[1] / "workspace.yaml"
    if not workspace.is_file():  # installed without the repository
        return words + _with_home(f"{name_command('dagster')} dev -m trace_clustering.definitions")
    path = workspace.relative_to(Path.cwd()) if workspace.is_relative_to(Path.cwd()) else workspace
    return words + _with_home(f"{name_command('dagster')} dev -w {shlex.quote(str(path))}")


def write_cluster_command(team_id: int, days: list[date]) -> str:
    """Return a command that clusters the windows that end with some days, once their partitions exist."""
    values = _choose_settings(team_id, days)
    words = [f"{name}={value}" for name, value in values.items() if not is_in_env_file(name)]
    words += [name_command("dagster"), "asset materialize -m trace_clustering.definitions"]
    command = _with_home(" ".join([*words, "--select '*emitted_cluster_event'"]))
    if len(days) == 1:
        return f"{command} --partition '{days[0]}|{team_id}'"
    return f'for day in {" ".join(map(str, days))}; do {command} --partition "$day|{team_id}"; done'


def describe_first_steps(team_id: int, newest_day: date | None = None) -> str:
    """Return how a team gets its first clustering, given the last day that has traces."""
    yesterday = datetime.now(UTC).date() - _ONE_DAY
    if newest_day is None:
        load = f"{name_command('trace-clustering')} load FILE --team-id {team_id}"
        lines = [f"Load traces first, which also prints the next command: {load}"]
        lines.append("If something else fills the tables, cluster the days up to yesterday:")
        return "\n".join([*lines, f"  {write_cluster_command(team_id, [yesterday])}"])
    lines = [f"Its newest traces are of {newest_day}.", *_describe_obstacles(team_id, [newest_day])]
    day = min(newest_day, yesterday)
    return "\n".join(
        [*lines, f"To cluster the days up to {day}:", f"  {write_cluster_command(team_id, [day])}"]
    )


def describe_load(team_id: int, days: Collection[date]) -> list[str]:
    """Return which UTC days a load filled, what keeps them from being clustered, and the command for them."""
    if not days:
        return []
    lines = [f"Days of these traces: {_describe_days(sorted(days))}.", *_describe_obstacles(team_id, days)]
    today = datetime.now(UTC).date()
    ends = _choose_partitions([day for day in days if MIN_FIRST_DAY <= day < today])
    if not ends:
        return lines
    partitions = [f"{day}|{team_id}" for day in ends[-MAX_WINDOWS_LISTED:]]
    what = "these traces" if max(days) < today else "those of past days"
    lines.append(f"To cluster {what} (partition{'s'[: len(partitions) - 1]} {', '.join(partitions)}):")
    lines.append(f"  {write_cluster_command(team_id, ends[-MAX_WINDOWS_LISTED:])}")
    if len(ends) > MAX_WINDOWS_LISTED:
        before = ends[:-MAX_WINDOWS_LISTED]
        lines.append(f"and likewise {len(before)} windows before those, that of {before[-1]} first.")
    return lines


def _describe_obstacles(team_id: int, days: Collection[date]) -> list[str]:
    """Return which of a team's days have no partition, and what to set so that they get one."""
    lines = []
    first_day, today = read_first_day(), datetime.now(UTC).date()
    values = _choose_settings(team_id, days)
    if TEAM_IDS in values:
        teams = ", ".join(map(str, read_team_ids()))
        lines.append(
            f"Warning: team {team_id} is not among the teams that are clustered ({teams}). "
            f"Set {TEAM_IDS}={values[TEAM_IDS]}{_where_to_set(TEAM_IDS)}."
        )
    if FIRST_DAY in values:
        early = sum(day < first_day for day in days)
        lines.append(
            f"Warning: partitions begin with {first_day}, and {early} of these days "
            f"{'lies' if early == 1 else 'lie'} before. "
            f"Set {FIRST_DAY}={values[FIRST_DAY]}{_where_to_set(FIRST_DAY)}."
        )
    if hopeless := sum(day < MIN_FIRST_DAY for day in days):
        lines.append(
            f"Warning: {hopeless} of these days come before {MIN_FIRST_DAY} and cannot be clustered."
        )
    if late := [day for day in days if day >= today]:
        lines.append(
            f"The partition of a day exists once the day has ended (UTC); that of {max(late)} exists "
            f"from {max(late) + _ONE_DAY} on, and the nightly schedule clusters it then."
        )
    return lines


def _choose_settings(team_id: int, days: Collection[date]) -> dict[str, str]:
    """Return the variables that must change, by name, so that a team has partitions of these days."""
    teams, values = read_team_ids(), {}
    if team_id not in teams:
        values[TEAM_IDS] = ",".join(map(str, [*teams, team_id]))
    if min(days) < read_first_day() > MIN_FIRST_DAY:
        values[FIRST_DAY] = str(max(min(days), MIN_FIRST_DAY))
    return values


def _where_to_set(name: str) -> str:
    """Return where a variable must be set, if what stands before a command would not count."""
    return " in .env" if is_in_env_file(name) else ""


def _with_home(command: str) -> str:
    """Return a command that runs with this home; Dagster insists on an absolute folder that exists.

    Whether the variable will still be set when the command is pasted, nobody knows.
    """
    home = find_home()
    command = f"{HOME}={shlex.quote(str(home))} {command}"
    return command if home.is_dir() else f"mkdir -p {shlex.quote(str(home))} && {command}"


def _choose_partitions(days: Collection[date]) -> list[date]:
    """Return the days whose windows hold all the given days once, in order; a window has a default length."""
    ends: list[date] = []
    for day in sorted(days, reverse=True):
        if not ends or ends[-1] - day >= DEFAULT_LOOKBACK_DAYS * _ONE_DAY:
            ends.append(day)
    return ends[::-1]


def _describe_days(days: list[date]) -> str:
    """Return days in order as few ranges."""
    ranges: list[list[date]] = []
    for day in days:
        if ranges and day - ranges[-1][1] == _ONE_DAY:
            ranges[-1][1] = day
        else:
            ranges.append([day, day])
    if len(ranges) > _MAX_RANGES_LISTED:
        return f"{len(days)} days from {days[0]} to {days[-1]}"
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in ranges)

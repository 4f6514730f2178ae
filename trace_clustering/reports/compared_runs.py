"""Chooses the runs whose windows are compared."""

from datetime import UTC, date, timedelta

from trace_clustering.clickhouse.stored_runs import StoredRun
from trace_clustering.errors import NoClusteringError
from trace_clustering.text import escape_controls

_MAX_RUNS_NAMED = 5


def choose_run(runs: list[StoredRun], chosen: str) -> StoredRun:
    """Return the run that was chosen by its id or by the last day of its window; by default the newest.

    Parameters
    ----------
    runs : list of StoredRun
        The newest window first.
    chosen : str
        A run id, a day such as `2025-01-22`, or empty.

    Raises
    ------
    NoClusteringError
        If there is no such run, if the day has several, or if it did not store the topics of its traces.
    """
    if not chosen:
        found = [run for run in runs if run.version][:1]
    else:
        found = [run for run in runs if chosen in (run.run_id, _last_day(run).isoformat())]
        unlabelled = [run for run in found if not run.run_label]
        found = unlabelled or found
    if not found:
        asked = f"run {escape_controls(chosen)!r}" if chosen else "run that stored the topics of its traces"
        raise NoClusteringError(f"The team has no {asked}; {_name_runs(runs)}")
    if len(found) > 1:
        names = ", ".join(escape_controls(run.run_id) for run in found)
        raise NoClusteringError(f"{chosen} is the last day of several runs; name one of them: {names}")
    if not found[0].version:
        raise NoClusteringError(
            f"Run {escape_controls(found[0].run_id)} did not store the topics of its traces: an older "
            "version or another program made it. Materialize its partition again"
        )
    return found[0]


def choose_run_before(runs: list[StoredRun], after: StoredRun) -> StoredRun:
    """Return the newest run of the same label whose window ended before that of another began.

    Raises
    ------
    NoClusteringError
        If there is none.
    """
    for run in runs:
        if run.version and run.run_label == after.run_label and run.window.end <= after.window.start:
            return run
    raise NoClusteringError(
        f"There is no run to compare {escape_controls(after.run_id)} with: no window ended before its own "
        f"began, on {after.window.start.date()}. Cluster an earlier window, or name one that overlaps with "
        f"--before; {_name_runs(runs)}"
    )


def describe_overlap(before: StoredRun, after: StoredRun) -> str:
    """Return a sentence if two windows share traces, else nothing."""
    shared = min(before.window.end, after.window.end) - max(before.window.start, after.window.start)
    if shared <= timedelta(0):
        return ""
    days = shared / timedelta(days=1)
    return (
        f"The windows share {days:.3g} days; their traces are on both sides, so the intervals are too wide."
    )


def describe_window(run: StoredRun) -> str:
    """Return the days of a window, the first and the last."""
    return f"{run.window.start.date()} to {_last_day(run)}"


def _last_day(run: StoredRun) -> date:
    return (run.window.end.astimezone(UTC) - timedelta(microseconds=1)).date()


def _name_runs(runs: list[StoredRun]) -> str:
    usable = [run for run in runs if run.version]
    if not usable:
        return "it has no run that can be compared"
    names = [f"{escape_controls(run.run_id)} ({describe_window(run)})" for run in usable[:_MAX_RUNS_NAMED]]
    more = f" and {len(usable) - len(names)} older ones" if len(usable) > len(names) else ""
    return f"its runs are {', '.join(names)}{more}"

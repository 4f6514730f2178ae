"""The earlier runs whose topics a run may continue."""

from datetime import timedelta

from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.topic_history import fetch_earlier_runs
from trace_clustering.topics.history import EarlierRun


def fetch_runs_to_continue(
    session: TeamSession, provenance: Provenance, *, dimensions: int, model: str, keep_topics_days: int
) -> list[EarlierRun]:
    """Return the runs before that of an artifact whose topics are still remembered, newest first."""
    return fetch_earlier_runs(
        session,
        provenance.window,
        provenance.run_label,
        dimensions=dimensions,
        model=model,
        since=provenance.window.end - timedelta(days=keep_topics_days),
    )

"""Reads how many traces earlier runs have assigned to each topic on each day."""

from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.cluster_events import fetch_cluster_event
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.topic_history import TOPIC_MEMORY, StoredRun, find_stored_runs
from trace_clustering.topics.day_counts import NO_TOPIC, CountedWindow, count_days_before, list_days
from trace_clustering.traces.window import Window

# Rows that were sent twice are one. A run is counted in the version that its event names.
_COUNTS: Final = """
SELECT run_id, topic_id, toDate(timestamp) AS day, uniqExact(trace_id) AS traces
FROM {assignments:Identifier}
WHERE team_id = {team_id:Int64} AND run_id IN {run_ids:Array(String)} AND version IN {versions:Array(Int64)}
    AND timestamp >= {since:DateTime64(3, 'UTC')}
GROUP BY run_id, topic_id, day
"""


def fetch_counted_windows(
    session: TeamSession, window: Window, run_label: str, *, dimensions: int, model: str = ""
) -> list[CountedWindow]:
    """Return what the runs before a window have counted, newest first.

    They are the runs of `fetch_earlier_runs`. Days are counted as far back as trends need them; older runs
    only tell which topics they had.

    Parameters
    ----------
    session, window, run_label, dimensions, model
        As in `fetch_earlier_runs`.
    """
    known_since = window.end - max(TOPIC_MEMORY, 2 * (window.end - window.start))
    found = find_stored_runs(session, window, run_label, known_since, dimensions, model)
    runs = [run for run in found if run.is_comparable]  # other vectors alone would shift shares
    n_days = len(list_days(window))
    counted_since = window.start - timedelta(days=count_days_before(n_days))
    recent = [run for run in runs if run.window.end > counted_since]
    counts: dict[str, dict[str, dict[Any, int]]] = {}
    for batch in split_for_parameters([run.run_id for run in recent], str):
        versions = [run.version for run in recent if run.run_id in set(batch)]
        rows = session.query(_COUNTS, run_ids=batch, versions=versions, since=counted_since)
        for row in rows:
            by_topic = counts.setdefault(row["run_id"], {})
            by_topic.setdefault(row["topic_id"], {})[np.datetime64(row["day"], "D")] = row["traces"]
    return [_count_run(run, counts.get(run.run_id, {}), counted_since) for run in runs]


def fetch_kinds_of_change(session: TeamSession, run_id: str) -> dict[str, str | None]:
    """Return the kind of change that the event of a run tells of each topic, `NO_TOPIC` for outliers."""
    event = fetch_cluster_event(session, run_id) or {}
    return {
        cluster.get("topic_id") or NO_TOPIC: (cluster.get("change") or {}).get("kind")
        for cluster in event.get("$ai_clusters", [])
    }


def _count_run(run: StoredRun, counts: dict[str, dict[Any, int]], since: datetime) -> CountedWindow:
    """Return the counts of a run; without any, it has no days."""
    days = list_days(run.window) if counts else list_days(run.window)[:0]
    days = days[days >= np.datetime64(since.replace(tzinfo=None), "D")]
    traces = {
        topic: np.array([counts.get(topic, {}).get(day, 0) for day in days], dtype=np.int64)
        for topic in {NO_TOPIC, *run.topics.values()}
    }
    totals = np.array([sum(by_day.get(day, 0) for by_day in counts.values()) for day in days], dtype=np.int64)
    return CountedWindow(run.run_id, days, totals, traces)

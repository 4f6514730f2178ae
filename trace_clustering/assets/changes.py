"""How the traffic of each topic changes, as the event tells it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from trace_clustering.artifacts.topics import ClusterIdentities, WindowAssignments
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.topics.day_counts import CountedWindow, Days
from trace_clustering.topics.trends import Period, Trend, find_trends
from trace_clustering.traces.window import Window

# The traces of no topic are told of as if they were one.
NO_TOPIC = ""


def describe_changes(
    identities: ClusterIdentities,
    assigned: WindowAssignments,
    earlier: Sequence[CountedWindow] = (),
    *,
    said: Mapping[str, str | None] | None = None,
) -> dict[int, dict[str, Any]]:
    """Return by cluster how its share of the traffic changes, with the keys of the event.

    Parameters
    ----------
    identities : ClusterIdentities
    assigned : WindowAssignments
        The traces of the window by cluster and day.
    earlier : sequence of CountedWindow
        The runs before, newest first.
    said : mapping of str to str or None
        By topic, the kind of change that the newest of them told.
    """
    topics = {NOISE_CLUSTER_ID: NO_TOPIC}
    topics |= dict(zip(identities.cluster_ids.tolist(), identities.topic_ids.tolist(), strict=True))
    trends = find_trends(count_window(assigned, topics), earlier, said=said)
    return {cluster: _describe(trends[topic]) for cluster, topic in topics.items()}


def count_window(assigned: WindowAssignments, topics: Mapping[int, str]) -> CountedWindow:
    """Return the numbers of traces of a window by topic and day; days without traffic are there too."""
    days = list_days(assigned.provenance.window)
    positions = (assigned.days.astype("datetime64[D]") - days[0]).astype(np.int64)
    traces = {}
    for cluster, topic in topics.items():
        rows = assigned.cluster_ids == cluster
        traces[topic] = np.bincount(positions[rows], assigned.traces[rows], len(days)).astype(np.int64)
    totals = np.bincount(positions, assigned.traces, len(days)).astype(np.int64)
    return CountedWindow(assigned.provenance.run_id, days, totals, traces)


def list_days(window: Window) -> Days:
    """Return all days of a window, in order."""
    moments = (window.start.replace(tzinfo=None), window.end.replace(tzinfo=None) - timedelta(microseconds=1))
    first, last = (np.datetime64(moment, "D") for moment in moments)
    return np.arange(first, last + 1)


def _describe(trend: Trend) -> dict[str, Any]:
    return {
        "kind": trend.kind,
        "since": str(trend.since),
        "said_before": trend.said_before,
        **_describe_period(trend.now),
        **_describe_period(trend.before, "_before"),
        "daily": [{"day": str(day), **_describe_period(period)} for day, period in trend.days.items()],
    }


def _describe_period(period: Period, suffix: str = "") -> dict[str, Any]:
    return {
        f"share{suffix}": period.share,
        f"share{suffix}_low": period.low,
        f"share{suffix}_high": period.high,
        f"traces{suffix}": period.traces,
    }

"""How the traffic of each topic changes, as the event tells it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.topics import ClusterIdentities, WindowAssignments
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.topic_counts import fetch_counted_windows, fetch_kinds_of_change
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.topics.day_counts import NO_TOPIC, CountedWindow, list_days
from trace_clustering.topics.edited_history import follow_merges_in_counts
from trace_clustering.topics.trends import Period, Trend, find_trends


def describe_changes(
    identities: ClusterIdentities,
    assigned: WindowAssignments,
    earlier: Sequence[CountedWindow] = (),
    *,
    deviations: Mapping[int, float] | None = None,
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
    deviations : mapping of int to float
        By cluster, the relative standard deviation of its size between clusterings, where it is known.
    said : mapping of str to str or None
        By topic, the kind of change that the newest of them told.
    """
    topics = {NOISE_CLUSTER_ID: NO_TOPIC}
    topics |= dict(zip(identities.cluster_ids.tolist(), identities.topic_ids.tolist(), strict=True))
    of_topics = {topics[cluster]: deviation for cluster, deviation in (deviations or {}).items()}
    trends = find_trends(count_window(assigned, topics), earlier, deviations=of_topics, said=said)
    return {cluster: _describe(trends[topic]) for cluster, topic in topics.items()}


def describe_gone(
    identities: ClusterIdentities, earlier: Sequence[CountedWindow]
) -> dict[str, dict[str, Any]]:
    """Return by topic how the share of a topic without a cluster changed in the last run that had one.

    It is `gone` only if its traffic went. Otherwise nothing can be said: its traces may be in other clusters.
    """
    changes = {}
    for topic in [gone["topic_id"] for gone in identities.gone]:
        position = next((n for n, run in enumerate(earlier) if topic in run.traces and len(run.days)), None)
        if position is None:
            continue
        trend = find_trends(earlier[position], earlier[position + 1 :])[topic]
        change = _describe(trend)
        changes[topic] = change | {"kind": "gone" if trend.kind in ("gone", "shrinking") else None}
    return changes


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
    """Return a share and its interval, of the period before as `share_before_low` and `share_before_high`."""
    return {
        f"share{suffix}": period.share,
        f"share{suffix}_low": period.low,
        f"share{suffix}_high": period.high,
        f"traces{suffix}": period.traces,
    }


@dataclass(frozen=True)
class RunChanges:
    """The changes that a run tells of, with the keys of the event.

    Attributes
    ----------
    of_clusters : dict
        By cluster, also outliers.
    of_gone_topics : dict
        By topic that no cluster continues.
    earlier_runs : int
        Number of runs that were compared.
    """

    of_clusters: dict[int, dict[str, Any]]
    of_gone_topics: dict[str, dict[str, Any]]
    earlier_runs: int

    def count_kinds(self) -> dict[str, int]:
        """Return the number of topics by kind of change, those of which nothing is known apart."""
        changes = [*self.of_clusters.values(), *self.of_gone_topics.values()]
        kinds = Counter(change["kind"] for change in changes if change["kind"])
        return dict(sorted(kinds.items()))


def find_changes_of_run(
    session: TeamSession,
    assignments: ClusterAssignments,
    identities: ClusterIdentities,
    assigned: WindowAssignments,
) -> RunChanges:
    """Read what earlier runs have counted, and find the changes."""
    provenance = assigned.provenance
    earlier = fetch_counted_windows(
        session,
        provenance.window,
        provenance.run_label,
        dimensions=assignments.embedding_centroids.shape[1],
        model=assignments.embedding_model,
    )
    earlier = follow_merges_in_counts(earlier, assignments.edits.get("merges", {}))
    said = fetch_kinds_of_change(session, earlier[0].run_id) if earlier else {}
    deviations = {
        cluster: float(deviation)
        for cluster, deviation in enumerate(assignments.size_deviations)
        if not np.isnan(deviation)
    }
    of_clusters = describe_changes(identities, assigned, earlier, deviations=deviations, said=said)
    for cluster in identities.list_ignored():
        of_clusters[cluster]["kind"] = None  # it is counted, but nothing is said of it
    return RunChanges(
        of_clusters,
        describe_gone(identities, earlier),
        len(earlier),
    )

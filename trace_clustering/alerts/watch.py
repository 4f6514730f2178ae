"""From the events of two runs to what alerts depend on."""

from collections.abc import Mapping
from typing import Any

from trace_clustering.reports.stored_clusters import StoredCluster, count_traces, read_clusters
from trace_clustering.topics.alerts import Alert, Errors, Thresholds, WatchedTopic, find_alerts


def find_alerts_of_event(
    properties: Mapping[str, Any], before: Mapping[str, Any] | None, thresholds: Thresholds
) -> list[Alert]:
    """Return the alerts of a run, given the properties of its event.

    Parameters
    ----------
    properties : mapping
    before : mapping or None
        The properties of the newest event whose window has no trace in common; None if there is none.
    thresholds : Thresholds
    """
    clusters = read_clusters(dict(properties))
    total = count_traces(dict(properties), clusters)
    topics = [_watch(cluster, total) for cluster in clusters if cluster.topic_id and not cluster.is_ignored]
    errors = {
        cluster.topic_id: found
        for cluster in read_clusters(dict(before or {}))
        if cluster.topic_id and (found := _read_errors(cluster))
    }
    return find_alerts(topics, errors, thresholds)


def _watch(cluster: StoredCluster, total: int) -> WatchedTopic:
    share = cluster.share if cluster.share is not None else cluster.size / total if total else None
    traces = cluster.metrics.get("item_count", cluster.size)
    return WatchedTopic(
        cluster.topic_id,
        cluster.title,
        int(traces),
        cluster.change,
        share,
        cluster.share_before,
        _read_errors(cluster),
    )


def _read_errors(cluster: StoredCluster) -> Errors | None:
    """Return how many traces failed; None if no event tells of any."""
    failed, known = (cluster.metrics.get(name) for name in ("error_count", "error_rate_count"))
    if failed is None or not known or not 0 <= failed <= known:
        return None
    return Errors(int(failed), int(known))

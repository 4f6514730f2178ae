"""Reads the clusters of a stored event, which another program may have written in another form."""

import json
import math
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from trace_clustering.text import clean_line

# Enough to tell the topics of a team apart.
_TOPIC_ID_LENGTH: Final = 8


@dataclass(frozen=True)
class StoredCluster:
    """One cluster of an event, as far as the event tells.

    Attributes
    ----------
    cluster_id, title : str
    size : int
        As told, else the number of listed traces.
    ranked_traces : list of str
        Ids of the listed traces, lowest rank first.
    labeler : str
        Empty if unknown.
    measures : dict
        Numbers from 0 to 1 by key; only those that were measured.
    topic_id : str
        Empty if unknown.
    change : str
        Kind of change, such as `growing`; empty if nothing is said.
    share, share_before : float or None
        Share of the traffic, and that which the change is measured against.
    metrics : dict
        Numbers by name; only those that are known.
    is_ignored : bool
        Whether the team does not want to hear of it.
    """

    cluster_id: str
    title: str
    size: int
    ranked_traces: list[str]
    labeler: str
    measures: dict[str, float]
    topic_id: str = ""
    change: str = ""
    share: float | None = None
    share_before: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    is_ignored: bool = False

    @property
    def is_noise(self) -> bool:
        """Whether its traces belong to no cluster."""
        return self.cluster_id.startswith("-")


def read_clusters(properties: dict[str, Any]) -> list[StoredCluster]:
    """Return the clusters of an event; none if they cannot be read.

    The largest come first, those whose topic is ignored after them, and noise last.
    """
    clusters = [
        _read_cluster(cluster, position)
        for position, cluster in enumerate(_parse_list(properties.get("$ai_clusters")))
        if isinstance(cluster, dict)
    ]
    return sorted(clusters, key=lambda cluster: (cluster.is_noise, cluster.is_ignored, -cluster.size))


def count_traces(properties: dict[str, Any], clusters: list[StoredCluster]) -> int:
    """Return the number of traces of an event, as told or else as the clusters have."""
    told = properties.get("$ai_total_items_analyzed")
    return told if _is_count(told) else sum(cluster.size for cluster in clusters)


def shorten_topic_id(topic_id: str) -> str:
    """Return the beginning of a topic's id, which may come from another program."""
    return clean_line(topic_id)[:_TOPIC_ID_LENGTH]


def _read_cluster(cluster: dict[str, Any], position: int) -> StoredCluster:
    ranked = _rank_traces(cluster.get("traces"))
    size, change = cluster.get("size"), _as_dict(cluster.get("change"))
    return StoredCluster(
        cluster_id=str(cluster.get("cluster_id", position)),
        title=str(cluster.get("title") or ""),
        size=size if _is_count(size) else len(ranked),
        ranked_traces=ranked,
        labeler=str(cluster.get("labeler") or ""),
        measures={
            key: float(cluster[key])
            for key in ("stability", "label_accuracy")
            if isinstance(cluster.get(key), (int, float))
        },
        topic_id=_as_text(cluster.get("topic_id")),
        change=_as_text(change.get("kind")),
        share=_keep_numbers(change).get("share"),
        share_before=_keep_numbers(change).get("share_before"),
        metrics=_keep_numbers(_as_dict(cluster.get("metrics"))),
        is_ignored=cluster.get("ignored") is True,
    )


def _as_dict(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return value if isinstance(value, dict) else {}


def _as_text(value: Any) -> str:  # noqa: ANN401 - any JSON
    return value if isinstance(value, str) else ""


def _keep_numbers(values: dict[str, Any]) -> dict[str, float]:
    """Return the values that are finite numbers."""
    return {
        key: float(value)
        for key, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


def _rank_traces(traces: Any) -> list[str]:  # noqa: ANN401 - any JSON
    """Return trace ids by rank; those without one come last, in their own order."""
    if isinstance(traces, str):
        traces = _parse(traces)
    if isinstance(traces, list):
        named = [item.get("trace_id") if isinstance(item, dict) else item for item in traces]
        ranks = [item.get("rank") if isinstance(item, dict) else None for item in traces]
    elif isinstance(traces, dict):
        named = list(traces)
        ranks = [item.get("rank") if isinstance(item, dict) else None for item in traces.values()]
    else:
        return []
    known = [
        (rank if isinstance(rank, (int, float)) else float("inf"), position, str(name))
        for position, (name, rank) in enumerate(zip(named, ranks, strict=True))
        if name is not None
    ]
    return [name for _, _, name in sorted(known)]


def _parse_list(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    parsed = _parse(value) if isinstance(value, str) else value
    return parsed if isinstance(parsed, list) else []


def _parse(text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_count(value: Any) -> TypeGuard[int]:  # noqa: ANN401 - any JSON
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0

"""What earlier runs say once topics are merged, and which topics clusters have whose topic an edit says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trace_clustering.topics.day_counts import CountedWindow
from trace_clustering.topics.history import EarlierCluster, EarlierRun
from trace_clustering.topics.identity import Continuity, CurrentCluster, Identities, Relation, find_identities
from trace_clustering.traces.arrays import FloatArray, StringArray

_MAX_DEVIATIONS = 2.0


def follow_merges(earlier: Sequence[EarlierRun], merges: Mapping[str, str]) -> list[EarlierRun]:
    """Return earlier runs as if their topics had been merged then already.

    Parameters
    ----------
    earlier : sequence of EarlierRun
    merges : mapping
        By merged topic, the topic that it is a part of.
    """
    if not merges:
        return list(earlier)
    return [
        replace(
            run,
            clusters=_unite_topics(run.clusters, merges),
            parents=[
                replace(parent, topic_ids=tuple(dict.fromkeys(merges.get(t, t) for t in parent.topic_ids)))
                for parent in run.parents
            ],
        )
        for run in earlier
    ]


def follow_merges_in_counts(
    earlier: Sequence[CountedWindow], merges: Mapping[str, str]
) -> list[CountedWindow]:
    """Return what earlier runs counted as if their topics had been merged then already.

    Otherwise a topic would seem to grow on the day when another is merged into it.
    """
    if not merges:
        return list(earlier)
    return [replace(run, traces=_add_counts(run.traces, merges)) for run in earlier]


def _add_counts(
    counts: Mapping[str, NDArray[np.int64]], merges: Mapping[str, str]
) -> dict[str, NDArray[np.int64]]:
    added: dict[str, NDArray[np.int64]] = {}
    for topic, traces in counts.items():
        end = merges.get(topic, topic)
        added[end] = added[end] + traces if end in added else traces
    return added


def _unite_topics(clusters: Sequence[EarlierCluster], merges: Mapping[str, str]) -> list[EarlierCluster]:
    parts: dict[str, list[EarlierCluster]] = {}
    for cluster in clusters:
        parts.setdefault(merges.get(cluster.topic_id, cluster.topic_id), []).append(cluster)
    return [_unite(topic, own) for topic, own in parts.items()]


def _unite(topic: str, parts: Sequence[EarlierCluster]) -> EarlierCluster:
    """Return clusters as one, which is named like the part that had the topic, or else the largest."""
    if len(parts) == 1:
        return replace(parts[0], topic_id=topic)
    named = max(parts, key=lambda part: (part.topic_id == topic, len(part.trace_ids), -part.cluster_id))
    sizes = [max(len(part.trace_ids), 1) for part in parts]
    mean = np.average([part.centroid for part in parts], axis=0, weights=sizes)
    centroid: FloatArray = (mean / max(float(np.linalg.norm(mean)), np.finfo(np.float64).tiny)).astype(
        np.float32
    )
    radius = min(_estimate_reach(part, centroid) for part in parts)
    members = np.unique(np.concatenate([part.trace_ids for part in parts]))
    return replace(named, topic_id=topic, trace_ids=members, centroid=centroid, radius=radius)


def _estimate_reach(part: EarlierCluster, centroid: FloatArray) -> float:
    """Return the similarity to another centroid that about the same share of a cluster's members has.

    How a member differs from its own centroid has nothing to do with how the centroids differ. So the two
    directions are at right angles, up to a cosine of about 1 / sqrt(d).
    """
    own, between = min(part.radius, 1.0), min(float(part.centroid @ centroid), 1.0)
    aside = np.sqrt((1 - own**2) * (1 - between**2))
    return float(own * between - _MAX_DEVIATIONS * aside / np.sqrt(len(centroid)))


def find_edited_identities(
    clusters: Sequence[CurrentCluster],
    trace_ids: StringArray,
    earlier: Sequence[EarlierRun],
    *,
    scope: str,
    topics: Mapping[int, str],
) -> Identities:
    """Find the topic of every cluster, where edits say those of some.

    Parameters
    ----------
    clusters, trace_ids, scope
        As in `find_identities`.
    earlier : sequence of EarlierRun
        Newest first, and as if topics had been merged then already.
    topics : mapping
        By cluster, the topic that the edits say.
    """
    taken = set(topics.values())
    others = [
        replace(run, clusters=[cluster for cluster in run.clusters if cluster.topic_id not in taken])
        for run in earlier
    ]
    free = [cluster for cluster in clusters if cluster.cluster_id not in topics]
    found = find_identities(free, trace_ids, others if taken else earlier, scope=scope)
    told = [
        _continue(cluster, topics[cluster.cluster_id], earlier)
        for cluster in clusters
        if cluster.cluster_id in topics
    ]
    rows = sorted([*found.continuities, *told], key=lambda row: row.cluster_id)
    return Identities(rows, found.gone)


def _continue(cluster: CurrentCluster, topic: str, earlier: Sequence[EarlierRun]) -> Continuity:
    for age, run in enumerate(earlier):
        for old in run.clusters:
            if old.topic_id == topic:
                shared = len(np.intersect1d(cluster.trace_ids, old.trace_ids))
                relation: Relation = "back" if age else "continued"
                return Continuity(cluster.cluster_id, topic, relation, run.run_id, old.cluster_id, shared)
    return Continuity(cluster.cluster_id, topic, "new")

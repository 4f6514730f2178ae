"""What edits make of tonight's clusters: parts of one topic are put together, and pinned topics stay."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.topics.edited_history import follow_merges
from trace_clustering.topics.edits import TopicEdits
from trace_clustering.topics.history import EarlierCluster, EarlierRun, find_members
from trace_clustering.topics.identity import CurrentCluster, find_identities
from trace_clustering.traces.arrays import FloatArray, IntArray, StringArray

# A cluster comes from a topic if more than this share of its traces does, of at least so many that are known.
_MIN_SHARE_OF_TRACES = 0.5
_MIN_KNOWN_TRACES = 5
_ROUNDING_ERROR = 1e-6


@dataclass(frozen=True, eq=False)
class EditedClusters:
    """The clusters of a run after edits.

    Attributes
    ----------
    labels : int64 array, shape (n,)
        From 0 to k-1; -1 is noise.
    origins : list of int, length k
        The cluster that each was before; -1 if it has other traces now.
    topics : dict
        The topics that the edits say of clusters.
    kept : dict
        By cluster that is there only since its topic is pinned: what the topic was before.
    merges : dict
        By merged topic, the topic that it is a part of.
    known_sources : list of str
        The merged topics that an earlier run had, or that this one would have without the merge.
    """

    labels: IntArray
    origins: list[int]
    topics: dict[int, str] = field(default_factory=dict)
    kept: dict[int, EarlierCluster] = field(default_factory=dict)
    merges: dict[str, str] = field(default_factory=dict)
    known_sources: list[str] = field(default_factory=list)


def apply_edits(
    labels: IntArray,
    trace_ids: StringArray,
    embeddings: FloatArray,
    earlier: Sequence[EarlierRun],
    edits: TopicEdits,
    *,
    scope: str,
) -> EditedClusters:
    """Put clusters of one topic together, and make a cluster of each pinned topic that was not found.

    A cluster is a part of a topic that others are merged into if it continues it or one of them; and if it
    continues no topic, but comes from these: what fell apart again is put together again.

    A pinned topic that no cluster continues keeps its traces: those within its radius that are noise, or were
    its members, or are nearer to it than to their cluster. One trace is enough.

    Parameters
    ----------
    labels : int64 array, shape (n,)
        From 0 to k-1; -1 is noise.
    trace_ids : array of str, shape (n,)
    embeddings : float32 array, shape (n, d)
        Of any length; only directions count.
    earlier : sequence of EarlierRun
        Newest first.
    edits : TopicEdits
    scope : str
        As in `find_identities`.
    """
    k = int(labels.max(initial=NOISE_CLUSTER_ID)) + 1
    if not edits.change_clusters:
        return EditedClusters(labels, list(range(k)))
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), _ROUNDING_ERROR)
    clusters = _list_clusters(labels, trace_ids, unit)
    found = find_identities(clusters, trace_ids, earlier, scope=scope)
    topics = {row.cluster_id: row.topic_id for row in found.continuities}
    before = {cluster.topic_id for run in earlier for cluster in run.clusters}
    known = before | set(topics.values())
    merges = edits.find_merges(known)
    followed = follow_merges(earlier, merges)
    told = _tell_topics(labels, trace_ids, clusters, topics, before, followed, merges)
    merged = _merge(labels, told)
    pinned = {merges.get(topic, topic) for topic in before if edits.find(topic).pin} - set(told.values())
    missing = [cluster for topic in sorted(pinned) if (cluster := _find_last(topic, followed))]
    changed = _keep_pinned(merged, k, trace_ids, unit, missing)
    edited = _number(labels, changed, told, missing, merges)
    return replace(edited, known_sources=sorted(merges.keys() & known))


def _list_clusters(labels: IntArray, trace_ids: StringArray, unit: FloatArray) -> list[CurrentCluster]:
    return [
        CurrentCluster(
            cluster, np.sort(trace_ids[labels == cluster]), _find_direction(unit[labels == cluster])
        )
        for cluster in range(int(labels.max(initial=NOISE_CLUSTER_ID)) + 1)
    ]


def _find_direction(unit: FloatArray) -> FloatArray:
    mean = unit.mean(axis=0, dtype=np.float64)
    direction: FloatArray = (mean / max(float(np.linalg.norm(mean)), _ROUNDING_ERROR)).astype(np.float32)
    return direction


def _tell_topics(
    labels: IntArray,
    trace_ids: StringArray,
    clusters: Sequence[CurrentCluster],
    topics: Mapping[int, str],
    before: Collection[str],
    followed: Sequence[EarlierRun],
    merges: Mapping[str, str],
) -> dict[int, str]:
    """Return the topic of each cluster as the merges say."""
    told = {cluster: merges.get(topic, topic) for cluster, topic in topics.items()}
    targets = set(merges.values())
    unplaced = {cluster for cluster, topic in topics.items() if topic not in before} if targets else set()
    for run in followed:
        known = run.holds(trace_ids)
        enough = {c for c in unplaced if known[labels == c].sum() >= _MIN_KNOWN_TRACES}
        held = run.find_clusters_of(trace_ids) if enough else labels
        for cluster in enough:
            source = _find_source(held[known & (labels == cluster)], run)
            told[cluster] = source if source in targets else told[cluster]
        unplaced -= enough
        if not unplaced:
            break
    for current in clusters:
        if current.cluster_id in unplaced:
            source = _find_place(current, followed[:1])
            told[current.cluster_id] = source if source in targets else told[current.cluster_id]
    return told


def _find_source(held: IntArray, run: EarlierRun) -> str:
    """Return the topic of most traces, given the position of the cluster of each in a run; empty if none."""
    counts = np.bincount(held[held >= 0], minlength=1)
    most = int(counts.argmax())
    return run.clusters[most].topic_id if counts[most] > _MIN_SHARE_OF_TRACES * len(held) else ""


def _find_place(cluster: CurrentCluster, newest: Sequence[EarlierRun]) -> str:
    """Return the topic that a cluster lies in; empty if none."""
    near = [(float(cluster.centroid @ c.centroid), c) for run in newest for c in run.clusters]
    similarity, nearest = max(near, key=lambda pair: (pair[0], pair[1].topic_id), default=(0.0, None))
    return nearest.topic_id if nearest and similarity >= nearest.radius else ""


def _merge(labels: IntArray, told: Mapping[int, str]) -> IntArray:
    """Return the labels with the clusters of one topic as one, which has the smallest of their ids."""
    merged = labels.copy()
    first: dict[str, int] = {}
    for cluster in sorted(told):
        merged[labels == cluster] = first.setdefault(told[cluster], cluster)
    return merged


def _find_last(topic: str, earlier: Sequence[EarlierRun]) -> EarlierCluster | None:
    """Return the newest cluster of a topic."""
    return next((c for run in earlier for c in run.clusters if c.topic_id == topic), None)


def _keep_pinned(
    labels: IntArray,
    first: int,
    trace_ids: StringArray,
    unit: FloatArray,
    missing: Sequence[EarlierCluster],
) -> IntArray:
    """Return the labels with a cluster more for each missing topic, numbered from `first` on."""
    if not missing:
        return labels
    own = np.full(len(labels), -np.inf)
    for cluster in np.unique(labels[labels != NOISE_CLUSTER_ID]):
        members = labels == cluster
        own[members] = unit[members] @ _find_direction(unit[members])
    similarity = unit @ np.stack([topic.centroid for topic in missing], axis=1)
    were_members = np.stack([find_members(trace_ids, topic.trace_ids) for topic in missing], axis=1)
    radii = np.array([topic.radius for topic in missing]) - _ROUNDING_ERROR
    takes = (similarity >= radii) & (were_members | (similarity > own[:, None]))
    best = np.where(takes, similarity, -np.inf).argmax(axis=1)
    kept: IntArray = np.where(takes.any(axis=1), first + best, labels)
    return kept


def _number(
    labels: IntArray,
    changed: IntArray,
    told: Mapping[int, str],
    missing: Sequence[EarlierCluster],
    merges: dict[str, str],
) -> EditedClusters:
    """Return the clusters numbered from 0 on, in their order before, and those of pinned topics last."""
    left = [int(cluster) for cluster in np.unique(changed) if cluster != NOISE_CLUSTER_ID]
    numbers = {cluster: number for number, cluster in enumerate(left)}
    pinned = {numbers[c]: topic for c, topic in enumerate(missing, start=len(told)) if c in numbers}
    of_targets = {n: told[c] for c, n in numbers.items() if told.get(c) in set(merges.values())}
    return EditedClusters(
        labels=np.array([numbers.get(cluster, NOISE_CLUSTER_ID) for cluster in changed.tolist()], np.int64),
        origins=[c if np.array_equal(labels == c, changed == c) else -1 for c in left],
        topics=of_targets | {number: topic.topic_id for number, topic in pinned.items()},
        kept=pinned,
        merges=merges,
    )

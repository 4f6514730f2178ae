"""Groups of clusters on two levels, and the identity that they keep from run to run."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trace_clustering.algorithms.clusters.levels import N_LEVELS, find_levels
from trace_clustering.topics.history import EarlierParent, EarlierRun
from trace_clustering.topics.identity import Continuity, CurrentCluster
from trace_clustering.topics.matching import match_one_to_one
from trace_clustering.traces.arrays import IntArray

# Any fixed UUID would do. With another one, every group would get another id.
_PARENT_NAMESPACE = uuid.UUID("5d3c1a52-70a4-5c0e-8b7e-2f5b7a9c4d18")
# A group continues an earlier one if they share this much of the traces of their topics.
_MIN_OVERLAP = 0.3


@dataclass(frozen=True)
class Parent:
    """A group of clusters.

    Attributes
    ----------
    parent_id : str
        The identity that it keeps from run to run.
    level : int
        1 is the narrower, 2 the wider.
    cluster_ids : list of int
        Its clusters.
    relation : {"new", "continued"}
    overlap : float
        How much of its topics it shares with the group that it continues, from 0 to 1; 0 for a new one.
    earlier_run_id, earlier_title, earlier_description, earlier_labeler : str
        The last run that had that group, and its label there; empty for a new one.
    """

    parent_id: str
    level: int
    cluster_ids: list[int]
    relation: Literal["new", "continued"]
    overlap: float = 0.0
    earlier_run_id: str = ""
    earlier_title: str = ""
    earlier_description: str = ""
    earlier_labeler: str = ""


def find_parents(
    clusters: Sequence[CurrentCluster],
    continuities: Sequence[Continuity],
    earlier: Sequence[EarlierRun],
    *,
    scope: str,
    use_earlier_groups: bool = True,
) -> list[Parent]:
    """Group the clusters of a run, and find out which groups of earlier runs they continue.

    Parameters
    ----------
    clusters : sequence of CurrentCluster
    continuities : sequence of Continuity
        The topic of each of them.
    earlier : sequence of EarlierRun
        Newest first.
    scope : str
        Team, run label and window: new groups of different scopes never have equal ids.
    use_earlier_groups : bool
        Whether clusters tend to stay in the group that their topic was in; to measure what it is worth.

    Returns
    -------
    list of Parent
        The narrower level first; empty for few clusters, see `find_levels`.
    """
    if not clusters:
        return []
    topic_of = {continuity.cluster_id: continuity.topic_id for continuity in continuities}
    topics = [topic_of[cluster.cluster_id] for cluster in clusters]
    recalled = _recall_groups(topics, earlier) if use_earlier_groups else None
    levels = find_levels(np.stack([cluster.centroid for cluster in clusters]), recalled)
    weights = _weigh_topics(
        {topic: len(cluster.trace_ids) for topic, cluster in zip(topics, clusters, strict=True)}, earlier
    )
    parents = []
    for level, groups in enumerate(levels.T, start=1):
        rows_of = [np.flatnonzero(groups == group).tolist() for group in range(groups.max() + 1)]
        known = _list_known(earlier, level)
        matches = _match([{topics[row] for row in rows} for rows in rows_of], known, weights)
        for rows, (number, overlap) in zip(rows_of, matches, strict=True):
            members = [clusters[row].cluster_id for row in rows]
            if number is None:
                new_id = _make_parent_id(scope, level, [topics[row] for row in rows])
                parents.append(Parent(new_id, level, members, "new"))
            else:
                parents.append(_continue_parent(*known[number], members, overlap))
    return parents


def _recall_groups(topics: Sequence[str], earlier: Sequence[EarlierRun]) -> IntArray:
    """Return the group that each topic was in last on each level, shape (k, 2); -1 if in none."""
    last: dict[tuple[int, str], str] = {}
    for run in earlier:
        for parent in run.parents:
            for topic in parent.topic_ids:
                last.setdefault((parent.level, topic), parent.parent_id)
    numbers = {parent_id: number for number, parent_id in enumerate(sorted(set(last.values())))}
    groups = [
        [numbers.get(last.get((level, topic), ""), -1) for level in range(1, N_LEVELS + 1)]
        for topic in topics
    ]
    return np.array(groups, dtype=np.int64)


def _weigh_topics(sizes: Mapping[str, int], earlier: Sequence[EarlierRun]) -> dict[str, float]:
    """Return the weight of each topic: its share of the clustered traces now, and when it was there last."""
    last: dict[str, float] = {}
    for run in reversed(earlier):
        counts = {cluster.topic_id: len(cluster.trace_ids) for cluster in run.clusters}
        last |= _compute_shares(counts)
    now = _compute_shares(sizes)
    return {topic: now.get(topic, 0.0) + last.get(topic, 0.0) for topic in sorted(now.keys() | last.keys())}


def _compute_shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = max(sum(counts.values()), 1)
    return {topic: count / total for topic, count in counts.items()}


def _list_known(earlier: Sequence[EarlierRun], level: int) -> list[tuple[str, EarlierParent]]:
    """Return the earlier groups of a level, each as the last run had it, with the id of that run."""
    known: dict[str, tuple[str, EarlierParent]] = {}
    for run in earlier:
        for parent in run.parents:
            if parent.level == level:
                known.setdefault(parent.parent_id, (run.run_id, parent))
    return list(known.values())


def _match(
    groups: Sequence[set[str]], known: Sequence[tuple[str, EarlierParent]], weights: Mapping[str, float]
) -> list[tuple[int | None, float]]:
    """Return which known group each group continues, and how much they overlap; None if it is a new one."""
    overlaps = np.array(
        [[_measure_overlap(own, set(old.topic_ids), weights) for _, old in known] for own in groups]
    ).reshape(len(groups), len(known))
    # A match that is none must not take a group away from another one that continues it.
    gains = np.where(overlaps < _MIN_OVERLAP, 0, overlaps)
    pairs = match_one_to_one(gains)
    return [
        (pairs[row], round(float(gains[row, pairs[row]]), 4)) if row in pairs else (None, 0.0)
        for row in range(len(groups))
    ]


def _measure_overlap(own: set[str], old: set[str], weights: Mapping[str, float]) -> float:
    """Return the Jaccard index of two sets of topics, each topic with its weight."""
    either = sum(weights.get(topic, 0.0) for topic in sorted(own | old))
    return sum(weights.get(topic, 0.0) for topic in sorted(own & old)) / either if either else 0.0


def _make_parent_id(scope: str, level: int, topics: Sequence[str]) -> str:
    """Return the id of a group that begins with these topics: the same whenever the run is made again."""
    return str(uuid.uuid5(_PARENT_NAMESPACE, f"{scope}:{level}:{' '.join(sorted(topics))}"))


def _continue_parent(run_id: str, old: EarlierParent, members: list[int], overlap: float) -> Parent:
    return Parent(
        parent_id=old.parent_id,
        level=old.level,
        cluster_ids=members,
        relation="continued",
        overlap=overlap,
        earlier_run_id=run_id,
        earlier_title=old.title,
        earlier_description=old.description,
        earlier_labeler=old.labeler,
    )

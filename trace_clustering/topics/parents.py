"""Groups of clusters on two levels, and the identity that they keep from run to run."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trace_clustering.algorithms.clusters.levels import find_levels
from trace_clustering.topics.history import EarlierParent, EarlierRun
from trace_clustering.topics.identity import Continuity, CurrentCluster

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
        How much of the topics, by their traces, it shares with the group that it continues, from 0 to 1.
    earlier_run_id, earlier_title, earlier_description, earlier_labeler : str
        The run that had that group last, and its label there; empty for a new one.
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

    Returns
    -------
    list of Parent
        The narrower level first; empty for few clusters, see `find_levels`.
    """
    if not clusters:
        return []
    levels = find_levels(np.stack([cluster.centroid for cluster in clusters]))
    topics = {continuity.cluster_id: continuity.topic_id for continuity in continuities}
    weights = _weigh_topics({topics[c.cluster_id]: len(c.trace_ids) for c in clusters}, earlier)
    parents = []
    for level, groups in enumerate(levels.T, start=1):
        members = [
            [clusters[row].cluster_id for row in np.flatnonzero(groups == group).tolist()]
            for group in range(groups.max() + 1)
        ]
        parents += _identify(level, members, topics, weights, earlier, scope)
    return parents


def _weigh_topics(sizes: dict[str, int], earlier: Sequence[EarlierRun]) -> dict[str, float]:
    """Return the weight of each topic: its share of the clustered traces, tonight's and the latest before."""
    weights: dict[str, float] = {}
    latest = [{cluster.topic_id: len(cluster.trace_ids) for cluster in run.clusters} for run in earlier]
    seen: dict[str, float] = {}
    for counts in reversed(latest):
        total = max(sum(counts.values()), 1)
        seen |= {topic: count / total for topic, count in counts.items()}
    total = max(sum(sizes.values()), 1)
    for topic in sizes.keys() | seen.keys():
        weights[topic] = sizes.get(topic, 0) / total + seen.get(topic, 0.0)
    return weights


def _identify(
    level: int,
    members: list[list[int]],
    topics: dict[int, str],
    weights: dict[str, float],
    earlier: Sequence[EarlierRun],
    scope: str,
) -> list[Parent]:
    """Match the groups of one level with earlier ones, in the state of the last run that had them."""
    from scipy.optimize import linear_sum_assignment

    known: dict[str, tuple[str, EarlierParent]] = {}
    for run in earlier:
        for parent in run.parents:
            if parent.level == level:
                known.setdefault(parent.parent_id, (run.run_id, parent))
    candidates = list(known.values())
    mine = [{topics[cluster] for cluster in group} for group in members]
    overlaps = np.array(
        [[_measure_overlap(own, set(old.topic_ids), weights) for _, old in candidates] for own in mine]
    ).reshape(len(mine), len(candidates))
    pairs = dict(zip(*(index.tolist() for index in linear_sum_assignment(-overlaps)), strict=True))
    parents = []
    for position, group in enumerate(members):
        match = pairs.get(position)
        if match is None or overlaps[position, match] < _MIN_OVERLAP:
            name = f"{scope}:{level}:{' '.join(sorted(mine[position]))}"
            parents.append(Parent(str(uuid.uuid5(_PARENT_NAMESPACE, name)), level, group, "new"))
            continue
        run_id, old = candidates[match]
        parents.append(
            Parent(
                old.parent_id,
                level,
                group,
                "continued",
                round(float(overlaps[position, match]), 4),
                run_id,
                old.title,
                old.description,
                old.labeler,
            )
        )
    return parents


def _measure_overlap(own: set[str], old: set[str], weights: dict[str, float]) -> float:
    """Return the Jaccard index of two sets of topics, each topic with its weight."""
    either = sum(weights.get(topic, 0.0) for topic in sorted(own | old))
    return sum(weights.get(topic, 0.0) for topic in sorted(own & old)) / either if either else 0.0

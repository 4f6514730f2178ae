"""How well groups of clusters keep their identity over four weeks of made-up traffic, and what it costs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from trace_clustering.algorithms.clusters.levels import N_LEVELS
from trace_clustering.topics.history import EarlierParent, EarlierRun
from trace_clustering.topics.identity import CurrentCluster
from trace_clustering.topics.parents import Parent, find_parents
from trace_clustering.traces.arrays import StringArray
from trace_clustering_tests.benchmarks.stream import NO_INTENT, SEEDS, Stream, make_stream
from trace_clustering_tests.benchmarks.stream_nights import cluster_nights
from trace_clustering_tests.benchmarks.stream_play import PlayedNight, play_stream

# An intent of fewer traces in a window is not told of.
MIN_TRACES = 10


@dataclass(frozen=True)
class LevelsLine:
    """The groups of one level, made with or without those of the nights before; means over streams.

    `kept` is the share of the traces in the samples of two nights in a row, and in a cluster both times,
    whose group has the same id; `kept_over_weeks` the share of the intents whose group has the same id in the
    first and in the last window, which share no trace. `inside` is the share of what sets centroids apart
    that is left inside groups: the less, the tighter they are.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("stream", "level", "earlier groups", "kept", "kept over 4 weeks"),
        *("groups", "ids", "largest", "inside"),
    )

    stream: str
    level: int
    with_history: bool
    kept: float
    kept_over_weeks: float
    groups: float
    ids: float
    largest: float
    inside: float

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        level, history = ("narrow", "wide")[self.level - 1], "take part" if self.with_history else "do not"
        shares = (f"{self.largest:.0%}", f"{self.inside:.2f}")
        counts = (f"{self.groups:.1f}", f"{self.ids:.1f}")
        return (
            self.stream,
            level,
            history,
            f"{self.kept:.3f}",
            f"{self.kept_over_weeks:.2f}",
            *counts,
            *shares,
        )

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""
        return vars(self)


@dataclass(frozen=True, eq=False)
class GroupedNight:
    """The groups of a played night, and the group of each trace on each level; empty for noise."""

    night: PlayedNight
    parents: Sequence[Parent]
    groups: Sequence[StringArray]


def levels(_runs: int, _folder: Path) -> Iterator[LevelsLine]:
    """Groups of clusters over 28 days, three seeds: identity with and without those of the nights before."""
    for changing in (False, True):
        streams = [make_stream(seed, changing=changing) for seed in SEEDS]
        played = [list(play_stream(stream, cluster_nights(stream))) for stream in streams]
        for level in range(1, N_LEVELS + 1):
            for with_history in (False, True):
                figures = [
                    _measure(stream, _group_nights(nights, with_history), level)
                    for stream, nights in zip(streams, played, strict=True)
                ]
                means = {key: float(np.mean([each[key] for each in figures])) for key in figures[0]}
                name = "with changes" if changing else "unchanged"
                yield LevelsLine(name, level, with_history, **means)


def _group_nights(nights: Sequence[PlayedNight], with_history: bool) -> list[GroupedNight]:
    """Group the clusters of every night; ids are carried on either way."""
    history: list[EarlierRun] = []
    grouped = []
    for night in nights:
        continuities = night.identities.continuities
        clusters = [CurrentCluster(c.cluster_id, c.trace_ids, c.centroid) for c in night.run.clusters]
        scope = night.run.run_id
        parents = find_parents(clusters, continuities, history, scope=scope, use_earlier_groups=with_history)
        topics = {row.cluster_id: row.topic_id for row in continuities}
        told = [EarlierParent(p.parent_id, p.level, tuple(topics[c] for c in p.cluster_ids)) for p in parents]
        history.insert(0, replace(night.run, parents=told))
        grouped.append(GroupedNight(night, parents, _find_groups_of_traces(night, parents)))
    return grouped


def _find_groups_of_traces(night: PlayedNight, parents: Sequence[Parent]) -> list[StringArray]:
    groups = []
    for level in range(1, N_LEVELS + 1):
        of_cluster = np.full(len(night.run.clusters) + 1, "", dtype=object)  # the last is noise
        for parent in parents:
            if parent.level == level:
                of_cluster[parent.cluster_ids] = parent.parent_id
        groups.append(of_cluster[night.labels])
    return groups


def _measure(stream: Stream, nights: Sequence[GroupedNight], level: int) -> dict[str, float]:
    sizes = [[len(p.cluster_ids) for p in each.parents if p.level == level] for each in nights]
    first, last = (_find_groups_of_intents(stream, nights[row], level) for row in (0, -1))
    both = first.keys() & last.keys()
    return {
        "kept": float(np.mean([_compute_kept(*pair, level) for pair in pairwise(nights)])),
        "kept_over_weeks": float(np.mean([first[intent] == last[intent] for intent in both])),
        "groups": float(np.mean([len(own) for own in sizes])),
        "ids": len({p.parent_id for each in nights for p in each.parents if p.level == level}),
        "largest": float(np.mean([max(own) / sum(own) for own in sizes])),
        "inside": float(np.mean([_compute_inside(each, level) for each in nights])),
    }


def _compute_kept(one: GroupedNight, other: GroupedNight, level: int) -> float:
    """Return the share of the traces of two nights whose group has the same id in both."""
    _, rows, other_rows = np.intersect1d(one.night.rows, other.night.rows, return_indices=True)
    before, after = one.groups[level - 1][rows], other.groups[level - 1][other_rows]
    grouped = (before != "") & (after != "")
    return float((before == after)[grouped].mean())


def _find_groups_of_intents(stream: Stream, each: GroupedNight, level: int) -> dict[str, str]:
    """Return the group that most traces of each intent are in."""
    counts: dict[str, Counter[str]] = {}
    for intent, group in zip(stream.intents[each.night.rows], each.groups[level - 1], strict=True):
        if group and intent != NO_INTENT:
            counts.setdefault(intent, Counter())[group] += 1
    return {
        intent: max(sorted(groups), key=groups.__getitem__)
        for intent, groups in counts.items()
        if groups.total() >= MIN_TRACES
    }


def _compute_inside(each: GroupedNight, level: int) -> float:
    """Return the share of the centroids' variance that is inside groups."""
    centroids = np.stack([cluster.centroid for cluster in each.night.run.clusters]).astype(np.float64)
    centroids -= centroids.mean(axis=0)
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    own = [centroids[parent.cluster_ids] for parent in each.parents if parent.level == level]
    left = sum(float(((members - members.mean(axis=0)) ** 2).sum()) for members in own)
    return left / len(centroids)

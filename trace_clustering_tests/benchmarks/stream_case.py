"""How well topics go on from night to night, against matching by title and by centroid."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from trace_clustering_tests.benchmarks import stream_measures as measures
from trace_clustering_tests.benchmarks.stream import SEEDS, Stream, make_stream
from trace_clustering_tests.benchmarks.stream_baselines import match_by_centroid, match_by_title
from trace_clustering_tests.benchmarks.stream_nights import Night, cluster_nights
from trace_clustering_tests.benchmarks.stream_play import (
    PlayedNight,
    find_labels_with_history,
    play_stream,
)


@dataclass(frozen=True)
class StreamRow:
    """One line of the table: the streams of all seeds together.

    Attributes
    ----------
    stream, method : str
    topics, intents : float
        Shares that are kept from night to night, see `count_kept_topics` and `count_kept_intents`.
    topics_later, intents_later : float
        The same for the first and the last window, which are three weeks apart and share no trace.
    ids : float
        Number of topics in 22 nights.
    truth, agreement : float
        Adjusted Rand index of clusters with the intents, and with those of the next night.
    found : tuple of Found
        For each of `KINDS`.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("stream", "topics go on by", "topics kept", "in disjoint windows", "intents kept"),
        *("in disjoint windows", "ids in 22 nights", "truth", "next night", *measures.KINDS),
    )

    stream: str
    method: str
    topics: float
    topics_later: float
    intents: float
    intents_later: float
    ids: float
    truth: float
    agreement: float
    found: tuple[measures.Found, ...]

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says; of events, how many of how many were found, and false claims."""
        found = [f"{each.found}/{each.found + each.missed}, {each.false} false" for each in self.found]
        return (
            *(self.stream, self.method),
            *(f"{self.topics:.3f}", f"{self.topics_later:.2f}"),
            *(f"{self.intents:.3f}", f"{self.intents_later:.2f}"),
            *(f"{self.ids:.1f}", f"{self.truth:.3f}", f"{self.agreement:.3f}", *found),
        )

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""
        return vars(self) | {"found": [vars(each) for each in self.found]}


def stream(runs: int, folder: Path) -> Iterator[StreamRow]:
    """Four weeks of made-up traffic, three seeds, with a schedule of changes and without any."""
    del runs, folder
    for changing in (True, False):
        streams = [make_stream(seed, changing=changing) for seed in SEEDS]
        nights = [list(cluster_nights(each)) for each in streams]
        name = "topics come, go, split and merge" if changing else "unchanged"
        played: dict[str, list[list[PlayedNight]]] = {}
        for each, of_stream in zip(streams, nights, strict=True):
            for method, found in _play_all(each, of_stream):
                played.setdefault(method, []).append(found)
        for method, found_of_seeds in played.items():
            yield _measure(name, method, streams, found_of_seeds)


def _play_all(each: Stream, nights: list[Night]) -> Iterator[tuple[str, list[PlayedNight]]]:
    yield "title", list(play_stream(each, nights, find_topics=match_by_title(each)))
    yield "centroid", list(play_stream(each, nights, find_topics=match_by_centroid))
    yield "traces, then centroid", list(play_stream(each, nights))
    yield (
        "the same, and earlier clusters have a say",
        list(play_stream(each, nights, find_labels_with_history(each))),
    )


def _measure(name: str, method: str, streams: list[Stream], played: list[list[PlayedNight]]) -> StreamRow:
    pairs = list(zip(streams, played, strict=True))
    near = [(each, one, other) for each, nights in pairs for one, other in pairwise(nights)]
    far = [(each, nights[0], nights[-1]) for each, nights in pairs]

    def share(count: measures.CountKept, compared: list[tuple[Stream, PlayedNight, PlayedNight]]) -> float:
        return measures.add_up([count(*both) for both in compared]).share

    return StreamRow(
        name,
        method,
        share(measures.count_kept_topics, near),
        share(measures.count_kept_topics, far),
        share(measures.count_kept_intents, near),
        share(measures.count_kept_intents, far),
        float(np.mean([len({topic for n in nights for topic in n.topics if topic}) for nights in played])),
        float(np.mean([measures.measure_truth(*both) for both in pairs])),
        float(np.mean([measures.measure_agreement(nights) for nights in played])),
        tuple(_count_found(pairs, kind) for kind in measures.KINDS),
    )


def _count_found(pairs: list[tuple[Stream, list[PlayedNight]]], kind: measures.EventKind) -> measures.Found:
    found = [
        measures.compare_with_schedule(each.events, measures.list_claims(each, nights), kind)
        for each, nights in pairs
    ]
    return measures.Found(
        sum(one.found for one in found), sum(one.missed for one in found), sum(one.false for one in found)
    )

"""Are changes of traffic found, how often are they claimed where nothing changes, and do intervals hold?"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from trace_clustering.algorithms.quality.sizes import measure_size_deviations
from trace_clustering.topics.day_counts import NO_TOPIC, CountedWindow
from trace_clustering.topics.trends import Trend, find_trends
from trace_clustering.traces.arrays import IntArray
from trace_clustering_tests.benchmarks.stream import (
    BRIDGE,
    SEEDS,
    WINDOW_DAYS,
    EventKind,
    PlannedEvent,
    Stream,
    make_stream,
)
from trace_clustering_tests.benchmarks.stream_measures import Found, find_intents_of_topics
from trace_clustering_tests.benchmarks.stream_nights import cluster_nights
from trace_clustering_tests.benchmarks.stream_play import PlayedNight, find_labels_with_history, play_stream

KINDS: tuple[EventKind, ...] = ("new", "growing", "shrinking", "gone", "back")
_UP = ("new", "growing", "back")
_FIRST_DAY = np.datetime64("2025-03-01")
_MIN_WINDOWS = 3


@dataclass(frozen=True)
class TrendRow:
    """One line of the table: streams of all seeds; what does not apply is None."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("stream", "measure", "value", "of", "bar")

    stream: str
    measure: str
    value: float
    of: str
    bar: str

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        return self.stream, self.measure, f"{self.value:.3f}", self.of, self.bar

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""
        return asdict(self)


@dataclass(frozen=True)
class TrendNight:
    """What is said on a night: the trend of each topic, and the intent of most of its traces."""

    night: int
    trends: dict[str, Trend]
    intents: dict[str, str]


def stream_trends(runs: int, folder: Path) -> Iterator[TrendRow]:
    """Four weeks of made-up traffic, three seeds, with a schedule of changes and without any."""
    del runs, folder
    told = [(each, tell_trends(each)) for each in (make_stream(seed) for seed in SEEDS)]
    for kind in KINDS:
        counted = [count_found(each, nights, kind) for each, nights in told]
        found = Found(*(sum(values) for values in zip(*map(_list_counts, counted), strict=True)))
        of = f"{found.found} of {found.found + found.missed} events, {found.false} false claims"
        yield TrendRow("changing", f"F1 of {kind}", found.f1, of, ">= .9")
    unchanged = [tell_trends(make_stream(seed, changing=False)) for seed in SEEDS]
    weeks = sum(len(night.intents) for nights in unchanged for night in nights[1:]) / WINDOW_DAYS
    claims = sum(len(list_news(night)) for nights in unchanged for night in nights)
    yield TrendRow("unchanged", "false claims", claims / weeks, f"{weeks:.0f} topics and weeks", "<= .01")
    held = [hit for nights in unchanged for hit in check_intervals(nights)]
    yield TrendRow("unchanged", "coverage", float(np.mean(held)), f"{len(held):,} intervals", ".93 to .97")


def tell_trends(stream: Stream) -> list[TrendNight]:
    """Play a stream as the pipeline would, and return what is said on each night."""
    nights = list(cluster_nights(stream))
    windows: list[CountedWindow] = []
    said: dict[str, str | None] = {}
    told = []
    for night, played in zip(
        nights, play_stream(stream, nights, find_labels_with_history(stream)), strict=True
    ):
        window, labels = count_window(stream, played)
        deviations = measure_size_deviations(night.clusterings, labels)
        topics = [row.topic_id for row in played.identities.continuities]
        of_topics = dict(zip(topics, map(float, deviations), strict=True))
        trends = find_trends(window, windows, deviations=of_topics, said=said)
        said = {topic: trend.kind for topic, trend in trends.items()}
        windows.insert(0, window)
        told.append(TrendNight(night.night, trends, find_intents_of_topics(stream, played)))
    return told


def count_window(stream: Stream, played: PlayedNight) -> tuple[CountedWindow, IntArray]:
    """Assign all traces of a window to the nearest centroid within its radius; those sampled keep theirs."""
    rows = stream.select_window(played.night)
    centroids = np.array([cluster.centroid for cluster in played.run.clusters])
    radii = np.array([cluster.radius for cluster in played.run.clusters])
    similarities = stream.embeddings[rows] @ centroids.T
    nearest = similarities.argmax(axis=1)
    labels = np.where(similarities.max(axis=1) >= radii[nearest], nearest, -1)
    labels[np.searchsorted(rows, played.rows)] = played.labels
    days = stream.days[rows] - (played.night - WINDOW_DAYS + 1)
    topics = {**{c.cluster_id: c.topic_id for c in played.run.clusters}, -1: NO_TOPIC}
    traces = {
        topic: np.bincount(days[labels == cluster], minlength=WINDOW_DAYS)
        for cluster, topic in topics.items()
    }
    first = _FIRST_DAY + (played.night - WINDOW_DAYS + 1)
    totals = np.bincount(days, minlength=WINDOW_DAYS)
    counted = CountedWindow(played.run.run_id, np.arange(first, first + WINDOW_DAYS), totals, traces)
    return counted, played.labels


def list_news(told: TrendNight) -> list[tuple[str, str]]:
    """Return kind and intent of what was not said the night before; outliers are no topic."""
    return [
        (str(trend.kind), told.intents[topic])
        for topic, trend in told.trends.items()
        if trend.kind not in (None, "steady") and not trend.said_before and topic != NO_TOPIC
    ]


def count_found(stream: Stream, told: Sequence[TrendNight], kind: EventKind) -> Found:
    """Compare the news of one kind with the schedule.

    An event is found if it is said of its intent in time. A claim is false unless the traffic of its intent
    went that way within two weeks before: what is said late is not false.
    """
    news = [(night.night, said, intent) for night in told for said, intent in list_news(night)]
    planned = [event for event in stream.events if event.kind == kind]
    found = sum(
        any(
            said == kind and _is_of(event, intent) and event.day <= night <= event.last_night
            for night, said, intent in news
        )
        for event in planned
    )
    false = sum(
        said == kind and not any(_explains(event, night, said, intent) for event in stream.events)
        for night, said, intent in news
    )
    return Found(found, len(planned) - found, false)


def check_intervals(told: Sequence[TrendNight]) -> Iterator[bool]:
    """Return whether the share of a topic in a window lies within what its interval says of other windows.

    The windows have no day in common. What the topic's share is on average is known from the other windows,
    so it is uncertain too: bounds are widened by as much.
    """
    for offset in range(WINDOW_DAYS):
        nights = told[offset::WINDOW_DAYS]
        for topic in sorted({topic for night in nights for topic in night.trends} - {NO_TOPIC}):
            windows = [_measure_window(night.trends[topic]) for night in nights if topic in night.trends]
            if len(windows) < _MIN_WINDOWS:
                continue
            for position, (share, low, high) in enumerate(windows):
                others = np.mean([other[0] for n, other in enumerate(windows) if n != position])
                wider = np.sqrt(1 + 1 / (len(windows) - 1))
                yield bool(wider * (low - share) <= others - share <= wider * (high - share))


def _measure_window(trend: Trend) -> tuple[float, float, float]:
    window = trend.window
    assert window.share is not None
    assert window.low is not None
    assert window.high is not None
    return window.share, window.low, window.high


def _is_of(event: PlannedEvent, intent: str) -> bool:
    return bool(set(intent.split(BRIDGE)) & set(event.intents))


def _explains(event: PlannedEvent, night: int, said: str, intent: str) -> bool:
    same_way = event.kind in ("split", "merged") or (event.kind in _UP) == (said in _UP)
    recent = event.day <= night <= event.day + 2 * WINDOW_DAYS
    return _is_of(event, intent) and recent and same_way


def _list_counts(found: Found) -> tuple[int, int, int]:
    return found.found, found.missed, found.false

"""Four weeks of made-up traffic from a labelled set, in which it is known what changes when.

Trends and identities are measured on it. Traces are drawn from about 30 intents of CLINC150, about 240 a day
over 28 days, and a few that belong to no intent. `make_stream(seed)` follows a schedule: intents are born,
grow, shrink, die and return, one true topic splits into two and two become one. An intent whose rate changes
is near to no other one. `make_stream(seed, changing=False)` keeps every rate as it was on the first day.
Other seeds draw other intents, rates and traces.

A topic that splits (or that two topics merge into) is made of two near intents and of traces half way
between both: as long as these flow, the two are one dense group.

>>> stream = make_stream(seed=0)
>>> rows = stream.sample_window(night=6)          # sample of days 0 to 6, as the pipeline draws one
>>> stream.embeddings[rows], stream.intents[rows], stream.trace_ids[rows]
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from trace_clustering.traces.arrays import FloatArray, IntArray, StringArray
from trace_clustering_tests.benchmarks import vectors

N_DAYS = 28
WINDOW_DAYS = 7
MAX_SAMPLES = 1_000
# The last days of all windows that are whole.
NIGHTS = range(WINDOW_DAYS - 1, N_DAYS)
SEEDS = (0, 1, 2)
# The label of traces that belong to no intent, in the set too.
NO_INTENT = "oos"
# The joined names of two intents are the label of traces half way between both.
BRIDGE = "+"

_N_STEADY = 18
_STEADY_RATES = (5.0, 9.0)
_NO_INTENT_RATE = 10.0
# Cosine similarity of the centroids of two intents that may be one topic, or two.
_NEAR = (0.70, 0.82)
_NIGHTS_TO_FIND = 2

_DATA = "clinc150_23700"
# Day, intent, vector and title of a trace.
_Drawn = tuple[int, str, FloatArray, str]

EventKind = Literal["new", "gone", "growing", "shrinking", "split", "merged", "back"]


@dataclass(frozen=True)
class PlannedEvent:
    """A change of the traffic.

    Attributes
    ----------
    kind : EventKind
    day : int
        The first day that is different. A window of the night `day` is the first that can show it.
    intents : tuple of str
        One intent; two for `split` and `merged`.
    """

    kind: EventKind
    day: int
    intents: tuple[str, ...]

    @property
    def last_night(self) -> int:
        """The last night on which finding it counts as within two nights.

        What is gone, split or merged cannot be seen before the traces of before have left the window.
        """
        waits = self.kind in ("gone", "split", "merged")
        return self.day + _NIGHTS_TO_FIND + (WINDOW_DAYS - 1 if waits else 0)


@dataclass(frozen=True, eq=False)
class Stream:
    """The traffic.

    Attributes
    ----------
    trace_ids : array of str, shape (n,)
        Unique, sorted.
    days : int64 array, shape (n,)
        From 0 to 27.
    intents : array of str, shape (n,)
        The truth: an intent, two intents joined by `+`, or `oos`.
    embeddings : float32 array, shape (n, d)
    titles : array of str, shape (n,)
    events : tuple of PlannedEvent
        Ordered by day; empty where nothing changes.
    steady : tuple of str
        The intents of constant rate that take part in no event, and are not one topic with another intent.
    """

    trace_ids: StringArray
    days: IntArray
    intents: StringArray
    embeddings: FloatArray
    titles: StringArray
    events: tuple[PlannedEvent, ...]
    steady: tuple[str, ...]

    def select_window(self, night: int, n_days: int = WINDOW_DAYS) -> IntArray:
        """Return the rows of the days that end with a night, ordered by trace id."""
        return np.flatnonzero((self.days > night - n_days) & (self.days <= night))

    def sample_window(
        self, night: int, max_samples: int = MAX_SAMPLES, n_days: int = WINDOW_DAYS
    ) -> IntArray:
        """Return the rows of a window with the smallest hashes, ordered by trace id.

        A trace that is in one sample is in that of the next night too, as long as it is in the window and the
        traffic does not grow.
        """
        rows = self.select_window(night, n_days)
        hashes = [hashlib.blake2b(str(trace_id).encode()).digest() for trace_id in self.trace_ids[rows]]
        smallest = sorted(range(len(rows)), key=hashes.__getitem__)[:max_samples]
        return rows[np.sort(np.array(smallest, dtype=np.int64))]


@dataclass(frozen=True)
class _Flow:
    """The traces of one intent, or of two, that come each day.

    `rates` are pairs of the first day and the mean number of traces a day from then on.
    """

    intents: tuple[str, ...]
    rates: tuple[tuple[int, float], ...]

    def get_rate(self, day: int) -> float:
        return next(rate for first, rate in reversed(self.rates) if first <= day)


def make_stream(seed: int, *, changing: bool = True) -> Stream:
    """Draw the traffic of four weeks.

    Raises
    ------
    FileNotFoundError
        If the labelled set is absent; `TRACE_CLUSTERING_TEST_DATA` names the folder.
    """
    embeddings, labels = vectors.load_labelled_set(_DATA)
    embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    random = np.random.default_rng(seed)
    flows, events, steady = _plan(random, _Intents.measure(embeddings, labels))
    if not changing:
        flows = [_Flow(flow.intents, flow.rates[:1]) for flow in flows]
        events = []
        one_topic = {intent for flow in flows for intent in flow.intents if len(flow.intents) > 1}
        constant = [flow for flow in flows if flow.rates[0][1] > 0 and flow.intents[0] != NO_INTENT]
        steady = [flow.intents[0] for flow in constant if not one_topic & set(flow.intents)]
    decks = {intent: random.permutation(np.flatnonzero(labels == intent)) for intent in np.unique(labels)}
    titles = vectors.load_titles(_DATA)
    drawn: list[_Drawn] = []
    used = dict.fromkeys(decks, 0)
    for day in range(N_DAYS):
        for flow in flows:
            for _ in range(random.poisson(flow.get_rate(day))):
                # A text comes again only when all others of its intent were used: never within a window.
                picked = []
                for intent in flow.intents:
                    picked.append(decks[intent][used[intent] % len(decks[intent])])
                    used[intent] += 1
                vector, title = embeddings[picked].mean(axis=0), " ".join(titles[picked])
                drawn.append((day, BRIDGE.join(flow.intents), vector, title))
    return _number(drawn, random, tuple(sorted(events, key=lambda event: event.day)), tuple(sorted(steady)))


@dataclass(frozen=True, eq=False)
class _Intents:
    """All intents, and the cosine similarities of their centroids, shape (m, m); -1 with themselves."""

    names: list[str]
    similarities: NDArray[np.float64]

    @classmethod
    def measure(cls, embeddings: FloatArray, labels: NDArray[np.str_]) -> Self:
        names = [str(intent) for intent in np.unique(labels) if intent != NO_INTENT]
        centroids = np.array([embeddings[labels == intent].mean(axis=0) for intent in names])
        centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
        similarities = (centroids @ centroids.T).astype(np.float64)
        np.fill_diagonal(similarities, -1)
        return cls(names, similarities)

    def list_near_pairs(self) -> list[tuple[str, str]]:
        """Return the pairs that are each other's nearest, and neither too near nor too far."""
        nearest = self.similarities.argmax(axis=1)
        return [
            (self.names[one], self.names[other])
            for one, other in enumerate(nearest.tolist())
            if one < other and nearest[other] == one and _NEAR[0] <= self.similarities[one, other] <= _NEAR[1]
        ]

    def take_apart_from(self, free: list[str], used: Sequence[str]) -> str:
        """Remove from `free` the first intent that is near to none of those used, and return it."""
        others = [self.names.index(intent) for intent in used]
        for intent in free:
            if self.similarities[self.names.index(intent), others].max() < _NEAR[0]:
                free.remove(intent)
                return intent
        raise LookupError("Every intent that is left is near to one that is used.")


def _plan(
    random: np.random.Generator, intents: _Intents
) -> tuple[list[_Flow], list[PlannedEvent], list[str]]:
    """Draw which intent does what; return the flows, the events and the steady intents."""
    near_pairs = intents.list_near_pairs()
    split, merged = (near_pairs[chosen] for chosen in random.permutation(len(near_pairs))[:2])
    shuffled = [intents.names[chosen] for chosen in random.permutation(len(intents.names))]
    free = [intent for intent in shuffled if intent not in split + merged]
    steady = [free.pop() for _ in range(_N_STEADY)]
    flows = [_Flow((intent,), ((0, random.uniform(*_STEADY_RATES)),)) for intent in steady]
    used = [*steady, *split, *merged]
    events = []
    changes: tuple[tuple[EventKind, int, float, float], ...] = (
        *(("new", 10, 0.0, 12.0), ("new", 17, 0.0, 12.0)),
        *(("gone", 9, 12.0, 0.0), ("gone", 16, 12.0, 0.0)),
        *(("growing", 11, 5.0, 15.0), ("growing", 18, 5.0, 15.0)),
        *(("shrinking", 12, 15.0, 5.0), ("shrinking", 17, 15.0, 5.0)),
    )
    for kind, day, before, after in changes:
        used.append(intents.take_apart_from(free, used))
        flows.append(_Flow((used[-1],), ((0, before), (day, after))))
        events.append(PlannedEvent(kind, day, (used[-1],)))
    returning = intents.take_apart_from(free, used)
    flows.append(_Flow((returning,), ((0, 12.0), (7, 0.0), (20, 12.0))))
    events += [PlannedEvent("gone", 7, (returning,)), PlannedEvent("back", 20, (returning,))]
    flows += [_Flow((intent,), ((0, 7.0),)) for intent in split + merged]
    flows += [_Flow(split, ((0, 8.0), (13, 0.0))), _Flow(merged, ((0, 0.0), (14, 8.0)))]
    events += [PlannedEvent("split", 13, split), PlannedEvent("merged", 14, merged)]
    flows.append(_Flow((NO_INTENT,), ((0, _NO_INTENT_RATE),)))
    return flows, events, steady


def _number(
    drawn: Sequence[_Drawn],
    random: np.random.Generator,
    events: tuple[PlannedEvent, ...],
    steady: tuple[str, ...],
) -> Stream:
    """Give every trace an id that tells its day and nothing of its intent."""
    order = random.permutation(len(drawn))
    days = np.array([drawn[row][0] for row in order], dtype=np.int64)
    trace_ids = np.array(
        [f"day-{day:02d}-trace-{number:05d}" for number, day in enumerate(days)], dtype=object
    )
    by_id = np.argsort(trace_ids)
    return Stream(
        trace_ids[by_id],
        days[by_id],
        np.array([drawn[row][1] for row in order], dtype=object)[by_id],
        np.array([drawn[row][2] for row in order], dtype=np.float32)[by_id],
        np.array([drawn[row][3] for row in order], dtype=object)[by_id],
        events,
        steady,
    )

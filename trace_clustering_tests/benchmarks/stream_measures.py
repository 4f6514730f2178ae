"""What of a played stream is right: topics that are kept, and changes that are found."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sklearn.metrics import adjusted_rand_score

from trace_clustering.traces.arrays import StringArray
from trace_clustering_tests.benchmarks.stream import BRIDGE, NO_INTENT, EventKind, PlannedEvent, Stream
from trace_clustering_tests.benchmarks.stream_play import PlayedNight

# What a topic's relation to earlier topics can tell; growth is told by trends.
KINDS: tuple[EventKind, ...] = ("new", "gone", "split", "merged", "back")


@dataclass(frozen=True)
class Claim:
    """What a night says of a topic; `intent` is that of most of its traces."""

    kind: EventKind
    night: int
    intent: str


@dataclass(frozen=True)
class Kept:
    """Of `pairs` of nights, times intents, how many have the same topic on both."""

    kept: int
    pairs: int

    @property
    def share(self) -> float:
        return self.kept / self.pairs


@dataclass(frozen=True)
class Found:
    """How many events of the schedule were found, and how many claims fit none."""

    found: int
    missed: int
    false: int

    @property
    def f1(self) -> float:
        return 2 * self.found / max(2 * self.found + self.missed + self.false, 1)


CountKept = Callable[[Stream, PlayedNight, PlayedNight], Kept]


def count_kept_topics(stream: Stream, one: PlayedNight, other: PlayedNight) -> Kept:
    """Count the topics of steady intents on one night that are of the same intent on the other night too.

    A topic is of the intent that most of its traces have.
    """
    before, after = (find_intents_of_topics(stream, played) for played in (one, other))
    steady = [topic for topic, intent in before.items() if intent in stream.steady]
    return Kept(sum(after.get(topic) == before[topic] for topic in steady), len(steady))


def find_intents_of_topics(stream: Stream, played: PlayedNight) -> dict[str, str]:
    """Return the intent of most traces of each topic; noise is none."""
    return {
        row.topic_id: _find_intent(stream, played, row.cluster_id) for row in played.identities.continuities
    }


def count_kept_intents(stream: Stream, one: PlayedNight, other: PlayedNight) -> Kept:
    """Count the steady intents whose traces are mostly of the same topic on two nights.

    Noise is a topic like others here, but an intent that is noise on both nights is not counted. An intent
    that is two topics of about the same size is counted as lost whenever the other one is larger.
    """
    before, after = (find_topics_of_intents(stream, played) for played in (one, other))
    pairs = [(before[intent], after[intent]) for intent in stream.steady if intent in before.keys() & after]
    clustered = [pair for pair in pairs if any(pair)]
    return Kept(sum(a == b for a, b in clustered), len(clustered))


def find_topics_of_intents(stream: Stream, played: PlayedNight) -> dict[str, str]:
    """Return the topic of most traces of each intent; empty for noise."""
    intents, topics = stream.intents[played.rows], played.topics
    return {intent: _most_common(topics[intents == intent]) for intent in np.unique(intents)}


def add_up(counted: Sequence[Kept]) -> Kept:
    """Return the sum of counts."""
    return Kept(sum(each.kept for each in counted), sum(each.pairs for each in counted))


def list_claims(stream: Stream, nights: Sequence[PlayedNight]) -> list[Claim]:
    """Return what the relations of all nights say; nothing is said on the first."""
    claims = []
    for before, now in pairwise(nights):
        for row in now.identities.continuities:
            if row.relation in ("new", "split", "back"):
                intent = _find_intent(stream, now, row.cluster_id)
                claims.append(Claim(row.relation, now.night, intent))
        for gone in now.identities.gone:
            intent = _find_intent(stream, before, gone.cluster_id)
            claims.append(Claim("merged" if gone.merged_into else "gone", now.night, intent))
    return claims


def compare_with_schedule(events: Sequence[PlannedEvent], claims: Sequence[Claim], kind: EventKind) -> Found:
    """Compare the claims of one kind with the schedule; of two claims of one event, one is false."""
    planned = [event for event in events if event.kind == kind]
    claimed = [claim for claim in claims if claim.kind == kind]
    found = [event for event in planned if any(_fits(claim, event) for claim in claimed)]
    return Found(len(found), len(planned) - len(found), len(claimed) - len(found))


def measure_truth(stream: Stream, nights: Sequence[PlayedNight]) -> float:
    """Return the mean adjusted Rand index of clusters and intents."""
    return float(np.mean([adjusted_rand_score(stream.intents[n.rows], n.labels) for n in nights]))


def measure_agreement(nights: Sequence[PlayedNight]) -> float:
    """Return the mean adjusted Rand index of successive nights on the traces of both."""
    indices = []
    for one, other in pairwise(nights):
        _, a, b = np.intersect1d(one.rows, other.rows, return_indices=True)
        indices.append(adjusted_rand_score(one.labels[a], other.labels[b]))
    return float(np.mean(indices))


def _fits(claim: Claim, event: PlannedEvent) -> bool:
    same = bool(set(claim.intent.split(BRIDGE)) & set(event.intents))
    return same and event.day <= claim.night <= event.last_night


def _find_intent(stream: Stream, played: PlayedNight, cluster_id: int) -> str:
    return _most_common(stream.intents[played.rows[played.labels == cluster_id]])


def _most_common(values: StringArray) -> str:
    counts = Counter(values.tolist())
    return max(sorted(counts), key=counts.__getitem__, default=NO_INTENT)

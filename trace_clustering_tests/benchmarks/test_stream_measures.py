"""What is counted on a played stream, on one that is small enough to count by hand."""

import numpy as np

from trace_clustering.algorithms.clusters.consensus_labels import find_consensus_labels
from trace_clustering_tests.benchmarks.stream import PlannedEvent, Stream
from trace_clustering_tests.benchmarks.stream_baselines import match_by_centroid, match_by_title
from trace_clustering_tests.benchmarks.stream_measures import (
    Claim,
    Found,
    Kept,
    add_up,
    compare_with_schedule,
    count_kept_intents,
    count_kept_topics,
    list_claims,
    measure_agreement,
    measure_truth,
)
from trace_clustering_tests.benchmarks.stream_nights import Night
from trace_clustering_tests.benchmarks.stream_play import PlayedNight, find_labels_with_history, play_stream

BORN = PlannedEvent("new", 7, ("c",))
# 10 traces of intent a, 10 of b, 10 of c; those of c come on the second night.
ROWS = np.arange(30)
INTENTS = np.array(list("a" * 10 + "b" * 10 + "c" * 10), dtype=object)
STREAM = Stream(
    trace_ids=np.array([f"trace-{row:02d}" for row in ROWS], dtype=object),
    days=np.repeat([6, 6, 7], 10),
    intents=INTENTS,
    embeddings=np.repeat(np.eye(3, dtype=np.float32), 10, axis=0),
    titles=np.array(
        [{"a": "Pay bill", "b": "Book flight", "c": "Tell joke"}[i] for i in INTENTS], dtype=object
    ),
    events=(BORN,),
    steady=("a", "b"),
)


def make_nights(*written: str) -> list[Night]:
    """Return nights whose layouts agree, written as one digit per trace; a dot is noise."""
    nights = []
    for number, letters in enumerate(written):
        labels = np.array([".0123".index(letter) - 1 for letter in letters])
        nights.append(Night(6 + number, ROWS[: len(letters)], np.stack([labels] * 3)))
    return nights


def play(*written: str) -> list[PlayedNight]:
    return list(play_stream(STREAM, make_nights(*written), find_labels_with_history(STREAM)))


def test_a_stream_in_which_all_is_found() -> None:
    nights = play("0" * 10 + "1" * 10, "0" * 10 + "1" * 10 + "2" * 10)
    assert count_kept_topics(STREAM, *nights) == count_kept_intents(STREAM, *nights) == Kept(2, 2)
    assert list_claims(STREAM, nights) == [Claim("new", 7, "c")]
    assert compare_with_schedule(STREAM.events, list_claims(STREAM, nights), "new") == Found(1, 0, 0)
    assert measure_truth(STREAM, nights) == measure_agreement(nights) == 1


def test_a_topic_that_is_taken_for_another_is_lost() -> None:
    nights = play("0" * 10 + "1" * 10, "0" * 20)
    assert count_kept_topics(STREAM, *nights) == Kept(1, 2)
    assert list_claims(STREAM, nights) == [Claim("merged", 7, "b")]
    assert compare_with_schedule(STREAM.events, list_claims(STREAM, nights), "new") == Found(0, 1, 0)
    assert compare_with_schedule(STREAM.events, list_claims(STREAM, nights), "merged") == Found(0, 0, 1)
    assert add_up([Kept(1, 2), Kept(2, 2)]).share == 0.75


def test_a_claim_that_comes_too_late_or_twice_is_false() -> None:
    late = [Claim("new", 10, "c")]
    twice = [Claim("new", 7, "c"), Claim("new", 9, "c")]
    assert compare_with_schedule(STREAM.events, late, "new") == Found(0, 1, 1)
    assert compare_with_schedule(STREAM.events, twice, "new") == Found(1, 0, 1)
    assert Found(1, 0, 1).f1 == 2 / 3


def test_the_other_ways_carry_topics_on_by_title_and_by_place() -> None:
    written = "0" * 10 + "1" * 10, "1" * 10 + "0" * 10 + "2" * 10
    for matching in (match_by_title(STREAM), match_by_centroid):
        nights = list(play_stream(STREAM, make_nights(*written), find_topics=matching))
        assert count_kept_topics(STREAM, *nights) == Kept(2, 2)
        assert list_claims(STREAM, nights) == [Claim("new", 7, "c")]


def test_the_newest_night_has_a_say() -> None:
    """Two of three layouts join what was apart the night before; alone, they would win."""
    before, now = make_nights("0" * 10 + "1" * 10, "0" * 20)
    divided = Night(7, now.rows, np.concatenate([now.clusterings[:2], before.clusterings[:1]]))
    nights = list(play_stream(STREAM, [before, divided], find_labels_with_history(STREAM)))
    assert nights[1].labels.tolist() == [0] * 10 + [1] * 10
    assert find_consensus_labels(divided.clusterings, 5).tolist() == [0] * 20

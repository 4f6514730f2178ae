"""The made-up traffic is what its docstring says."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from trace_clustering_tests.benchmarks.stream import BRIDGE, N_DAYS, WINDOW_DAYS, Stream, make_stream

draw_once = cache(make_stream)


@pytest.fixture
def stream(real_data: Path) -> Stream:
    assert real_data.is_dir()
    return draw_once(0)


def count_per_day(stream: Stream, intent: str) -> np.ndarray:
    return np.bincount(stream.days[stream.intents == intent], minlength=N_DAYS)


def test_every_kind_of_event_is_in_the_traffic(stream: Stream) -> None:
    assert {event.kind for event in stream.events} == {
        *("new", "gone", "growing", "shrinking", "split", "merged", "back")
    }
    for event in stream.events:
        intent = BRIDGE.join(event.intents)
        before = count_per_day(stream, intent)[max(event.day - 5, 0) : event.day].mean()
        after = count_per_day(stream, intent)[event.day : event.day + 5].mean()
        grows = event.kind in ("new", "growing", "merged", "back")
        assert (after > 2 * before) if grows else (before > 2 * after), event


def test_the_same_seed_draws_the_same_traffic_and_another_one_other(stream: Stream) -> None:
    again, other = make_stream(seed=0), make_stream(seed=1)
    np.testing.assert_array_equal(stream.embeddings, again.embeddings)
    assert stream.events == again.events
    assert stream.steady != other.steady


def test_without_changes_every_rate_stays(real_data: Path) -> None:
    assert real_data.is_dir()
    unchanged = make_stream(seed=0, changing=False)
    assert unchanged.events == ()
    for intent in unchanged.steady:
        weeks = count_per_day(unchanged, intent).reshape(4, 7).sum(axis=1)
        assert weeks.max() < 3 * weeks.min(), intent


def test_a_sample_overlaps_with_that_of_the_next_night(stream: Stream) -> None:
    today, tomorrow = stream.sample_window(12), stream.sample_window(13)
    assert len(today) == len(tomorrow) == 1_000
    assert set(stream.days[today]) == set(range(13 - WINDOW_DAYS, 13))
    assert len(np.intersect1d(today, tomorrow)) > 800
    assert (np.diff(today) > 0).all()


def test_no_text_comes_twice_within_a_window(stream: Stream) -> None:
    rows = stream.select_window(20)
    assert len(np.unique(stream.embeddings[rows], axis=0)) == len(rows)

"""Moments of several topics together are those of all their traces; effects are ordered and judged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trace_clustering.topics.comparison import Moments, compare_figure, pool_moments

VALUES = st.lists(st.lists(st.floats(-100, 100, allow_subnormal=False), max_size=6), max_size=5)


def measure(values: list[float]) -> Moments:
    variance = float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
    return Moments(len(values), float(np.mean(values)) if values else 0.0, variance)


@given(VALUES)
def test_moments_of_topics_together_are_those_of_all_their_traces(parts: list[list[float]]) -> None:
    found = pool_moments(map(measure, parts))
    wanted = measure([value for part in parts for value in part])
    assert found.count == wanted.count
    assert found.mean == pytest.approx(wanted.mean, abs=1e-9)
    assert found.variance == pytest.approx(wanted.variance, abs=1e-9)


def test_an_effect_is_likely_if_only_its_own_interval_and_that_of_its_kind_say_so() -> None:
    before = {str(n): Moments(60, 0.1, 0.09) for n in range(15)}
    after = {**before, "3": Moments(60, 0.3, 0.21), **dict.fromkeys("4567", Moments(60, 0.18, 0.15))}
    found = compare_figure(before, after)
    likely = [(effect.topic_id, effect.kind) for effect in found.effects if effect.is_likely]
    assert found.total_rate.differs_from_zero
    assert likely == [("3", "rate")]
    assert not any(effect.is_beyond_noise for effect in found.effects)
    alone = compare_figure(before, {**before, "3": Moments(60, 0.3, 0.21), "4": Moments(60, 0.0, 0.0)})
    assert not alone.total_rate.differs_from_zero
    assert not any(effect.is_likely for effect in alone.effects)


def test_without_a_known_trace_on_one_side_there_is_nothing_to_compare() -> None:
    assert compare_figure({"a": Moments(3, 1.0, 0.0)}, {"a": Moments(0, 0.0, 0.0)}) is None
    assert compare_figure({}, {}) is None

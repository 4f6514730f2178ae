"""Mix and rate add up, whatever the figures are, and their intervals hold what they promise."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.topics.mix_and_rate import (
    Estimate,
    SideFigures,
    explain_difference,
    find_beyond_noise,
)
from trace_clustering_tests.topics.drawn_sides import Change, draw_sides, measure_coverage

COUNTS = st.integers(0, 10_000)
MEANS = st.floats(-100, 100, allow_subnormal=False)
VARIANCES = st.floats(0, 1000, allow_subnormal=False)
TOPIC = st.tuples(COUNTS, MEANS, VARIANCES)


@st.composite
def draw_two_sides(draw: st.DrawFn) -> tuple[SideFigures, SideFigures]:
    topics = draw(st.integers(1, 12))
    return _draw_side(draw, topics), _draw_side(draw, topics)


def _draw_side(draw: st.DrawFn, topics: int) -> SideFigures:
    rows = draw(
        st.lists(TOPIC, min_size=topics, max_size=topics).filter(lambda rows: any(row[0] for row in rows))
    )
    counts, means, variances = zip(*rows, strict=True)
    return SideFigures(np.array(counts), np.array(means), np.array(variances))


def values(estimates: list[Estimate]) -> np.ndarray:
    return np.array([estimate.value for estimate in estimates])


@settings(max_examples=40)
@given(draw_two_sides())
def test_mix_and_rate_add_up_to_the_difference_of_the_means(sides: tuple[SideFigures, SideFigures]) -> None:
    before, after = sides
    found = explain_difference(before, after)
    difference = after.mean - before.mean
    assert found.difference.value == pytest.approx(difference, abs=1e-9)
    assert found.total_mix.value + found.total_rate.value == pytest.approx(difference, abs=1e-9)
    assert values(found.mix).sum() == pytest.approx(found.total_mix.value, abs=1e-9)
    assert values(found.rate).sum() == pytest.approx(found.total_rate.value, abs=1e-9)


@settings(max_examples=40)
@given(draw_two_sides())
def test_exchanging_the_sides_changes_the_sign_and_nothing_else(
    sides: tuple[SideFigures, SideFigures],
) -> None:
    before, after = sides
    there, back = explain_difference(before, after), explain_difference(after, before)
    pairs = zip([*there.mix, *there.rate], [*back.mix, *back.rate], strict=True)
    for one, other in [(there.difference, back.difference), *pairs]:
        assert one.value == pytest.approx(-other.value, abs=1e-9)
        assert one.low == pytest.approx(-other.high, abs=1e-6)
        assert one.p_value == pytest.approx(other.p_value, abs=1e-6)


@settings(max_examples=40)
@given(draw_two_sides(), st.randoms(use_true_random=False))
def test_the_order_of_the_topics_means_nothing(
    sides: tuple[SideFigures, SideFigures], random: object
) -> None:
    before, after = sides
    order = list(range(len(before.counts)))
    random.shuffle(order)
    ordered = explain_difference(before, after)
    shuffled = explain_difference(*(reorder(side, order) for side in sides))
    assert shuffled.difference.value == pytest.approx(ordered.difference.value, abs=1e-9)
    assert values(shuffled.mix) == pytest.approx(values(ordered.mix)[order], abs=1e-9)
    assert values(shuffled.rate) == pytest.approx(values(ordered.rate)[order], abs=1e-9)


def reorder(side: SideFigures, order: list[int]) -> SideFigures:
    return SideFigures(side.counts[order], side.means[order], side.variances[order])


@settings(max_examples=40)
@given(draw_two_sides())
def test_every_number_lies_in_its_interval(sides: tuple[SideFigures, SideFigures]) -> None:
    found = explain_difference(*sides)
    for estimate in [found.difference, found.total_mix, found.total_rate, *found.mix, *found.rate]:
        assert estimate.low <= estimate.value <= estimate.high
        assert 0 <= estimate.p_value <= 1
        assert np.isfinite([estimate.low, estimate.high]).all()


def test_more_of_an_expensive_topic_is_mix_and_a_worse_topic_is_rate() -> None:
    ones = np.ones(2)
    before = SideFigures(np.array([500, 500]), np.array([1.0, 3.0]), ones)
    more = explain_difference(before, replace(before, counts=np.array([250, 750])))
    assert values(more.mix) == pytest.approx([0.3125, 0.1875])  # fewer cheap ones, more expensive ones
    assert values(more.rate) == pytest.approx([0, 0])
    worse = explain_difference(before, replace(before, means=np.array([1.0, 4.0])))
    assert values(worse.mix) == pytest.approx([0, 0])
    assert values(worse.rate) == pytest.approx([0, 0.5])
    assert find_beyond_noise([*worse.mix, *worse.rate]) == [False, False, False, True]


def test_a_topic_that_one_side_lacks_is_mix_alone() -> None:
    ones = np.ones(2)
    before = SideFigures(np.array([100, 0]), np.array([1.0, np.nan]), np.array([1.0, np.nan]))
    after = SideFigures(np.array([100, 100]), np.array([1.0, 5.0]), ones)
    found = explain_difference(before, after)
    assert found.difference.value == pytest.approx(2)
    assert values(found.rate) == pytest.approx([0, 0])
    assert values(found.mix) == pytest.approx([0.5, 1.5])


def test_a_topic_without_any_error_is_not_certain_never_to_have_one() -> None:
    counts, means = np.array([5, 500]), np.array([0.0, 0.1])
    before = SideFigures(counts, means, means * (1 - means))
    found = explain_difference(before, replace(before, means=np.array([0.0, 0.1])))
    assert found.rate[0].low < 0 < found.rate[0].high


def test_a_topic_of_neither_side_has_nothing_to_do_with_it() -> None:
    side = SideFigures(np.array([10, 0, 20]), np.array([1.0, np.nan, 2.0]), np.array([1.0, np.nan, 1.0]))
    other = replace(side, means=np.array([2.0, np.nan, 2.0]))
    found = explain_difference(side, other)
    assert found.mix[1] == found.rate[1] == Estimate(0, 0, 0, 1)


def test_a_few_traces_prove_nothing_and_many_do() -> None:
    def compare_constants(traces: int) -> Estimate:
        side = SideFigures(np.array([traces]), np.array([0.0]), np.array([0.0]))
        return explain_difference(side, replace(side, means=np.array([1.0]))).difference

    assert compare_constants(1).p_value > 0.3
    assert compare_constants(2).p_value > 0.05
    assert compare_constants(20).p_value < 0.001


def test_figures_that_never_vary_do_not_differ() -> None:
    side = SideFigures(np.array([3, 1]), np.array([1.5, 1.5]), np.array([0.0, np.nan]))
    assert explain_difference(side, side).difference == Estimate(0, 0, 0, 1)


def test_an_empty_side_is_refused() -> None:
    side = SideFigures(np.array([3]), np.array([1.0]), np.array([1.0]))
    with pytest.raises(ValueError, match="without any trace"):
        explain_difference(side, replace(side, counts=np.array([0])))


def test_what_is_beyond_noise_is_judged_for_all_numbers_together() -> None:
    def with_p(*p_values: float) -> list[bool]:
        return find_beyond_noise([Estimate(1, 0, 2, p) for p in p_values])

    assert with_p(0.04) == [True]
    assert with_p(0.04, 0.04) == [False, False]
    assert with_p(0.04, 0.01) == [True, True]
    assert with_p(0.9, 0.001, 0.03) == [False, True, False]
    assert with_p() == []


@pytest.mark.slow
@pytest.mark.parametrize("figure", ["errors", "latency", "cost"])
@pytest.mark.parametrize("change", Change)
def test_the_intervals_hold_what_they_promise(figure: str, change: Change) -> None:
    coverage = measure_coverage(figure, change, traces=1000, topics=20, repetitions=400)
    assert min(coverage.difference, coverage.total_mix, coverage.total_rate) >= 0.92
    assert max(coverage.difference, coverage.total_rate) <= 0.985
    assert min(coverage.mix, coverage.rate) >= 0.93
    if change is Change.NONE:
        assert coverage.named <= 0.05


def test_sides_that_are_drawn_alike_differ_by_chance_alone() -> None:
    before, after, _ = draw_sides(np.random.default_rng(0), "cost", Change.NONE, traces=500, topics=10)
    found = explain_difference(before, after)
    assert not any(find_beyond_noise([*found.mix, *found.rate]))

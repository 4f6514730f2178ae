import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binomtest

from trace_clustering.topics.shares import compare_shares, estimate_dispersions, estimate_shares

COUNTS = st.integers(0, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS, st.floats(1, 10), st.floats(0, 0.5))
def test_a_share_lies_within_its_bounds(counts: tuple[int, int], dispersion: float, deviation: float) -> None:
    found = estimate_shares(*counts, dispersion=dispersion, deviation=deviation)

    if counts[1] == 0:
        assert np.isnan(found).all()
    else:
        assert 0 <= found.low <= found.share <= found.high <= 1


@given(COUNTS.filter(lambda counts: counts[1] > 0))
def test_bounds_are_those_of_jeffreys(counts: tuple[int, int]) -> None:
    traces, total = counts

    found = estimate_shares(traces, total)

    if 0 < traces < total:
        assert found.low == pytest.approx(beta.ppf(0.025, traces + 0.5, total - traces + 0.5))
    if traces < total:
        assert found.high == pytest.approx(beta.ppf(0.975, traces + 0.5, total - traces + 0.5))


def test_whatever_makes_a_share_less_certain_widens_its_bounds() -> None:
    sure = estimate_shares(50, 1500)
    bursts = estimate_shares(50, 1500, dispersion=2)
    borders = estimate_shares(50, 1500, deviation=0.2)

    for wider in (bursts, borders):
        assert wider.low < sure.low < sure.high < wider.high
    relative = np.hypot(0.2, 1 / np.sqrt(50))
    assert borders.high - borders.low == pytest.approx(2 * 1.96 * relative / 30, rel=0.05)


@given(COUNTS, COUNTS)
def test_exchanging_the_sides_inverts_the_ratio(one: tuple[int, int], other: tuple[int, int]) -> None:
    there = compare_shares(*one, *other)
    back = compare_shares(*other, *one)

    assert there.p_value == pytest.approx(back.p_value)
    if 0 < there.ratio < np.inf:
        assert there.ratio * back.ratio == pytest.approx(1)


@pytest.mark.parametrize("traces", [(3, 30), (20, 30), (0, 12), (6, 0)])
def test_of_rare_traces_the_p_value_is_nearly_exact(traces: tuple[int, int]) -> None:
    now, before = traces

    found = compare_shares(now, 30_000, before, 70_000)

    side = "less" if now / 30 < before / 70 else "greater"
    exact = binomtest(now, now + before, 0.3, side).pvalue
    assert found.p_value / 2 < exact
    assert found.p_value / 2 >= 0.499 * exact


def test_what_is_unknown_is_no_surprise() -> None:
    assert compare_shares(0, 0, 10, 100).p_value == 1
    assert compare_shares(10, 100, 0, 0).p_value == 1
    assert compare_shares(0, 100, 0, 100).p_value == 1
    assert compare_shares(100, 100, 50, 50).p_value == 1


@pytest.mark.parametrize("rate", [0.5, 3.0, 30.0])
def test_the_p_value_is_as_small_as_it_says_no_more_often(rate: float) -> None:
    random = np.random.default_rng(1)
    now = random.binomial(600, rate / 200, 200_000)
    before = random.binomial(2_200, rate / 200, 200_000)

    found = compare_shares(now, 600, before, 2_200)

    for level in (0.05, 0.01, 0.001):
        assert (found.p_value <= level).mean() <= 1.5 * level


def test_independent_traces_are_not_dispersed() -> None:
    traces = np.random.default_rng(2).poisson(8, (30, 21)).astype(float)

    found = estimate_dispersions(traces, np.full(21, 240.0))

    assert found.mean() < 1.2


def test_bursts_are_dispersed() -> None:
    random = np.random.default_rng(3)
    calm, bursts = random.poisson(8, (25, 21)), 8 * random.poisson(1, (5, 21))

    found = estimate_dispersions(np.vstack([calm, bursts]).astype(float), np.full(21, 240.0))

    assert found[:-5].mean() < 1.5
    assert found[-5:].mean() > 4


def test_unknown_days_have_no_dispersion() -> None:
    assert estimate_dispersions(np.full((2, 5), np.nan), np.zeros(5)).tolist() == [1, 1]
    assert estimate_dispersions(np.zeros((2, 1)), np.ones(1)).tolist() == [1, 1]

"""Shares of the traffic: how well they are known, and whether two of them differ.

Everything is computed from numbers of traces. Two things make a share uncertain beside the luck of the draw:
traces come in bursts (`dispersion`), and another clustering draws the borders of a topic elsewhere
(`deviation`). Both are taken into account as in surveys (Korn and Graubard 1998): the numbers are replaced by
those of a simple random sample that is as uncertain.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

# A pair of days counts for little where hardly a trace of the topic is expected.
_MIN_EXPECTED_TRACES = 0.5
# One topic has few pairs of days. What all topics have together weighs as much as so many of its own.
_MIN_PAIRS_OF_ALL, _MAX_PAIRS_OF_ALL = 10.0, 100.0
# The mean of the largest of many numbers is the quantile at this probability of its distribution (Gumbel).
_MEAN_OF_LARGEST = 0.5704
# Neighbouring pairs share a day, so their squares vary together: chi-squared has a variance of 2.
_VARIANCE_OF_SQUARES = 3.0


class ShareInterval(NamedTuple):
    """Shares, and the bounds between which they lie; NaN where there is no traffic."""

    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class ShareComparison(NamedTuple):
    """By how much a share is larger than another one, and how surprising that is if they do not differ.

    Attributes
    ----------
    ratio : float64 array
        The first share divided by the second; infinite if only the second is 0, NaN if nothing is known.
    p_value : float64 array
        Two-sided; 1 if nothing is known.
    """

    ratio: NDArray[np.float64]
    p_value: NDArray[np.float64]


def estimate_shares(
    traces: ArrayLike,
    totals: ArrayLike,
    *,
    dispersion: ArrayLike = 1.0,
    deviation: ArrayLike = 0.0,
    level: float = 0.95,
) -> ShareInterval:
    """Estimate shares with Jeffreys' interval (Brown, Cai and DasGupta 2001), which holds for few traces too.

    Parameters
    ----------
    traces, totals : arrays of equal or broadcastable shapes
        Numbers of traces, of the topic and of all.
    dispersion : array
        By how much the variance is larger than that of independent traces.
    deviation : array
        Relative standard deviation of the number of traces between clusterings of the same traces.
    level : float
        Probability that a share lies within its interval.
    """
    from scipy.stats import beta

    k, n, phi, sigma = np.broadcast_arrays(
        *(np.asarray(x, float) for x in (traces, totals, dispersion, deviation))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = k / n
        # Of a share of 0 the deviation is 0 as well, but the border could be elsewhere: half a trace counts.
        middle = (k + 0.5) / (n + 1)
        effective = n / (phi + sigma**2 * n * middle / (1 - middle))
        a, b = share * effective, (1 - share) * effective
        low = np.where(k == 0, 0.0, beta.ppf((1 - level) / 2, a + 0.5, b + 0.5))
        high = np.where(k == n, 1.0, beta.ppf((1 + level) / 2, a + 0.5, b + 0.5))
    unknown = n <= 0
    return ShareInterval(*(np.where(unknown, np.nan, value) for value in (share, low, high)))


def compare_shares(
    traces: ArrayLike,
    totals: ArrayLike,
    traces_before: ArrayLike,
    totals_before: ArrayLike,
    *,
    dispersion: ArrayLike = 1.0,
    deviation_before: ArrayLike = 0.0,
) -> ShareComparison:
    """Compare shares with those before.

    Of all traces of a topic, the part that came later is binomial if the share did not change (Przyborowski
    and Wilenski 1940). Its probability is the mid-p value (Lancaster 1961), read from the beta distribution,
    which also takes the fractions of traces that corrections leave.

    Parameters
    ----------
    traces, totals, traces_before, totals_before : arrays of equal or broadcastable shapes
        Numbers of traces, of the topic and of all, in two disjoint periods.
    dispersion : array
        As in `estimate_shares`.
    deviation_before : array
        Relative standard deviation of `traces_before` due to its being counted with another clustering.
    """
    values = (traces, totals, traces_before, totals_before, dispersion, deviation_before)
    k1, n1, k2, n2, phi, sigma = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in values))
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (k1 + k2) / (n1 + n2)
        # By how much the numbers shrink to be as uncertain as those of independent, rare traces.
        weight = 1 / np.maximum(phi * (1 - pooled), 1e-9)
        weight_before = 1 / np.maximum(phi * (1 - pooled) + sigma**2 * pooled * n2, 1e-9)
        exposure, exposure_before = n1 * weight, n2 * weight_before
        expected = exposure / (exposure + exposure_before)
        a, b = k1 * weight, k2 * weight_before
        more = (_calculate_tail(a, b + 1, expected) + _calculate_tail(a + 1, b, expected)) / 2
        ratio = (k1 / n1) / (k2 / n2)
    unknown = (n1 <= 0) | (n2 <= 0) | (k1 + k2 <= 0) | (pooled >= 1)
    p_value = np.where(unknown, 1.0, 2 * np.minimum(more, 1 - more))
    return ShareComparison(np.where(unknown, np.nan, ratio), p_value)


def _calculate_tail(
    a: NDArray[np.float64], b: NDArray[np.float64], part: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability of at least `a` of `a + b - 1` traces if each is one with probability `part`."""
    from scipy.special import betainc

    # The function is not defined at 0: no trace or more is certain, more than all of them is impossible.
    inside: NDArray[np.float64] = betainc(np.maximum(a, 1e-300), np.maximum(b, 1e-300), part)
    return np.where(a <= 0, 1.0, np.where(b <= 0, 0.0, inside))


def estimate_dispersions(traces: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Estimate by how much shares vary more from day to day than those of independent traces.

    Neighbouring days are compared (von Neumann 1941), and of each topic the pair that differs most is left
    out, so that a lasting change does not count. A topic has too few days for an estimate of its own, which
    is therefore shrunk towards that of all topics: the less the topics differ beyond chance, the more
    (empirical Bayes, Efron and Morris 1975).

    Parameters
    ----------
    traces : float64 array, shape (k, d)
        Traces of each topic on each day; NaN where unknown.
    totals : float64 array, shape (d,)

    Returns
    -------
    float64 array, shape (k,)
        At least 1.
    """
    from scipy.stats import chi2

    first, second = traces[:, :-1], traces[:, 1:]
    n1, n2 = totals[:-1], totals[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (first + second) / (n1 + n2)
        expected = pooled * n1
        squares = (first - expected) ** 2 / (pooled * (1 - pooled) * n1 * n2 / (n1 + n2))
        expected_smaller = pooled * np.minimum(n1, n2)
    counts = np.isfinite(squares) & (expected_smaller >= _MIN_EXPECTED_TRACES)
    squares, pairs = np.where(counts, squares, 0), counts.sum(axis=1)
    largest = chi2.ppf(_MEAN_OF_LARGEST ** (1 / np.maximum(pairs, 2)), 1)
    pairs = np.maximum(pairs - 1, 0)
    sums = (squares.sum(axis=1) - squares.max(axis=1, initial=0)) * pairs / np.maximum(pairs + 1 - largest, 1)
    if not pairs.any():
        return np.ones(len(traces))
    # The median of all topics: those that change must not hide the others.
    own = sums[pairs > 0] / pairs[pairs > 0]
    of_all = max(1.0, float(np.median(own)))
    by_chance = _VARIANCE_OF_SQUARES * of_all**2
    differing = float(np.var(own)) - by_chance * float(np.mean(1 / pairs[pairs > 0]))
    weight = np.clip(by_chance / max(differing, 1e-9), _MIN_PAIRS_OF_ALL, _MAX_PAIRS_OF_ALL)
    shrunk: NDArray[np.float64] = (sums + weight * of_all) / (pairs + weight)
    return np.maximum(1.0, shrunk)

"""Why a mean differs between two sides: other topics are asked for (mix), or the same fare otherwise (rate).

The difference of two means is split by topic without a rest, after E. M. Kitagawa, Components of a Difference
Between Two Rates, Journal of the American Statistical Association 50 (1955). With the shares p and the means
m of a topic on both sides, and the means M of the sides,

    mix  = (p after - p before) * ((m before + m after) / 2 - (M before + M after) / 2)
    rate = (m after - m before) * (p before + p after) / 2

so that mix and rate of all topics add up to `M after - M before`. A topic that grows has a positive mix only
if it lies above the mean of both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trace_clustering.traces.arrays import IntArray

Floats = NDArray[np.float64]

_CONFIDENCE: Final = 0.95
# A topic of a few traces knows its own variance badly, so as many are added to it that vary as all traces do.
# Without them, a topic without any error would be certain never to have one, and two traces to differ.
_PRIOR_TRACES: Final = 2.0


@dataclass(frozen=True, eq=False)
class SideFigures:
    """What one side tells of a figure, topic by topic.

    Attributes
    ----------
    counts : int64 array, shape (k,)
        Number of traces whose figure is known.
    means : float64 array, shape (k,)
        Mean of the figure; of no matter where the count is 0.
    variances : float64 array, shape (k,)
        Sample variance of the figure; of no matter where the count is below 2.
    """

    counts: IntArray
    means: Floats
    variances: Floats

    @property
    def mean(self) -> float:
        """Mean of the figure over all traces of the side."""
        return float(self._shares @ self._known_means)

    @property
    def _shares(self) -> Floats:
        return np.asarray(self.counts / self.counts.sum(), dtype=np.float64)

    @property
    def _known_means(self) -> Floats:
        return np.where(self.counts > 0, self.means, 0.0)


@dataclass(frozen=True)
class Estimate:
    """An estimated number.

    Attributes
    ----------
    value : float
    low, high : float
        Ends of the 95 % interval.
    p_value : float
        How likely a number as far from 0 would be if the true one were 0.
    """

    value: float
    low: float
    high: float
    p_value: float

    @property
    def differs_from_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Explanation:
    """A difference of two means, split by topic.

    Attributes
    ----------
    difference : Estimate
        Mean after minus mean before.
    total_mix, total_rate : Estimate
        They add up to the difference.
    mix, rate : list of Estimate, length k
        In the order of the topics; they add up to the totals.
    """

    difference: Estimate
    total_mix: Estimate
    total_rate: Estimate
    mix: list[Estimate]
    rate: list[Estimate]


def explain_difference(before: SideFigures, after: SideFigures) -> Explanation:
    """Split the difference of the means of two sides by topic into mix and rate.

    The intervals are those of the delta method, for independent traces on both sides: shares are multinomial,
    and the mean of a topic has the variance of its traces; degrees of freedom as of Welch and Satterthwaite.
    What the clustering itself may have got wrong is not in them. A topic that one side lacks is mix alone:
    its mean there is taken to be that of the other side.

    Parameters
    ----------
    before, after : SideFigures
        Of the same k topics in the same order.

    Raises
    ------
    ValueError
        If a side has no trace.
    """
    if not before.counts.sum() or not after.counts.sum():
        raise ValueError("A side without any trace cannot be compared")
    sides = _Sides.of(before, after)
    mix, rate = sides.split()
    gradients = sides.differentiate()
    values = np.concatenate([mix, rate, [mix.sum() + rate.sum(), mix.sum(), rate.sum()]])
    estimates = _estimate(values, gradients, sides)
    k = len(mix)
    return Explanation(
        difference=estimates[2 * k],
        total_mix=estimates[2 * k + 1],
        total_rate=estimates[2 * k + 2],
        mix=estimates[:k],
        rate=estimates[k : 2 * k],
    )


def find_beyond_noise(estimates: Sequence[Estimate]) -> list[bool]:
    """Return which estimates differ from 0; by chance alone, any of them does in 5 % of the calls at most.

    That is the method of S. Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian
    Journal of Statistics 6 (1979).
    """
    order = np.argsort([estimate.p_value for estimate in estimates], kind="stable")
    beyond = [False] * len(estimates)
    for rank, position in enumerate(order):
        if estimates[position].p_value * (len(estimates) - rank) > 1 - _CONFIDENCE:
            break
        beyond[position] = True
    return beyond


@dataclass(frozen=True, eq=False)
class _Side:
    """Counts, shares p, means m, variances of the means and their degrees of freedom, all of shape (k,)."""

    counts: Floats
    p: Floats
    m: Floats
    mean_variances: Floats
    degrees: Floats

    @classmethod
    def of(cls, figures: SideFigures, other: SideFigures, variance_of_all: float) -> "_Side":
        counts = figures.counts.astype(np.float64)
        there = counts > 0
        elsewhere = np.where(other.counts > 0, other.means, 0.0)
        degrees = np.maximum(counts - 1, 0) + _PRIOR_TRACES
        variances = (_sum_squares(figures) + _PRIOR_TRACES * variance_of_all) / degrees
        return cls(
            counts=counts,
            p=counts / counts.sum(),
            m=np.where(there, figures.means, elsewhere),
            mean_variances=np.where(there, variances / np.maximum(counts, 1), 0.0),
            degrees=degrees,
        )


def _sum_squares(figures: SideFigures) -> Floats:
    """Return the squared distances of the traces of each topic to its mean, added up; shape (k,)."""
    return np.where(figures.counts > 1, (figures.counts - 1) * figures.variances, 0.0)


def _find_variance_of_all(before: SideFigures, after: SideFigures) -> float:
    """Return the variance of the traces of all topics and both sides."""
    counts = np.concatenate([before.counts, after.counts])
    means = np.where(counts > 0, np.concatenate([before.means, after.means]), 0.0)
    between = counts @ (means - counts @ means / counts.sum()) ** 2
    within = _sum_squares(before).sum() + _sum_squares(after).sum()
    return float((between + within) / (counts.sum() - 1))


@dataclass(frozen=True, eq=False)
class _Sides:
    before: _Side
    after: _Side

    @classmethod
    def of(cls, before: SideFigures, after: SideFigures) -> "_Sides":
        variance = _find_variance_of_all(before, after)
        return cls(_Side.of(before, after, variance), _Side.of(after, before, variance))

    @property
    def heights(self) -> Floats:
        """By how much the mean of a topic lies above that of both sides, shape (k,)."""
        a, b = self.before, self.after
        return (a.m + b.m) / 2 - (a.p @ a.m + b.p @ b.m) / 2

    def split(self) -> tuple[Floats, Floats]:
        """Return mix and rate of every topic, shape (k,) each."""
        a, b = self.before, self.after
        return (b.p - a.p) * self.heights, (b.m - a.m) * (a.p + b.p) / 2

    def differentiate(self) -> list[tuple[Floats, Floats]]:
        """Return, for each side, the derivatives by its shares and by its means.

        The shape is (2k + 3, k): mix and rate of every topic, the difference, all mix, all rate.
        """
        a, b = self.before, self.after
        grown, heights = b.p - a.p, self.heights
        found = []
        for side, sign in ((a, -1), (b, 1)):
            mix_by_p = np.diag(sign * heights) - np.outer(grown, side.m) / 2
            mix_by_m = np.diag(grown) / 2 - np.outer(grown, side.p) / 2
            rate_by_p = np.diag(b.m - a.m) / 2
            rate_by_m = np.diag(sign * (a.p + b.p)) / 2
            found.append((_append_sums(mix_by_p, rate_by_p), _append_sums(mix_by_m, rate_by_m)))
        (_, before), (_, after) = found
        # The mean of a topic that one side lacks is the mean of the other side.
        for lacking, mine, other in ((a, before, after), (b, after, before)):
            missing = lacking.counts == 0
            other[:, missing] += mine[:, missing]
            mine[:, missing] = 0
        return found


def _append_sums(mix: Floats, rate: Floats) -> Floats:
    all_mix, all_rate = mix.sum(axis=0), rate.sum(axis=0)
    return np.vstack([mix, rate, all_mix + all_rate, all_mix, all_rate])


def _estimate(values: Floats, gradients: list[tuple[Floats, Floats]], sides: _Sides) -> list[Estimate]:
    """Return the values with their intervals, by the delta method."""
    from scipy import stats

    variance, fourth = np.zeros(len(values)), np.zeros(len(values))
    seen = (sides.before.counts + sides.after.counts) > 0
    for side, (by_p, by_m) in zip((sides.before, sides.after), gradients, strict=True):
        n = side.counts.sum()
        # Without the halves, a topic that a side lacks would be certain to be lacking.
        p = np.where(seen, side.counts + 0.5, 0) / (n + seen.sum() / 2)
        of_shares = (by_p**2 @ p - (by_p @ p) ** 2) / n
        of_means = by_m**2 * side.mean_variances
        variance += np.maximum(of_shares, 0) + of_means.sum(axis=1)
        fourth += (of_means**2 / side.degrees).sum(axis=1) + np.maximum(of_shares, 0) ** 2 / n
    errors = np.sqrt(variance)
    degrees = np.divide(variance**2, fourth, out=np.full(len(values), np.inf), where=fourth > 0)
    reach = stats.t.ppf((1 + _CONFIDENCE) / 2, degrees) * errors
    distance = np.divide(np.abs(values), errors, out=np.where(values == 0, 0.0, np.inf), where=errors > 0)
    p_values = 2 * stats.t.sf(distance, degrees)
    return [
        Estimate(float(value), float(value - width), float(value + width), float(p))
        for value, width, p in zip(values, reach, p_values, strict=True)
    ]

"""Two sides drawn from known topics, and how often the intervals hold the truth."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from trace_clustering.topics.comparison import Moments, compare_figure
from trace_clustering.topics.mix_and_rate import Estimate, SideFigures, explain_difference


class Change(Enum):
    """What differs between the sides; ALL: shares, means, one topic is born and one dies."""

    NONE = "none"
    ALL = "all"


@dataclass(frozen=True)
class Coverage:
    """How often the 95 % intervals hold the truth.

    `mix` and `rate` are means over the topics. `named` is the share of comparisons in which any topic is
    called beyond noise, `perhaps` of those in which any is called likely.
    """

    difference: float
    total_mix: float
    total_rate: float
    mix: float
    rate: float
    named: float
    perhaps: float


@dataclass(frozen=True, eq=False)
class Side:
    """Shares of the topics, and what their traces are drawn with: rates of errors, or logarithms."""

    shares: np.ndarray
    levels: np.ndarray


def measure_coverage(
    figure: str, change: Change, *, traces: int, topics: int, repetitions: int, seed: int = 0
) -> Coverage:
    """Return how often intervals of drawn sides hold what the sides were drawn from."""
    random = np.random.default_rng(seed)
    sides = _choose_sides(random, figure, change, topics)
    truth = _find_truth(figure, *sides)
    hits = np.zeros((repetitions, len(truth)))
    named = perhaps = 0
    for repetition in range(repetitions):
        drawn = [_draw(random, figure, side, traces) for side in sides]
        found = explain_difference(*drawn)
        estimates = [found.difference, found.total_mix, found.total_rate, *found.mix, *found.rate]
        hits[repetition] = [_holds(one, value) for one, value in zip(estimates, truth, strict=True)]
        effects = compare_figure(*map(_list_moments, drawn)).effects
        named += any(effect.is_beyond_noise for effect in effects)
        perhaps += any(effect.is_likely for effect in effects)
    shares = hits.mean(axis=0)
    by_topic = shares[3 : 3 + topics].mean(), shares[3 + topics :].mean()
    return Coverage(*shares[:3].tolist(), *by_topic, named / repetitions, perhaps / repetitions)


def _list_moments(side: SideFigures) -> dict[str, Moments]:
    rows = zip(side.counts.tolist(), side.means.tolist(), side.variances.tolist(), strict=True)
    return {str(topic): Moments(*row) for topic, row in enumerate(rows)}


def draw_sides(
    random: np.random.Generator, figure: str, change: Change, *, traces: int, topics: int
) -> tuple[SideFigures, SideFigures, np.ndarray]:
    """Return two drawn sides, and the true difference, all mix, all rate, mix and rate by topic."""
    sides = _choose_sides(random, figure, change, topics)
    before, after = (_draw(random, figure, side, traces) for side in sides)
    return before, after, _find_truth(figure, *sides)


def _choose_sides(random: np.random.Generator, figure: str, change: Change, topics: int) -> tuple[Side, Side]:
    shares = 1 / (np.arange(topics) + 3.0)  # a few large topics and many small ones
    levels = random.beta(1, 15, topics) if figure == "errors" else random.normal(0, 0.7, topics)
    if change is Change.NONE:
        same = Side(shares / shares.sum(), levels)
        return same, same
    later = shares * np.exp(random.normal(0, 0.5, topics))
    shares[2], later[1] = 0, 0
    worse = levels.copy()
    worse[::3] = worse[::3] * 1.5 if figure == "errors" else worse[::3] + 0.3
    return Side(shares / shares.sum(), levels), Side(later / later.sum(), worse)


def _draw(random: np.random.Generator, figure: str, side: Side, traces: int) -> SideFigures:
    topics = len(side.shares)
    topic = random.choice(topics, traces, p=side.shares)
    level = side.levels[topic]
    if figure == "errors":
        values = (random.random(traces) < level).astype(float)
    elif figure == "latency":
        values = random.gamma(2, np.exp(level) / 2)
    else:  # a few giant traces own the mean of the cost
        values = random.lognormal(level, 1.0)
    counts = np.bincount(topic, minlength=topics)
    means = np.bincount(topic, values, topics) / np.maximum(counts, 1)
    squares = np.bincount(topic, (values - means[topic]) ** 2, topics)
    return SideFigures(counts, means, squares / np.maximum(counts - 1, 1))


def _find_truth(figure: str, before: Side, after: Side) -> np.ndarray:
    p, q = before.shares, after.shares
    means = {"errors": lambda x: x, "latency": np.exp, "cost": lambda x: np.exp(x + 0.5)}[figure]
    m, n = means(before.levels), means(after.levels)
    m, n = np.where(p == 0, n, m), np.where(q == 0, m, n)
    mix = (q - p) * ((m + n) / 2 - (p @ m + q @ n) / 2)
    rate = (n - m) * (p + q) / 2
    return np.concatenate([[q @ n - p @ m, mix.sum(), rate.sum()], mix, rate])


def _holds(estimate: Estimate, value: float) -> bool:
    return estimate.low - 1e-12 <= value <= estimate.high + 1e-12

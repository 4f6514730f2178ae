"""Compares a figure of two sides, and orders what moved it by size."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trace_clustering.topics.mix_and_rate import (
    Estimate,
    Explanation,
    SideFigures,
    explain_difference,
    find_beyond_noise,
)


@dataclass(frozen=True)
class Moments:
    """What is known of a figure of the traces of one topic.

    `count` is the number of traces whose figure is known; `variance` is that of a sample, of no matter where
    the count is below 2.
    """

    count: int
    mean: float
    variance: float


@dataclass(frozen=True)
class Effect:
    """What one topic adds to the difference, by mix or by rate.

    Attributes
    ----------
    topic_id : str
        Empty for traces that belong to no cluster.
    kind : str
        `mix`: the topic has another share; `rate`: its own mean is another.
    estimate : Estimate
    is_beyond_noise : bool
        Whether it would be as large by chance in fewer than 5 % of such comparisons, all effects together.
    is_likely : bool
        Whether that is not so, but its own interval is beyond 0, and so is that of all effects of its kind.
    share_before, share_after : float
        Of the traces whose figure is known.
    mean_before, mean_after : float or None
        None for a topic without such a trace on that side.
    count_before, count_after : int
        Number of such traces.
    """

    topic_id: str
    kind: Literal["mix", "rate"]
    estimate: Estimate
    is_beyond_noise: bool
    is_likely: bool
    share_before: float
    share_after: float
    mean_before: float | None
    mean_after: float | None
    count_before: int
    count_after: int


@dataclass(frozen=True)
class FigureComparison:
    """A figure of two sides.

    Attributes
    ----------
    mean_before, mean_after : float
    count_before, count_after : int
        Number of traces whose figure is known.
    difference, total_mix, total_rate : Estimate
    effects : list of Effect
        Two for each topic, the largest first.
    """

    mean_before: float
    mean_after: float
    count_before: int
    count_after: int
    difference: Estimate
    total_mix: Estimate
    total_rate: Estimate
    effects: list[Effect]


def pool_moments(parts: Iterable[Moments]) -> Moments:
    """Return the moments of the traces of several topics together."""
    known = [part for part in parts if part.count]
    count = sum(part.count for part in known)
    if not count:
        return Moments(0, 0.0, 0.0)
    mean = sum(part.count * part.mean for part in known) / count
    squares = sum((part.count - 1) * part.variance + part.count * (part.mean - mean) ** 2 for part in known)
    return Moments(count, mean, squares / max(count - 1, 1))


def compare_figure(before: Mapping[str, Moments], after: Mapping[str, Moments]) -> FigureComparison | None:
    """Compare a figure, given by topic id; None if a side has no trace whose figure is known."""
    topics = sorted({topic for side in (before, after) for topic, known in side.items() if known.count})
    sides = [_tabulate(side, topics) for side in (before, after)]
    counts = [int(side.counts.sum()) for side in sides]
    if not all(counts):
        return None
    found = explain_difference(*sides)
    return FigureComparison(
        mean_before=sides[0].mean,
        mean_after=sides[1].mean,
        count_before=counts[0],
        count_after=counts[1],
        difference=found.difference,
        total_mix=found.total_mix,
        total_rate=found.total_rate,
        effects=_order_effects(topics, sides, found),
    )


def _tabulate(side: Mapping[str, Moments], topics: list[str]) -> SideFigures:
    rows = [side.get(topic, Moments(0, 0.0, 0.0)) for topic in topics]
    return SideFigures(
        np.array([row.count for row in rows], dtype=np.int64),
        np.array([row.mean for row in rows], dtype=np.float64),
        np.array([row.variance for row in rows], dtype=np.float64),
    )


def _order_effects(topics: list[str], sides: list[SideFigures], found: Explanation) -> list[Effect]:
    beyond = find_beyond_noise([*found.mix, *found.rate])
    before, after = sides
    effects = []
    kinds: tuple[tuple[Literal["mix", "rate"], list[Estimate], Estimate, int], ...] = (
        ("mix", found.mix, found.total_mix, 0),
        ("rate", found.rate, found.total_rate, len(topics)),
    )
    for kind, estimates, total, offset in kinds:
        for row, (topic, estimate) in enumerate(zip(topics, estimates, strict=True)):
            is_alone_beyond = estimate.differs_from_zero and total.differs_from_zero
            n, m = int(before.counts[row]), int(after.counts[row])
            effects.append(
                Effect(
                    topic_id=topic,
                    kind=kind,
                    estimate=estimate,
                    is_beyond_noise=beyond[offset + row],
                    is_likely=is_alone_beyond and not beyond[offset + row],
                    share_before=n / int(before.counts.sum()),
                    share_after=m / int(after.counts.sum()),
                    mean_before=float(before.means[row]) if n else None,
                    mean_after=float(after.means[row]) if m else None,
                    count_before=n,
                    count_after=m,
                )
            )
    return sorted(effects, key=lambda effect: (-abs(effect.estimate.value), effect.topic_id, effect.kind))

"""Compares the newest days of topics with the days before, for several numbers of newest days."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trace_clustering.topics.day_counts import LinkedDays
from trace_clustering.topics.shares import compare_shares

_DAYS_OF_A_WEEK = 7
_NEWEST_DAYS = (1, 2, 3, 5, 7, 14, 28, 56)
# How often a topic that does not change may be said to change in one night, by all comparisons together.
# In a week, this happens about seven times as often.
_MAX_FALSE_ALARMS_PER_TOPIC = 8e-4
# How often this may happen to any topic in one night.
_MAX_FALSE_ALARMS_PER_NIGHT = 0.02
# What changed long ago is no news: the last days before must differ as well, by chance at most this often.
_MAX_P_VALUE_OF_LAST_DAYS = 0.05


@dataclass(frozen=True, eq=False)
class Changes:
    """The most surprising comparison of each of k topics.

    Attributes
    ----------
    p_values : float64 array, shape (k,)
    ratios : float64 array, shape (k,)
        The share in the newest days divided by that before.
    log_odds : float64 array, shape (k,)
        Logarithm of the ratio of the odds.
    n_newest : int64 array, shape (k,)
        Number of newest days.
    beyond_chance : bool array, shape (k,)
    """

    p_values: NDArray[np.float64]
    ratios: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    n_newest: NDArray[np.int64]
    beyond_chance: NDArray[np.bool_]

    def update(self, newer: "Changes", rows: NDArray[np.bool_]) -> "Changes":
        """Return the same with some rows taken from others."""
        pairs = zip(vars(self).values(), vars(newer).values(), strict=True)
        return Changes(*(np.where(rows, new, old) for old, new in pairs))


def find_changes(
    linked: LinkedDays, dispersions: NDArray[np.float64], *, n_window: int, n_before: int
) -> Changes:
    """Return the most surprising comparison of each topic, and whether it is beyond chance.

    If one topic grows, the shares of all others fall, although nothing happens to them. So the topic that
    changed most, by its odds, is taken out of the traffic, and the others are compared again without it.

    Parameters
    ----------
    linked : LinkedDays
    dispersions : float64 array, shape (k,)
    n_window, n_before : int
        Most newest days, and most days before them.
    """
    k = len(linked.traces)
    lengths = [length for length in _NEWEST_DAYS if length < n_window] + [n_window]
    allowed = min(_MAX_FALSE_ALARMS_PER_TOPIC, _MAX_FALSE_ALARMS_PER_NIGHT / max(k, 1)) / len(lengths)
    totals = linked.totals.copy()
    sizes = np.nansum(linked.traces, axis=1)
    claimed = np.zeros(k, dtype=bool)
    found = _compare_days(linked, totals, dispersions, lengths, n_before)
    for _ in range(k):
        beyond = np.flatnonzero(~claimed & (found.p_values <= allowed))
        if len(beyond) == 0:
            break
        # Of two topics that are all the traffic, the odds change alike; the smaller one is meant.
        row = int(beyond[np.lexsort((sizes[beyond], -np.abs(found.log_odds[beyond]).round(9)))[0]])
        claimed[row] = True
        totals -= np.minimum(np.nan_to_num(linked.traces[row]), totals)
        found = found.update(_compare_days(linked, totals, dispersions, lengths, n_before), ~claimed)
    return replace(found, beyond_chance=claimed)


def _compare_days(
    linked: LinkedDays,
    totals: NDArray[np.float64],
    dispersions: NDArray[np.float64],
    lengths: Sequence[int],
    n_before: int,
) -> Changes:
    """Compare newest days with those before, for each number of days; return the most surprising."""
    n_last = max(lengths[-1], _DAYS_OF_A_WEEK)
    results = []
    for length in lengths:
        cut = len(linked.days) - length
        now = _Sums.add(linked, totals, slice(cut, None))
        long = now.compare(_Sums.add(linked, totals, slice(max(0, cut - n_before), cut)), dispersions)
        last = now.compare(_Sums.add(linked, totals, slice(max(0, cut - n_last), cut)), dispersions)
        same_way = (last.log_odds > 0) == (long.log_odds > 0)
        confirmed = same_way & (last.p_values <= _MAX_P_VALUE_OF_LAST_DAYS)
        results.append(replace(long, p_values=np.where(confirmed, long.p_values, 1.0)))
    best = results[0]
    for result in results[1:]:
        best = best.update(result, result.p_values < best.p_values)
    return best


@dataclass(frozen=True, eq=False)
class _Sums:
    """The traces of k topics in some days, all traces of the days that are known, and doubts; shape (k,)."""

    n_days: int
    traces: NDArray[np.float64]
    totals: NDArray[np.float64]
    doubts: NDArray[np.float64]

    @classmethod
    def add(cls, linked: LinkedDays, totals: NDArray[np.float64], days: slice) -> "_Sums":
        traces = linked.traces[:, days]
        known = np.isfinite(traces)
        doubts = np.nansum(traces * linked.deviations[:, days], axis=1)
        return cls(traces.shape[1], np.nansum(traces, axis=1), (known * totals[days]).sum(axis=1), doubts)

    def compare(self, before: "_Sums", dispersions: NDArray[np.float64]) -> Changes:
        found = compare_shares(
            *(self.traces, self.totals, before.traces, before.totals),
            dispersion=dispersions,
            deviation_before=before.doubts / np.maximum(before.traces, 1),
        )
        log_odds = np.log(self._count_odds() / before._count_odds())
        n_newest = np.full(len(log_odds), self.n_days)
        return Changes(found.p_value, found.ratio, log_odds, n_newest, np.zeros(len(log_odds), dtype=bool))

    def _count_odds(self) -> NDArray[np.float64]:
        # Half a trace more on both sides keeps them finite.
        others: NDArray[np.float64] = np.maximum(self.totals - self.traces, 0)
        return (self.traces + 0.5) / (others + 0.5)

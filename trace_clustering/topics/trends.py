"""Which topics come, grow, shrink and go, beyond what chance and another clustering explain.

The newest days are compared with the days before them, for several numbers of newest days. All days of the
window are counted with the same clusters, so another clustering alone never looks like a change. Identity
only names it: a topic whose traffic rises is `new` if no earlier run knows it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trace_clustering.topics.day_counts import CountedWindow, LinkedDays, link_days
from trace_clustering.topics.shares import compare_shares, estimate_dispersions, estimate_shares

TrendKind = Literal["steady", "new", "growing", "shrinking", "gone", "back"]

# Numbers of newest days that are compared with the days before.
_NEWEST_DAYS = (1, 2, 3, 5, 7, 14, 28, 56)
_MIN_DAYS_BEFORE = 14
# How often a topic that does not change may be said to change in one night, by all comparisons together.
# In a week, this happens about seven times as often.
_MAX_FALSE_ALARMS_PER_TOPIC = 8e-4
# How often this may happen to any topic in one night.
_MAX_FALSE_ALARMS_PER_NIGHT = 0.02
# What was said the night before is said on until the days are as similar as this. Else it would flicker.
_P_VALUE_TO_KEEP = 0.01
# `new` and `back` had at most this part of the share before; `gone` has at most this part of it left.
_MAX_PART_OF_NOTHING = 0.25
_MAX_PART_LEFT = 0.1


@dataclass(frozen=True)
class Period:
    """The share of a topic in some days, and bounds that hold it with 95 %; None if unknown.

    `traces` is the number of its traces, counted by the newest clusters.
    """

    share: float | None
    low: float | None
    high: float | None
    traces: int | None


@dataclass(frozen=True)
class Trend:
    """How the share of a topic changes.

    Attributes
    ----------
    kind : TrendKind or None
        None if nothing can be said.
    since : datetime64[D]
        First day of `now`.
    now, before : Period
        The days that were compared: those from `since` on, and those before. If nothing changes, these are
        the window, and the days before it.
    said_before : bool
        Whether the run before said the same.
    days : mapping of datetime64[D] to Period
        The days of the window, in order.
    """

    kind: TrendKind | None
    since: np.datetime64
    now: Period
    before: Period
    said_before: bool
    days: Mapping[np.datetime64, Period]


@dataclass(frozen=True, eq=False)
class _Changes:
    """What comparisons found, shape (k,): p-value, ratios of shares and of odds, number of newest days."""

    p_values: NDArray[np.float64]
    ratios: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    n_newest: NDArray[np.int64]

    def update(self, newer: "_Changes", rows: NDArray[np.bool_]) -> "_Changes":
        return _Changes(
            np.where(rows, newer.p_values, self.p_values),
            np.where(rows, newer.ratios, self.ratios),
            np.where(rows, newer.log_odds, self.log_odds),
            np.where(rows, newer.n_newest, self.n_newest),
        )


def find_trends(
    newest: CountedWindow,
    earlier: Sequence[CountedWindow],
    *,
    deviations: Mapping[str, float] | None = None,
    said: Mapping[str, str | None] | None = None,
) -> dict[str, Trend]:
    """Find the trend of every topic of a window.

    Parameters
    ----------
    newest : CountedWindow
    earlier : sequence of CountedWindow
        The runs before, newest first. If there is none, no kind is said.
    deviations : mapping of str to float
        By topic, the relative standard deviation of its size between clusterings.
    said : mapping of str to str or None
        By topic, the kind that the run before said.
    """
    topics = sorted(newest.traces)
    sigma = np.array([(deviations or {}).get(topic, 0.0) for topic in topics])
    n_window = len(newest.days)
    n_before = max(n_window, _MIN_DAYS_BEFORE)
    linked = link_days(newest, earlier, topics, n_days_before=n_before, deviations=sigma)
    dispersions = estimate_dispersions(linked.traces, linked.totals)
    lengths = [length for length in _NEWEST_DAYS if length < n_window] + [n_window]
    changes, claimed = _find_changes(linked, dispersions, lengths, n_before)
    trends = {}
    for row, topic in enumerate(topics):
        was, kind = (said or {}).get(topic), None
        if earlier:
            name = _name_change(changes.ratios[row], _find_arrival(topic, newest, earlier))
            keeps = was == name and changes.p_values[row] <= _P_VALUE_TO_KEEP
            kind = name if claimed[row] or keeps else "steady"
        changed = kind not in (None, "steady")
        cut = len(linked.days) - (int(changes.n_newest[row]) if changed else n_window)
        measure = partial(_measure, linked, row, dispersions[row], sigma[row])
        trends[topic] = Trend(
            kind,
            linked.days[cut],
            now=measure(slice(cut, None)),
            before=measure(slice(max(0, cut - n_before), cut)),
            said_before=changed and was == kind,
            days={linked.days[d]: measure(slice(d, d + 1)) for d in range(n_before, len(linked.days))},
        )
    return trends


def _find_changes(
    linked: LinkedDays, dispersions: NDArray[np.float64], lengths: Sequence[int], n_before: int
) -> tuple[_Changes, NDArray[np.bool_]]:
    """Return the most surprising comparison of each topic, and whether it is beyond chance.

    If one topic grows, the shares of all others fall, although nothing happens to them. So the topic that
    changed most, by its odds, is taken out of the traffic, and the others are compared again without it.
    """
    k = len(linked.traces)
    allowed = min(_MAX_FALSE_ALARMS_PER_TOPIC, _MAX_FALSE_ALARMS_PER_NIGHT / max(k, 1)) / len(lengths)
    totals = linked.totals.copy()
    claimed = np.zeros(k, dtype=bool)
    found = _compare_days(linked, totals, dispersions, lengths, n_before)
    for _ in range(k):
        beyond = np.flatnonzero(~claimed & (found.p_values <= allowed))
        if len(beyond) == 0:
            break
        # Of two topics that are all the traffic, the odds change alike; the smaller one is meant.
        order = np.lexsort((linked.traces[beyond, -1], -np.abs(found.log_odds[beyond]).round(9)))
        row = int(beyond[order[0]])
        claimed[row] = True
        totals -= np.minimum(np.nan_to_num(linked.traces[row]), totals)
        again = _compare_days(linked, totals, dispersions, lengths, n_before)
        found = found.update(again, ~claimed)
    return found, claimed


def _compare_days(
    linked: LinkedDays,
    totals: NDArray[np.float64],
    dispersions: NDArray[np.float64],
    lengths: Sequence[int],
    n_before: int,
) -> _Changes:
    """Compare newest days with those before, for each number of days; return the most surprising."""
    known = np.isfinite(linked.traces)
    traces = np.nan_to_num(linked.traces)
    doubts = traces * linked.deviations
    results, log_odds = [], []
    for length in lengths:
        cut = len(linked.days) - length
        now, before = slice(cut, None), slice(max(0, cut - n_before), cut)
        traces_now, traces_before = traces[:, now].sum(axis=1), traces[:, before].sum(axis=1)
        total_now = np.array(totals[now].sum())
        total_before = (totals[before] * known[:, before]).sum(axis=1)
        results.append(
            compare_shares(
                *(traces_now, total_now, traces_before, total_before),
                dispersion=dispersions,
                deviation_before=doubts[:, before].sum(axis=1) / np.maximum(traces_before, 1),
            )
        )
        odds = (_count_odds(traces_now, total_now), _count_odds(traces_before, total_before))
        log_odds.append(np.log(odds[0] / odds[1]))
    p_values = np.array([result.p_value for result in results])
    best = p_values.argmin(axis=0)
    rows = np.arange(len(traces))
    ratios = np.array([result.ratio for result in results])
    return _Changes(
        p_values[best, rows], ratios[best, rows], np.array(log_odds)[best, rows], np.array(lengths)[best]
    )


def _count_odds(traces: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the odds of a trace to be of a topic; half a trace more on both sides keeps them finite."""
    others: NDArray[np.float64] = np.maximum(total - traces, 0)
    return (traces + 0.5) / (others + 0.5)


def _name_change(ratio: float, arrival: Literal["new", "back", ""]) -> TrendKind:
    """Return the kind of a change, given the share now divided by that before."""
    if ratio < 1:
        return "gone" if ratio <= _MAX_PART_LEFT else "shrinking"
    if arrival and ratio * _MAX_PART_OF_NOTHING >= 1:
        return arrival
    return "growing"


def _find_arrival(
    topic: str, newest: CountedWindow, earlier: Sequence[CountedWindow]
) -> Literal["new", "back", ""]:
    """Return whether a topic came, or came back, within the window; "" if it was there before."""
    first_day = newest.days[0]
    had_it = [topic in run.traces for run in earlier]
    recent = [run.days[-1] >= first_day for run in earlier]
    for position, present in enumerate(had_it):
        if not present:
            return "back" if any(had_it[position:]) else "new"
        if not recent[position]:
            break
    return ""


def _measure(linked: LinkedDays, row: int, dispersion: float, deviation: float, days: slice) -> Period:
    """Return the share of a topic in some days."""
    traces, totals = linked.traces[row, days], linked.totals[days]
    known = np.isfinite(traces)
    total, counted = float(totals[known].sum()), float(traces[known].sum())
    if total <= 0:
        return Period(None, None, None, 0 if known.any() else None)
    found = estimate_shares(counted, total, dispersion=dispersion, deviation=deviation)
    share, low, high = (round(float(value), 6) for value in found)
    return Period(share, low, high, round(counted))

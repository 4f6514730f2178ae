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

from trace_clustering.topics.changes import find_changes
from trace_clustering.topics.day_counts import CountedWindow, LinkedDays, count_days_before, link_days
from trace_clustering.topics.shares import estimate_dispersions, estimate_shares

TrendKind = Literal["steady", "new", "growing", "shrinking", "gone", "back"]

# Windows of files that people explore have thousands of days.
MAX_DAYS_TOLD = 31
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
        Whether the run before said the same, or as much.
    window : Period
        All days of the window together.
    days : mapping of datetime64[D] to Period
        The days of the window, in order; of a longer one, the last `MAX_DAYS_TOLD`.
    """

    kind: TrendKind | None
    since: np.datetime64
    now: Period
    before: Period
    said_before: bool
    window: Period
    days: Mapping[np.datetime64, Period]


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
    n_before = count_days_before(n_window)
    linked = link_days(newest, earlier, topics, deviations=sigma)
    dispersions = estimate_dispersions(linked.traces, linked.totals)
    changes = find_changes(linked, dispersions, n_window=n_window, n_before=n_before)
    told = range(max(n_before, len(linked.days) - MAX_DAYS_TOLD), len(linked.days))
    trends = {}
    for row, topic in enumerate(topics):
        was, kind = (said or {}).get(topic), None
        if earlier:
            name = _name_change(changes.ratios[row], _find_arrival(topic, newest, earlier), was)
            goes_on = _point_alike(name, was)
            keeps = goes_on and changes.p_values[row] <= _P_VALUE_TO_KEEP
            kind = name if changes.beyond_chance[row] or keeps else "steady"
        changed = kind not in (None, "steady")
        cut = len(linked.days) - (int(changes.n_newest[row]) if changed else n_window)
        measure = partial(_measure, linked, row, dispersions[row], sigma[row])
        trends[topic] = Trend(
            kind,
            linked.days[cut],
            now=measure(slice(cut, None)),
            before=measure(slice(max(0, cut - n_before), cut)),
            window=measure(slice(n_before, None)),
            said_before=changed and goes_on,
            days={linked.days[d]: measure(slice(d, d + 1)) for d in told},
        )
    return trends


def _name_change(ratio: float, arrival: Literal["new", "back", ""], was: str | None) -> TrendKind:
    """Return the kind of a change, given the share now divided by that before."""
    if ratio < 1:
        is_gone = ratio <= (_MAX_PART_OF_NOTHING if was == "gone" else _MAX_PART_LEFT)
        return "gone" if is_gone else "shrinking"
    if arrival and ratio * _MAX_PART_OF_NOTHING >= 1:
        return arrival
    return "growing"


def _point_alike(kind: TrendKind, was: str | None) -> bool:
    """Return whether a kind only says on what was said the night before."""
    if kind == "gone":
        return was == "gone"
    return was in (("shrinking", "gone") if kind == "shrinking" else ("new", "growing", "back"))


def _find_arrival(
    topic: str, newest: CountedWindow, earlier: Sequence[CountedWindow]
) -> Literal["new", "back", ""]:
    """Return whether a topic came, or came back, within the window; "" if it was there before."""
    first_day = newest.days[0]
    had_it = [topic in run.traces for run in earlier]
    recent = [len(run.days) > 0 and run.days[-1] >= first_day for run in earlier]
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

"""Numbers of traces by topic and day, and how those of several nights become one series.

Each night counts with clusters of its own, so a number of last week cannot be held against one of today.
But windows overlap: where two nights have counted the same days, the ratio of their numbers says how much
wider or narrower the topic is now. The older days are multiplied by it, as price indices are linked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from trace_clustering.traces.window import Window

Days = NDArray[np.datetime64]

# Traces of no topic are counted as if they were of one.
NO_TOPIC = ""

# A window is held against this many days before it, or as many as it has.
_MIN_DAYS_BEFORE = 28

# With fewer traces on the days that both nights have counted, their ratio says nothing.
_MIN_TRACES_TO_LINK = 5
# If a topic is wider or narrower by more than this, it is not the same any more.
_MAX_FACTOR = 3.0
# If a run counts so many more or fewer traces in all on the same days, it was told to look at others.
_MAX_FACTOR_OF_TOTALS = 1.25


@dataclass(frozen=True, eq=False)
class CountedWindow:
    """The numbers of traces that the clusters of one run hold on each day of its window.

    Attributes
    ----------
    run_id : str
    days : array of datetime64[D], shape (d,)
        All days of the window, in order.
    totals : int64 array, shape (d,)
        All traces of the window, also those of no topic.
    traces : mapping of str to int64 array, shape (d,)
        By topic, also `NO_TOPIC`.
    """

    run_id: str
    days: Days
    totals: NDArray[np.int64]
    traces: Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class LinkedDays:
    """The numbers of traces of k topics on d days, as the clusters of the newest run would count them.

    Attributes
    ----------
    days : array of datetime64[D], shape (d,)
        Without gaps; those of the newest run's window are last.
    totals : float64 array, shape (d,)
        All traces of the day; 0 where no run has counted it.
    traces : float64 array, shape (k, d)
        NaN where unknown.
    deviations : float64 array, shape (k, d)
        Relative standard deviations of these numbers, as they come from other clusterings; 0 within the
        newest window.
    """

    days: Days
    totals: NDArray[np.float64]
    traces: NDArray[np.float64]
    deviations: NDArray[np.float64]


def list_days(window: Window) -> Days:
    """Return all days of a window, in order."""
    moments = (window.start.replace(tzinfo=None), window.end.replace(tzinfo=None) - timedelta(microseconds=1))
    first, last = (np.datetime64(moment, "D") for moment in moments)
    return np.arange(first, last + 1)


def count_days_before(n_days: int) -> int:
    """Return how many days before a window of some days are held against it."""
    return max(n_days, _MIN_DAYS_BEFORE)


def link_days(
    newest: CountedWindow,
    earlier: Sequence[CountedWindow],
    topics: Sequence[str],
    *,
    deviations: NDArray[np.float64],
) -> LinkedDays:
    """Link the counts of earlier runs to those of the newest one.

    Parameters
    ----------
    newest : CountedWindow
    earlier : sequence of CountedWindow
        Newest first.
    topics : sequence of str, length k
    deviations : float64 array, shape (k,)
        Relative standard deviation of the size of each topic between clusterings. It is used where two runs
        have no days in common, and the numbers are taken as they are.
    """
    n_days_before = count_days_before(len(newest.days))
    end = newest.days[-1] + 1
    days = np.arange(newest.days[0] - n_days_before, end)
    totals = np.zeros(len(days))
    traces = np.full((len(topics), len(days)), np.nan)
    doubts = np.zeros_like(traces)
    interrupted = dict.fromkeys(topics, False)
    first_of_window = n_days_before
    totals[first_of_window:] = newest.totals
    for row, topic in enumerate(topics):
        traces[row, first_of_window:] = newest.traces.get(topic, 0)
    for run in earlier:
        positions = (run.days - days[0]).astype(np.int64)
        inside = (positions >= 0) & (positions < first_of_window + len(newest.days))
        positions = positions[inside]
        if len(positions) == 0:
            continue
        if not _extend_totals(totals, positions, run.totals[inside].astype(np.float64)):
            continue
        for row, topic in enumerate(topics):
            if topic in run.traces:
                counted = run.traces[topic][inside].astype(np.float64)
                # Before a topic was away, it may have been another size.
                deviation = None if interrupted[topic] else float(deviations[row])
                _extend(traces[row], doubts[row], positions, counted, deviation)
            else:
                interrupted[topic] = True
    return LinkedDays(days, totals, traces, doubts)


def _extend_totals(
    totals: NDArray[np.float64], positions: NDArray[np.int64], counted: NDArray[np.float64]
) -> bool:
    """Write the days without traffic into the totals, and return whether the runs have counted the same.

    With another filter, a run counts other traffic. Traces that arrived late change little.
    """
    known = totals[positions] > 0
    before, same_days = totals[positions][known].sum(), counted[known].sum()
    is_same = before == 0 or 1 / _MAX_FACTOR_OF_TOTALS <= same_days / before <= _MAX_FACTOR_OF_TOTALS
    if is_same:
        totals[positions] = np.where(known, totals[positions], counted)
    return bool(is_same)


def _extend(
    series: NDArray[np.float64],
    doubts: NDArray[np.float64],
    positions: NDArray[np.int64],
    counted: NDArray[np.float64],
    deviation: float | None,
) -> None:
    """Write the days that a series lacks into it, from the counts of an earlier run.

    Without a `deviation`, nothing is written unless both have counted enough traces on the same days.
    """
    lacking = np.isnan(series[positions])
    if not lacking.any():
        return
    known, same_days = series[positions[~lacking]], counted[~lacking]
    if min(known.sum(), same_days.sum()) >= _MIN_TRACES_TO_LINK:
        factor = known.sum() / same_days.sum()
        if not 1 / _MAX_FACTOR <= factor <= _MAX_FACTOR:
            return
        # What the ratio leaves unexplained on single days tells how many traces changed sides.
        doubt = float(np.sqrt(((known - factor * same_days) ** 2).sum()) / known.sum())
    elif deviation is None:
        return
    else:
        factor, doubt = 1.0, deviation
    series[positions[lacking]] = factor * counted[lacking]
    doubts[positions[lacking]] = doubt

"""Numbers of traces by topic and day, and how those of several nights become one series.

Each night counts with clusters of its own, so a number of last week cannot be held against one of today.
But windows overlap: where two nights have counted the same days, the ratio of their numbers says how much
wider or narrower the topic is now. The older days are multiplied by it, as price indices are linked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]

# With fewer traces on the days that both nights have counted, their ratio says nothing.
_MIN_TRACES_TO_LINK = 5
# If a topic is wider or narrower by more than this, it is not the same any more.
_MAX_FACTOR = 3.0


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
        By topic; "" are traces of no topic.
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


def link_days(
    newest: CountedWindow,
    earlier: Sequence[CountedWindow],
    topics: Sequence[str],
    *,
    n_days_before: int,
    deviations: NDArray[np.float64],
) -> LinkedDays:
    """Link the counts of earlier runs to those of the newest one.

    Parameters
    ----------
    newest : CountedWindow
    earlier : sequence of CountedWindow
        Newest first.
    topics : sequence of str, length k
    n_days_before : int
        How many days before the window the series begins.
    deviations : float64 array, shape (k,)
        Relative standard deviation of the size of each topic between clusterings. It is used where two runs
        have no days in common, and the numbers are taken as they are.
    """
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
        known_total = totals[positions] > 0
        totals[positions] = np.where(known_total, totals[positions], run.totals[inside])
        for row, topic in enumerate(topics):
            if topic in run.traces:
                counted = run.traces[topic][inside].astype(np.float64)
                # Before a topic was away, it may have been another size.
                deviation = None if interrupted[topic] else float(deviations[row])
                _extend(traces[row], doubts[row], positions, counted, deviation)
            else:
                interrupted[topic] = True
    return LinkedDays(days, totals, traces, doubts)


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

"""Made-up numbers of traces by topic and day, as runs of consecutive nights count them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from trace_clustering.topics.day_counts import CountedWindow

FIRST_DAY = np.datetime64("2025-03-01")


def count_nights(
    traces: Mapping[str, ArrayLike],
    *,
    n_days: int = 7,
    found: Mapping[str, Sequence[int]] | None = None,
) -> list[CountedWindow]:
    """Return the windows of all nights, newest first, given the traces of each topic on each day.

    `found` names, for a topic that not every night finds, the last days of the windows that find it.
    """
    days = {topic: np.asarray(counts, dtype=np.int64) for topic, counts in traces.items()}
    n = len(next(iter(days.values())))
    totals = np.sum(list(days.values()), axis=0)
    windows = []
    for last in range(n_days - 1, n):
        window = slice(last - n_days + 1, last + 1)
        held = {
            topic: counts[window]
            for topic, counts in days.items()
            if found is None or last in found.get(topic, range(n))
        }
        windows.append(
            CountedWindow(f"1_trace_{last}", FIRST_DAY + np.arange(n)[window], totals[window], held)
        )
    return windows[::-1]

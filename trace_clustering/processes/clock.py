"""One clock per step: each piece of its work may take the time that is left."""

import time

from trace_clustering.errors import DeadlineExceededError


class StepClock:
    """Counts down the time of one step.

    Parameters
    ----------
    seconds : float
        Time limit of the step; it starts now.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Return the seconds that are left of the limit; more than 0.

        Raises
        ------
        DeadlineExceededError
            If no time is left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise DeadlineExceededError(f"The step was stopped after its limit of {self._seconds:g} s")
        return left


def resolve_seconds(limit: float | StepClock) -> float:
    """Return the seconds that one piece of work may take: a fixed limit, or the time left on a clock."""
    return limit.seconds_left() if isinstance(limit, StepClock) else limit

"""One clock per step: everything in the step takes what is left of the step's time."""

import time

from trace_clustering.errors import DeadlineExceededError


class StepClock:
    """Counts down the time of one step.

    Parameters
    ----------
    seconds : float
        Time limit of the step, from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Return the time until the step must have ended, in seconds; more than 0.

        Raises
        ------
        DeadlineExceededError
            If the time is over.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise DeadlineExceededError(f"The step was stopped after its limit of {self._seconds:g} s")
        return left


def seconds_of(limit: float | StepClock) -> float:
    """Return the seconds that one piece of work may take: a fixed limit, or what a clock has left."""
    return limit.seconds_left() if isinstance(limit, StepClock) else limit

"""A step's clock counts down from its limit, and says so when the time is over."""

import time

import pytest

from trace_clustering.errors import DeadlineExceededError
from trace_clustering.processes.clock import StepClock


def test_a_clock_counts_down_from_its_limit() -> None:
    clock = StepClock(60)
    first = clock.seconds_left()
    time.sleep(0.02)
    second = clock.seconds_left()
    assert 60 >= first >= second + 0.02
    assert second > 0


def test_everything_that_asks_one_clock_shares_its_time() -> None:
    clock = StepClock(0.2)
    assert clock.seconds_left() <= 0.2
    time.sleep(0.12)
    assert clock.seconds_left() <= 0.08


@pytest.mark.parametrize(("seconds", "limit"), [(0, "0 s"), (0.01, "0.01 s")])
def test_when_the_time_is_over_the_limit_is_named(seconds: float, limit: str) -> None:
    clock = StepClock(seconds)
    time.sleep(0.02)
    with pytest.raises(DeadlineExceededError, match=f"stopped after its limit of {limit}$") as caught:
        clock.seconds_left()
    assert caught.value.retryable

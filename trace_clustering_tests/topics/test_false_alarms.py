"""How often a change is said of topics whose share never changes, and how soon of those that do."""

import numpy as np
import pytest

from trace_clustering.topics.day_counts import NO_TOPIC
from trace_clustering.topics.trends import find_trends
from trace_clustering_tests.topics.counted_windows import count_nights

WEEK = np.array([1.3, 1.3, 1.3, 1.2, 1.1, 0.4, 0.4])
N_TOPICS = 30
# A window and the days before it that trends look at.
HISTORY = 35


def draw_days(random: np.random.Generator, rates: np.ndarray) -> dict[str, np.ndarray]:
    """Draw the traces of topics with some mean numbers a day, shape (k, d), that follow the week."""
    days = rates * np.resize(WEEK, rates.shape[1])
    counts = {f"topic {row}": traces for row, traces in enumerate(random.poisson(days))}
    return counts | {NO_TOPIC: random.poisson(10, rates.shape[1])}


@pytest.mark.slow
@pytest.mark.parametrize("rate", [2.0, 7.0, 30.0])
def test_topics_that_do_not_change_are_seldom_said_to(rate: float) -> None:
    random = np.random.default_rng(int(rate))
    windows = count_nights(draw_days(random, np.full((N_TOPICS, 112), rate)))
    said: dict[str, str | None] = {}
    claims, n_nights = 0, len(windows) - HISTORY
    for position in range(n_nights - 1, -1, -1):
        trends = find_trends(windows[position], windows[position + 1 : position + HISTORY], said=said)
        said = {topic: trend.kind for topic, trend in trends.items()}
        changed = [trend for topic, trend in trends.items() if topic and trend.kind != "steady"]
        claims += sum(not trend.said_before for trend in changed)

    print(f"{claims / (n_nights * N_TOPICS / 7):.4f} claims per topic and week at {rate} traces a day")
    assert claims / (n_nights * N_TOPICS / 7) <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "kinds", "least"),
    [
        (5, 15, {"growing"}, 0.9),
        (12, 0, {"gone", "shrinking"}, 0.95),
        (20, 4, {"shrinking", "gone"}, 0.9),
        (15, 5, {"shrinking"}, 0.5),
    ],
)
def test_changes_are_found_within_two_nights(
    before: float, after: float, kinds: set[str], least: float
) -> None:
    random = np.random.default_rng(7)
    repeats, found = 60, 0
    for _ in range(repeats):
        rates = np.full((25, HISTORY), 7.0)
        rates[0] = np.where(np.arange(HISTORY) < HISTORY - 3, before, after)
        newest, *earlier = count_nights(draw_days(random, rates / np.resize(WEEK, HISTORY)))
        found += find_trends(newest, earlier)["topic 0"].kind in kinds

    print(f"{found / repeats:.2f} found: {before} to {after}")
    assert found / repeats >= least

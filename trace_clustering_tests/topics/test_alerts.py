"""Alerts are about what is large and beyond chance, and about nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trace_clustering.topics.alerts import Alert, Errors, Thresholds, WatchedTopic, find_alerts

ALL = Thresholds(new_topic_share=0.03, growth=1.5, error_rate=0.25, error_rise=0.1)


def find(topic: WatchedTopic, before: Errors | None = None, thresholds: Thresholds = ALL) -> list[str]:
    errors_before = {topic.topic_id: before} if before else {}
    return [alert.kind for alert in find_alerts([topic], errors_before, thresholds)]


@pytest.mark.parametrize(
    ("change", "share", "before", "kinds"),
    [
        ("new", 0.03, None, ["new_topic"]),
        ("new", 0.029, None, []),
        ("new", None, None, []),
        ("steady", 0.5, 0.1, []),
        ("", 0.5, None, []),
        ("growing", 0.06, 0.04, ["growth"]),
        ("growing", 0.05, 0.04, []),
        ("growing", 0.05, None, []),
        ("growing", 0.05, 0.0, ["growth"]),
        ("shrinking", 0.05, 0.5, []),
        ("back", 0.5, 0.0, []),
    ],
)
def test_shares(change: str, share: float | None, before: float | None, kinds: list[str]) -> None:
    assert find(WatchedTopic("t", "T", 9, change, share, before)) == kinds


@pytest.mark.parametrize(
    ("now", "before", "is_alert"),
    [
        (Errors(30, 62), None, True),  # surely above 25 %
        (Errors(17, 62), None, False),  # 27 %, which may be chance
        (Errors(19, 19), None, False),  # too few traces
        (Errors(20, 20), None, True),
        (Errors(30, 200), Errors(4, 200), True),  # from 2 % to 15 %
        (Errors(12, 62), Errors(6, 64), False),  # from 9 % to 19 %, which may be chance
        (Errors(30, 200), Errors(4, 19), False),  # nothing to compare with
        (Errors(300, 4000), Errors(40, 4000), False),  # surely, but by less than 10 points
        (Errors(0, 62), Errors(60, 64), False),
    ],
)
def test_errors(now: Errors, before: Errors | None, is_alert: bool) -> None:
    assert find(WatchedTopic("t", "T", 9, errors=now), before) == ["errors"] * is_alert


def test_what_is_not_known_is_no_alert() -> None:
    assert find(WatchedTopic("t", "T", 9)) == []


def test_alerts_come_by_kind_and_the_largest_first() -> None:
    topics = [
        WatchedTopic("a", "A", 50, "growing", 0.2, 0.1, Errors(40, 50)),
        WatchedTopic("b", "B", 50, "new", 0.1),
        WatchedTopic("c", "C", 50, "new", 0.3),
    ]
    assert find_alerts(topics, {}, ALL) == [
        Alert("new_topic", "c", "C", 50, 0.3, None),
        Alert("new_topic", "b", "B", 50, 0.1, None),
        Alert("growth", "a", "A", 50, 0.2, 0.1),
        Alert("errors", "a", "A", 50, 0.8, None),
    ]


@given(
    st.sampled_from(["new", "growing", "steady", ""]),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_without_thresholds_there_is_no_alert(
    change: str, share: float, before: float, failed: int, fine: int
) -> None:
    errors = Errors(failed, failed + fine) if failed + fine else None
    topic = WatchedTopic("t", "T", 9, change, share, before, errors)
    assert find(topic, errors, Thresholds()) == []
    assert find(topic, errors, Thresholds(error_rise=0.1)) == []

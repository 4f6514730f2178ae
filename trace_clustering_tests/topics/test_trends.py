import numpy as np
import pytest

from trace_clustering.topics.trends import find_trends
from trace_clustering_tests.topics.counted_windows import FIRST_DAY, count_nights

REST = [200] * 21


def test_a_topic_whose_share_stays_is_steady() -> None:
    newest, *earlier = count_nights({"a": [10] * 21, "": REST})

    trend = find_trends(newest, earlier)["a"]

    assert trend.kind == "steady"
    assert trend.now.traces == 70
    assert trend.now.share == pytest.approx(1 / 21)
    assert trend.before.share == pytest.approx(1 / 21)
    assert len(trend.days) == 7


@pytest.mark.parametrize(
    ("newest_days", "kind"),
    [([30, 31, 29], "growing"), ([2, 1, 2], "shrinking"), ([0, 0, 0], "gone"), ([10, 11, 9], "steady")],
)
def test_a_change_is_named_and_dated(newest_days: list[int], kind: str) -> None:
    newest, *earlier = count_nights({"a": [10] * 18 + newest_days, "": REST})

    trend = find_trends(newest, earlier)["a"]

    assert trend.kind == kind
    if kind != "steady":
        assert trend.since == FIRST_DAY + 18
        assert trend.now.traces == sum(newest_days)


def test_a_topic_that_no_run_knew_is_new_if_its_traces_are() -> None:
    counts = {"a": [0] * 18 + [12, 12, 12], "b": [12] * 21, "": REST}
    newest, *earlier = count_nights(counts, found={"a": [20], "b": [20]})

    trends = find_trends(newest, earlier)

    assert trends["a"].kind == "new"
    assert trends["b"].kind == "steady", "another clustering found it; its traces were there all week"


def test_a_topic_that_was_gone_is_back_if_its_traces_are() -> None:
    counts = {"a": [12] * 7 + [0] * 11 + [12, 12, 12], "b": [12] * 21, "": REST}
    nights = [*range(10), 19, 20]
    newest, *earlier = count_nights(counts, found={"a": nights, "b": nights})

    trends = find_trends(newest, earlier)

    assert trends["a"].kind == "back"
    assert trends["b"].kind == "steady"


def test_nothing_is_said_on_the_first_night() -> None:
    (newest,) = count_nights({"a": [10, 10, 10, 10, 0, 0, 0], "": [200] * 7})

    trend = find_trends(newest, [])["a"]

    assert trend.kind is None
    assert trend.before.share is None
    assert trend.now.share is not None


def test_others_do_not_shrink_because_one_grows() -> None:
    newest, *earlier = count_nights({"a": [10] * 18 + [300] * 3, "b": [60] * 21, "": REST})

    trends = find_trends(newest, earlier)

    assert trends["a"].kind == "growing"
    assert trends["b"].kind == "steady"
    assert trends[""].kind == "steady"


def test_a_wider_cluster_is_no_growth() -> None:
    windows = count_nights({"a": [10] * 21, "": REST})
    wider, *_ = count_nights({"a": [17] * 21, "": [193] * 21})

    trend = find_trends(wider, windows[1:])["a"]

    assert trend.kind == "steady"
    assert trend.before.share == pytest.approx(17 / 210, abs=1e-6)


def test_days_without_traffic_say_nothing() -> None:
    newest, *earlier = count_nights({"a": [10] * 18 + [0] * 3, "": [200] * 18 + [0] * 3})

    trend = find_trends(newest, earlier)["a"]

    assert trend.kind == "steady"
    assert trend.days[FIRST_DAY + 20].share is None


def test_what_was_said_is_said_on_for_a_while() -> None:
    counts = {"a": [10] * 18 + [18, 17, 18], "": REST}
    newest, *earlier = count_nights(counts)

    assert find_trends(newest, earlier)["a"].kind == "steady"
    trend = find_trends(newest, earlier, said={"a": "growing"})["a"]
    assert trend.kind == "growing"
    assert trend.said_before


def test_order_of_topics_does_not_matter() -> None:
    random = np.random.default_rng(0)
    counts = {f"topic {number}": random.poisson(5, 21) for number in range(20)} | {"": REST}
    backwards = dict(reversed(counts.items()))

    one = find_trends(count_nights(counts)[0], count_nights(counts)[1:])
    other = find_trends(count_nights(backwards)[0], count_nights(backwards)[1:])

    assert one == other


@pytest.mark.parametrize("n_days", [1, 2, 3, 30])
def test_windows_of_other_lengths_are_compared_too(n_days: int) -> None:
    counts = {"a": [10] * 57 + [40] * 3, "b": [12] * 60, "": [200] * 60}
    newest, *earlier = count_nights(counts, n_days=n_days)

    trends = find_trends(newest, earlier)

    assert trends["a"].kind == "growing"
    assert trends["b"].kind == "steady"


def test_nights_without_a_run_leave_the_others_comparable() -> None:
    newest, *earlier = count_nights({"a": [10] * 37 + [40] * 3, "": [200] * 40})

    trend = find_trends(newest, earlier[9:20:4])["a"]

    assert trend.kind == "growing"
    assert trend.since == FIRST_DAY + 37


def test_the_days_of_a_window_of_years_are_told_as_far_as_they_matter() -> None:
    (newest,) = count_nights({"a": [3] * 2000, "": [7] * 2000}, n_days=2000)

    trend = find_trends(newest, [])["a"]

    assert len(trend.days) == 31
    assert trend.window.traces == 6000

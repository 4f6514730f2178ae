"""The history of a topic is what its runs saw, whatever came and went."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trace_clustering.topics.topic_histories import SeenRun, SeenTopic, build_histories

NAMES = "abcd"


def see(day: int, merged: dict[str, str] | None = None, gone: str = "", **sizes: int) -> SeenRun:
    """Return a run of a day that saw topics of some sizes."""
    total = sum(sizes.values())
    topics = [
        SeenTopic(topic, f"About {topic} of day {day}", size, size / total) for topic, size in sizes.items()
    ]
    return SeenRun(f"run-{day}", date(2025, 1, day), topics, gone, merged or {})


def test_a_topic_is_born_grows_dies_and_comes_back() -> None:
    runs = [see(8, a=5, b=5, d=1), see(15, b=9, c=1), see(22, gone="c", a=2, b=8)]
    histories = {history.topic_id: history for history in build_histories(runs)}
    assert histories["a"].traces == [5, None, 2]
    assert (histories["a"].first_seen, histories["a"].last_seen) == (date(2025, 1, 8), date(2025, 1, 22))
    assert histories["a"].runs == 2
    assert histories["b"].shares == pytest.approx([5 / 11, 0.9, 0.8])
    assert histories["d"].status == "absent"
    assert histories["b"].title == "About b of day 22"
    assert histories["c"].status == "gone"
    assert histories["c"].last_seen == date(2025, 1, 15)


def test_present_topics_come_first_then_the_gone_and_the_ignored_last() -> None:
    ignored = SeenTopic("d", "Spam", 90, 0.9, is_ignored=True)
    newest = see(22, a=2, b=8)
    runs = [see(8, e=4, c=1), see(15, c=1), SeenRun("run", newest.day, [*newest.topics, ignored])]
    assert [history.topic_id for history in build_histories(runs)] == ["b", "a", "c", "e", "d"]


def test_a_gone_topic_tells_what_took_it_over_until_it_is_back() -> None:
    runs = [see(8, a=5, b=5), see(15, merged={"a": "b"}, b=9)]
    histories = {history.topic_id: history for history in build_histories(runs)}
    assert (histories["a"].merged_into, histories["b"].merged_into) == ("b", "")
    again = {history.topic_id: history for history in build_histories([*runs, see(22, a=1, b=1)])}
    assert (again["a"].status, again["a"].merged_into) == ("", "")


def test_no_run_has_no_history() -> None:
    assert build_histories([]) == []
    assert build_histories([see(8)]) == []


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 9)), max_size=6))
def test_no_trace_of_a_run_is_lost_or_invented(sizes: list[dict[str, int]]) -> None:
    histories = build_histories([see(day + 1, **run) for day, run in enumerate(sizes)])
    for position, run in enumerate(sizes):
        seen = {history.topic_id: history.traces[position] for history in histories}
        assert {topic: traces for topic, traces in seen.items() if traces is not None} == run
    assert len({history.topic_id for history in histories}) == len(histories)

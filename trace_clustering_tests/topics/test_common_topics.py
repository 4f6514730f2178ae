"""Topics of two clusterings of the same traffic are counted together, and those that are new are not."""

import numpy as np

from trace_clustering.topics.common_topics import TopicPlace, join_topics


def place(degrees: float, radius: float = 0.9, traces: int = 10) -> TopicPlace:
    """Return a topic whose centroid lies at an angle."""
    angle = np.deg2rad(degrees)
    return TopicPlace(np.array([np.cos(angle), np.sin(angle)], dtype=np.float32), radius, traces)


def test_a_topic_that_is_cut_anew_is_counted_with_its_parts() -> None:
    before = {"same": place(0), "left": place(80, traces=5), "right": place(100, traces=6)}
    after = {"same": place(2), "whole": place(90, traces=11)}
    whole = {"left": "whole", "right": "whole", "whole": "whole"}
    assert join_topics(before, after) == {"same": "same", **whole}
    assert join_topics(after, before) == {"same": "same", **dict.fromkeys(whole, "right")}


def test_topics_are_joined_only_if_each_lies_in_the_other() -> None:
    wide, narrow = {"wide": place(0, radius=0.1)}, {"narrow": place(50, radius=0.95)}
    assert join_topics(wide, narrow) == {"wide": "wide", "narrow": "narrow"}
    assert join_topics(wide, {"narrow": place(50, radius=0.6)}) == {"wide": "narrow", "narrow": "narrow"}


def test_a_topic_that_is_new_is_counted_with_no_other() -> None:
    before, after = {"old": place(0)}, {"old": place(0), "born": place(5)}
    assert join_topics(before, after)["born"] == "old"
    assert join_topics(before, after, apart=["born"])["born"] == "born"


def test_topics_that_both_have_are_never_joined_directly() -> None:
    both = {"a": place(0), "b": place(1)}
    assert join_topics(both, both) == {"a": "a", "b": "b"}


def test_a_side_without_topics_joins_none() -> None:
    assert join_topics({}, {"a": place(0)}) == {"a": "a"}
    assert join_topics({}, {}) == {}


def test_the_order_of_the_topics_means_nothing() -> None:
    rng = np.random.default_rng(1)
    before = {f"b{n}": place(float(rng.uniform(0, 360)), 0.8, int(rng.integers(1, 50))) for n in range(20)}
    after = {f"a{n}": place(float(rng.uniform(0, 360)), 0.8, int(rng.integers(1, 50))) for n in range(20)}
    turned = [dict(reversed(side.items())) for side in (before, after)]
    assert join_topics(before, after) == join_topics(*turned)
    there, back = join_topics(before, after), join_topics(after, before)
    pairs = [(one, other) for one in there for other in there]
    assert all((there[one] == there[other]) == (back[one] == back[other]) for one, other in pairs)

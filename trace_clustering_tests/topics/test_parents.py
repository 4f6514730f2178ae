"""Groups of clusters keep their identity from run to run."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.topics.history import EarlierCluster, EarlierParent, EarlierRun
from trace_clustering.topics.identity import Continuity, CurrentCluster
from trace_clustering.topics.parents import Parent, find_parents
from trace_clustering.traces.window import Window
from trace_clustering_tests.algorithms.clusters.test_levels import make_centroids

WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))
CENTROIDS = make_centroids(3, 3, 3)


def make_night(
    topics: Sequence[int], centroids: np.ndarray = CENTROIDS, size: int = 10
) -> tuple[list[CurrentCluster], list[Continuity]]:
    """Return a run of which cluster c carries the topic `topics[c]`."""
    clusters = [
        CurrentCluster(
            cluster, np.array([f"{topic}-{row}" for row in range(size)], dtype=object), centroids[topic]
        )
        for cluster, topic in enumerate(topics)
    ]
    return clusters, [Continuity(c, f"topic {topic}", "continued") for c, topic in enumerate(topics)]


def remember(
    run_id: str, night: tuple[list[CurrentCluster], list[Continuity]], parents: list[Parent]
) -> EarlierRun:
    """Return a run as the next one finds it."""
    clusters, continuities = night
    topics = [continuity.topic_id for continuity in continuities]
    return EarlierRun(
        run_id,
        WINDOW,
        np.concatenate([cluster.trace_ids for cluster in clusters]),
        [EarlierCluster(topics[c.cluster_id], c.cluster_id, c.trace_ids, c.centroid, 0.5) for c in clusters],
        [
            EarlierParent(
                parent.parent_id,
                parent.level,
                tuple(topics[cluster] for cluster in parent.cluster_ids),
                f"Title of {parent.parent_id}",
                "- What it was",
                "agent",
            )
            for parent in parents
        ],
    )


def list_groups(parents: list[Parent], topics: Sequence[int], level: int) -> dict[str, set[int]]:
    return {
        parent.parent_id: {topics[cluster] for cluster in parent.cluster_ids}
        for parent in parents
        if parent.level == level
    }


def test_groups_are_continued_where_their_topics_are() -> None:
    first, second = range(27), [*range(26, 0, -1)]  # topic 0 is gone, and clusters have other numbers
    before = make_night(first)
    parents = find_parents(*before, [], scope="1:a")
    assert {parent.relation for parent in parents} == {"new"}
    after = find_parents(*make_night(second), [remember("a", before, parents)], scope="1:b")
    for level, count in ((1, 9), (2, 3)):
        old, new = list_groups(parents, first, level), list_groups(after, second, level)
        assert len(old) == count
        assert new == {parent_id: topics - {0} for parent_id, topics in old.items()}
    assert {(parent.relation, parent.earlier_run_id) for parent in after} == {("continued", "a")}
    assert {parent.earlier_title for parent in after} == {
        f"Title of {parent.parent_id}" for parent in parents
    }
    assert {parent.overlap for parent in after if 1 not in [second[c] for c in parent.cluster_ids]} == {1.0}


def test_a_group_that_was_away_for_a_night_comes_back_with_its_id() -> None:
    whole, part = range(27), range(18)  # the third wide group is away
    one = make_night(whole)
    parents = find_parents(*one, [], scope="1:a")
    two = make_night(part)
    between = find_parents(*two, [remember("a", one, parents)], scope="1:b")
    history = [remember("b", two, between), remember("a", one, parents)]
    back = find_parents(*make_night(whole), history, scope="1:c")
    assert list_groups(back, whole, 1) == list_groups(parents, whole, 1)
    assert list_groups(back, whole, 2) == list_groups(parents, whole, 2)


def test_groups_do_not_flicker_with_the_noise_of_centroids() -> None:
    """Without their history, groups of clusters that have no clear ones change with every night."""
    random = np.random.default_rng(3)
    vague = random.normal(size=(30, 64))
    topics = range(30)
    history: list[EarlierRun] = []
    ids: list[dict[int, str]] = []
    alone: list[frozenset[frozenset[int]]] = []
    for night in range(5):
        noisy = vague + random.normal(scale=0.15, size=vague.shape)
        noisy = (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)
        run = make_night(topics, noisy)
        parents = find_parents(*run, history, scope=f"1:{night}")
        history.insert(0, remember(str(night), run, parents))
        ids.append(
            {c: parent.parent_id for parent in parents if parent.level == 1 for c in parent.cluster_ids}
        )
        fresh = find_parents(*run, [], scope=f"1:{night}")
        alone.append(frozenset(frozenset(p.cluster_ids) for p in fresh if p.level == 1))
    assert len(set(alone)) > 1
    assert all(night == ids[0] for night in ids)


def test_few_clusters_have_no_groups_but_groups_that_there_are_stay() -> None:
    few = list(range(11))
    assert find_parents([], [], [], scope="1:a") == []
    assert find_parents(*make_night(few), [], scope="1:a") == []
    many = make_night(range(13))
    parents = find_parents(*many, [], scope="1:a")
    assert parents
    stayed = find_parents(*make_night(few), [remember("a", many, parents)], scope="1:b")
    assert "continued" in {parent.relation for parent in stayed}


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_ids_are_sound_whatever_topics_come_and_go(data: st.DataObject) -> None:
    """Every cluster has one group per level, no two groups share an id, teams share none, and runs repeat."""
    nights = data.draw(st.lists(st.sets(st.integers(0, 26), min_size=13), min_size=1, max_size=3))
    history: list[EarlierRun] = []
    for number, present in enumerate(nights):
        topics = sorted(present)
        run = make_night(topics)
        parents = find_parents(*run, history, scope=f"1:{number}")
        assert parents == find_parents(*run, history, scope=f"1:{number}")
        other_team = find_parents(*run, [], scope=f"2:{number}")
        ids = [parent.parent_id for parent in parents]
        assert len(set(ids)) == len(ids)
        assert not set(ids) & {parent.parent_id for parent in other_team}
        for level in (1, 2):
            grouped = [c for parent in parents if parent.level == level for c in parent.cluster_ids]
            assert sorted(grouped) == list(range(len(topics)))
        history.insert(0, remember(str(number), run, parents))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_clusters_changes_no_group(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(27).tolist()
    sorted_groups = list_groups(find_parents(*make_night(range(27)), [], scope="1:a"), range(27), 1)
    assert list_groups(find_parents(*make_night(order), [], scope="1:a"), order, 1) == sorted_groups

"""Merges put clusters together for good, and pinned topics stay while they have a trace."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.algorithms.embedding_centroids import calculate_embedding_centroids
from trace_clustering.topics.day_counts import CountedWindow
from trace_clustering.topics.edited_clusters import EditedClusters, apply_edits
from trace_clustering.topics.edited_history import (
    find_edited_identities,
    follow_merges,
    follow_merges_in_counts,
)
from trace_clustering.topics.edits import TopicEdit, TopicEdits
from trace_clustering.topics.history import EarlierCluster, EarlierParent, EarlierRun
from trace_clustering.topics.identity import CurrentCluster, Identities
from trace_clustering.traces.arrays import FloatArray, IntArray, StringArray
from trace_clustering.traces.window import Window

A, B, C, D = (f"{letter * 8}-0000-5000-8000-000000000000" for letter in "abcd")
MERGED = TopicEdits({A: TopicEdit(merge_into=B)})
PINNED = TopicEdits({A: TopicEdit(pin=True)})
NOISE = -1


class Traffic:
    """Traces of four kinds, in directions of their own, ten of each; later nights have some new ones."""

    def __init__(self) -> None:
        self.directions = np.eye(4, 12, dtype=np.float32)

    def draw(
        self, night: int, per_kind: int = 10, kinds: int = 4
    ) -> tuple[StringArray, FloatArray, IntArray]:
        """Return ids, embeddings and kinds; one trace of each kind is new every night."""
        kind = np.repeat(np.arange(kinds), per_kind)
        number = np.tile(np.arange(per_kind), kinds) + night
        ids = np.array([f"{k}-{n:04d}" for k, n in zip(kind, number, strict=True)], dtype=object)
        noise = np.stack(
            [np.random.default_rng([k, n]).normal(0, 0.05, 12) for k, n in zip(kind, number, strict=True)]
        )
        return ids, np.float32(self.directions[kind] + noise), kind


def remember(
    ids: StringArray, embeddings: FloatArray, labels: IntArray, topics: list[str], night: int
) -> EarlierRun:
    """Return a run as the history holds it."""
    centroids, radii = calculate_embedding_centroids(embeddings, labels)
    end = datetime(2025, 1, 10, tzinfo=UTC) + timedelta(days=night)
    return EarlierRun(
        run_id=f"run-{night}",
        window=Window(end - timedelta(days=7), end),
        trace_ids=np.sort(ids),
        clusters=[
            EarlierCluster(
                topic, c, np.sort(ids[labels == c]), centroids[c], float(radii[c]), title=topic[:3]
            )
            for c, topic in enumerate(topics)
        ],
    )


def identify(
    ids: StringArray, embeddings: FloatArray, edited: EditedClusters, earlier: list[EarlierRun], night: int
) -> Identities:
    centroids, _ = calculate_embedding_centroids(embeddings, edited.labels)
    clusters = [
        CurrentCluster(c, np.sort(ids[edited.labels == c]), centroid) for c, centroid in enumerate(centroids)
    ]
    followed = follow_merges(earlier, edited.merges)
    return find_edited_identities(clusters, ids, followed, scope=f"1:{night}", topics=edited.topics)


def topics_of(found: Identities) -> list[str]:
    return [row.topic_id for row in found.continuities]


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


def test_without_edits_nothing_changes(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    edits = TopicEdits({A: TopicEdit(title="Refunds"), B: TopicEdit(ignore=True)})
    edited = apply_edits(kind, ids, embeddings, [], edits, scope="1:0")
    assert edited.labels is kind
    assert (edited.origins, edited.topics, edited.merges) == ([0, 1, 2, 3], {}, {})


def test_a_merge_holds_from_night_to_night_although_the_clustering_finds_the_parts(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    for night in range(1, 15):  # no trace of the first night is left after ten
        ids, embeddings, kind = traffic.draw(night)
        edited = apply_edits(kind, ids, embeddings, history, MERGED, scope=f"1:{night}")
        assert edited.labels.tolist() == [0] * 20 + [1] * 10 + [2] * 10
        assert edited.origins == [-1, 2, 3]
        found = identify(ids, embeddings, edited, history, night)
        assert topics_of(found) == [B, C, D]
        assert [row.relation for row in found.continuities] == ["continued"] * 3
        assert found.gone == []
        history = [remember(ids, embeddings, edited.labels, topics_of(found), night), *history][:3]


def test_parts_are_put_together_after_a_gap_without_common_traces(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    united = np.array([0, 0, 1, 2])[kind]
    history = [remember(ids, embeddings, united, [B, C, D], 0)]
    ids, embeddings, kind = traffic.draw(40)
    edited = apply_edits(kind, ids, embeddings, history, MERGED, scope="1:40")
    assert edited.labels.tolist() == united.tolist()
    assert topics_of(identify(ids, embeddings, edited, history, 40)) == [B, C, D]


def test_topics_of_the_first_night_can_be_merged_in_a_run_of_the_same_night(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    plain = apply_edits(kind, ids, embeddings, [], TopicEdits(), scope="1:0")
    first = topics_of(identify(ids, embeddings, plain, [], 0))
    edits = TopicEdits({first[3]: TopicEdit(merge_into=first[1][:8])})
    edited = apply_edits(kind, ids, embeddings, [], edits, scope="1:0")
    assert edited.known_sources == [first[3]]
    assert edited.labels.tolist() == [0] * 10 + [1] * 10 + [2] * 10 + [1] * 10
    assert topics_of(identify(ids, embeddings, edited, [], 0)) == first[:3]


def test_nothing_is_merged_into_a_topic_that_nobody_knows(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    mistyped = TopicEdits({A: TopicEdit(merge_into=B.replace("b", "e"))})
    edited = apply_edits(kind, ids, embeddings, history, mistyped, scope="1:1")
    assert (edited.labels.tolist(), edited.topics) == (kind.tolist(), {})
    assert topics_of(identify(ids, embeddings, edited, history, 1)) == [A, B, C, D]


def test_a_part_alone_carries_the_topic_that_it_belongs_to(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    labels = np.array([0, NOISE, 1, 2])[kind]
    edited = apply_edits(labels, ids, embeddings, history, MERGED, scope="1:1")
    found = identify(ids, embeddings, edited, history, 1)
    assert topics_of(found) == [B, C, D]
    assert found.continuities[0].shared_traces == 10
    assert found.gone == []


def test_a_new_topic_beside_a_merged_one_stays_its_own(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    three = kind < 3
    history = [remember(ids[three], embeddings[three], np.array([0, 0, 1, 1])[kind][three], [B, C], 0)]
    edited = apply_edits(kind, ids, embeddings, history, MERGED, scope="1:1")
    found = identify(ids, embeddings, edited, history, 1)
    assert topics_of(found)[:2] == [B, C]
    assert found.continuities[2].relation == "new"


def test_a_merge_that_is_taken_back_lets_the_parts_go(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    before = remember(ids, embeddings, kind, [A, B, C, D], 0)
    history = [remember(ids, embeddings, np.array([0, 0, 1, 2])[kind], [B, C, D], 1), before]
    edited = apply_edits(kind, ids, embeddings, history, TopicEdits(), scope="1:2")
    assert len(edited.origins) == 4
    found = topics_of(identify(ids, embeddings, edited, history, 2))
    assert len(set(found)) == 4
    assert found[2:] == [C, D]


def test_a_pinned_topic_that_is_noise_now_stays_where_it_was(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    ids, embeddings, kind = traffic.draw(40)
    few = (kind > 0) | (np.arange(40) < 1)  # one trace of it is left, and it is a new one
    ids, embeddings, kind = ids[few], embeddings[few], kind[few]
    labels = kind - 1
    assert (labels == NOISE).sum() == 1
    edited = apply_edits(labels, ids, embeddings, history, PINNED, scope="1:40")
    assert edited.labels.tolist() == [3] + [0] * 10 + [1] * 10 + [2] * 10
    assert edited.origins == [0, 1, 2, -1]
    assert edited.kept[3].topic_id == A
    found = identify(ids, embeddings, edited, history, 40)
    assert topics_of(found) == [B, C, D, A]
    assert found.gone == []


def test_a_pinned_topic_without_a_trace_is_gone(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    rest = kind > 0
    edited = apply_edits(kind[rest] - 1, ids[rest], embeddings[rest], history, PINNED, scope="1:1")
    assert edited.kept == {}
    assert edited.labels.tolist() == (kind[rest] - 1).tolist()
    (gone,) = identify(ids[rest], embeddings[rest], edited, history, 1).gone
    assert gone.topic_id == A


def test_a_pinned_topic_is_taken_out_of_the_cluster_that_swallowed_it(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    ids, embeddings, kind = traffic.draw(3)
    # Two thirds of the cluster are of B, so that it is B's.
    swallowed = np.array([0, 0, 1, 2])[kind]
    labels = np.where((kind == 0) & (np.arange(40) % 2 == 0), NOISE, swallowed)
    edited = apply_edits(labels, ids, embeddings, history, PINNED, scope="1:3")
    mine = edited.labels == 3
    assert mine.sum() >= 8
    assert set(kind[mine]) == {0}
    assert topics_of(identify(ids, embeddings, edited, history, 3)) == [B, C, D, A]


def test_a_pinned_topic_that_was_found_is_left_alone(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    edited = apply_edits(kind, ids, embeddings, history, PINNED, scope="1:1")
    assert edited.labels.tolist() == kind.tolist()
    assert (edited.kept, edited.topics) == ({}, {})


def test_a_cluster_that_pinned_topics_leave_empty_is_no_more(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    both = TopicEdits({A: TopicEdit(pin=True), B: TopicEdit(pin=True)})
    labels = np.array([0, 0, 1, 2])[kind]
    labels[kind == 0] = np.where(np.arange(10) < 5, 0, NOISE)
    labels[kind == 1] = np.where(np.arange(10) < 5, 0, NOISE)
    edited = apply_edits(labels, ids, embeddings, history, both, scope="1:1")
    assert set(edited.labels.tolist()) - {NOISE} == set(range(len(edited.origins)))
    assert len(edited.origins) == 4
    assert {A, B} <= set(topics_of(identify(ids, embeddings, edited, history, 1)))


def test_a_pinned_topic_that_others_are_merged_into_is_kept_as_one(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    edits = TopicEdits({A: TopicEdit(merge_into=B), B: TopicEdit(pin=True)})
    labels = np.array([NOISE, NOISE, 0, 1])[kind]
    edited = apply_edits(labels, ids, embeddings, history, edits, scope="1:1")
    assert edited.kept[2].topic_id == B
    assert set(kind[edited.labels == 2]) == {0, 1}


def test_nothing_but_noise_and_no_history_are_no_trouble(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    noise = np.full_like(kind, NOISE)
    both = TopicEdits({A: TopicEdit(pin=True), C: TopicEdit(merge_into=D)})
    edited = apply_edits(noise, ids, embeddings, [], both, scope="1:0")
    assert (edited.labels.tolist(), edited.origins) == (noise.tolist(), [])
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    edited = apply_edits(noise, ids, embeddings, history, both, scope="1:0")
    assert [edited.topics[c] for c in sorted(edited.topics)] == [A]


def test_united_topics_lie_between_their_parts(traffic: Traffic) -> None:
    ids, embeddings, kind = traffic.draw(0)
    run = remember(ids, embeddings, kind, [A, B, C, D], 0)
    (united,) = [c for c in follow_merges([run], {A: B})[0].clusters if c.topic_id == B]
    assert united.title == "bbb"
    assert united.trace_ids.tolist() == ids[:20].tolist()
    unit = embeddings[:20] / np.linalg.norm(embeddings[:20], axis=1, keepdims=True)
    assert np.linalg.norm(united.centroid) == pytest.approx(1)
    inside = unit @ united.centroid >= united.radius
    assert inside.mean() >= 0.8
    alone = replace(run, clusters=[c for c in run.clusters if c.topic_id != B])
    (renamed,) = [c for c in follow_merges([alone], {A: B})[0].clusters if c.topic_id == B]
    assert renamed.trace_ids.tolist() == ids[:10].tolist()


def test_groups_hold_the_topic_that_theirs_were_merged_into(traffic: Traffic) -> None:
    run = remember(*traffic.draw(0), [A, B, C, D], 0)
    run = replace(run, parents=[EarlierParent("p", 1, (A, C)), EarlierParent("q", 1, (A, B))])
    (followed,) = follow_merges([run], {A: B})
    assert [parent.topic_ids for parent in followed.parents] == [(B, C), (B,)]


def test_a_topic_does_not_seem_to_grow_since_another_was_merged_into_it() -> None:
    days = np.arange("2025-01-01", "2025-01-04", dtype="datetime64[D]")
    counts = {topic: np.array([n, n, n]) for n, topic in enumerate((A, B, C), start=1)}
    run = CountedWindow("run-0", days, np.array([9, 9, 9]), counts)
    (followed,) = follow_merges_in_counts([run], {A: B})
    assert {topic: traces.tolist() for topic, traces in followed.traces.items()} == {
        B: [3, 3, 3],
        C: [3, 3, 3],
    }
    assert run.traces[B].tolist() == [2, 2, 2]


@settings(max_examples=40)
@given(st.permutations(range(40)), st.lists(st.integers(-1, 3), min_size=40, max_size=40))
def test_neither_the_order_of_rows_nor_that_of_labels_matters(order: list[int], drawn: list[int]) -> None:
    ids, embeddings, kind = Traffic().draw(0)
    history = [remember(ids, embeddings, kind, [A, B, C, D], 0)]
    labels = np.unique(drawn, return_inverse=True)[1] - (NOISE in drawn)
    edits = TopicEdits({A: TopicEdit(merge_into=B), C: TopicEdit(pin=True), D: TopicEdit(pin=True)})
    one = apply_edits(labels, ids, embeddings, history, edits, scope="1:1")
    other = apply_edits(labels[order], ids[order], embeddings[order], history, edits, scope="1:1")
    assert other.labels.tolist() == one.labels[order].tolist()
    assert other.topics == one.topics
    k = len(one.origins)
    assert set(one.labels.tolist()) - {NOISE} == set(range(k))
    topics = topics_of(identify(ids, embeddings, one, history, 1))
    assert len(set(topics)) == k
    assert A not in topics

"""Clusters carry the topics of earlier runs on, and say so where they do not."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.topics.history import EarlierRun
from trace_clustering.topics.identity import Continuity, CurrentCluster, Identities
from trace_clustering_tests.topics.histories import (
    Members,
    continue_run,
    identify,
    make_clusters,
    make_run,
)


def tell(identities: Identities) -> list[tuple[str, str]]:
    return [(row.topic_id, row.relation) for row in identities.continuities]


def test_without_history_every_topic_is_new() -> None:
    found = identify(make_clusters([range(10), range(10, 20)]), [])
    assert [row.relation for row in found.continuities] == ["new", "new"]
    assert len({row.topic_id for row in found.continuities}) == 2
    assert found.gone == []


def test_a_cluster_that_shares_most_traces_carries_the_topic_on() -> None:
    before = make_run(1, {"billing": range(20), "travel": range(20, 40)})
    # Cluster ids are in another order, a fifth of the traces have left, and others have come.
    found = identify(make_clusters([range(24, 44), [*range(4, 20), *range(50, 54)]]), [before])
    assert tell(found) == [("travel", "continued"), ("billing", "continued")]
    assert found.continuities[1] == Continuity(1, "billing", "continued", "1_trace_01", 0, 16)


def test_traces_that_only_one_sample_holds_do_not_count() -> None:
    before = make_run(1, {"billing": range(10), "travel": range(10, 20)})
    # The topic has grown to ten times its size.
    found = identify(make_clusters([[*range(10), *range(100, 190)], range(10, 20)]), [before])
    assert tell(found)[0] == ("billing", "continued")


def test_the_larger_part_of_a_split_keeps_the_topic() -> None:
    before = make_run(1, {"billing": range(30), "travel": range(30, 50)})
    found = identify(make_clusters([range(18, 30), range(18), range(30, 50)]), [before])
    part, rest, travel = found.continuities
    assert (part.relation, part.from_topic_ids) == ("split", ("billing",))
    assert (rest.topic_id, rest.relation) == ("billing", "continued")
    assert travel.topic_id == "travel"
    assert part.topic_id not in ("billing", "travel")
    assert found.gone == []


def test_the_larger_part_of_a_merger_keeps_its_topic_and_the_other_says_where_it_went() -> None:
    before = make_run(1, {"billing": range(20), "refunds": range(20, 32), "travel": range(40, 60)})
    found = identify(make_clusters([range(32), range(40, 60)]), [before])
    assert tell(found) == [("billing", "merged"), ("travel", "continued")]
    assert found.continuities[0].from_topic_ids == ("refunds",)
    (gone,) = found.gone
    assert (gone.topic_id, gone.title, gone.merged_into) == ("refunds", "About refunds", "billing")


def test_a_topic_that_began_in_another_cluster_is_new_and_was_never_a_part_of_it() -> None:
    # Each night 20 traces of billing come; on the last two, 8 of travel come too.
    nights = [make_run(night, {"billing": range(100 * night, 100 * night + 100)}) for night in range(3)]
    window = [*range(220, 300)]
    mixed = make_run(3, {"billing": [*window, *range(300, 320), *range(900, 908)]})
    earlier = [mixed, make_run(2, {"billing": [*range(220, 300), *range(200, 220)]}), nights[1], nights[0]]
    found = identify(make_clusters([[*window, *range(300, 340)], range(900, 916)]), earlier)
    assert [row.relation for row in found.continuities] == ["continued", "new"]
    # Had its traces been there for long, it would have been a part.
    old = make_run(2, {"billing": [*window, *range(200, 220), *range(900, 916)]})
    found = identify(make_clusters([[*window, *range(300, 340)], range(900, 916)]), [mixed, old])
    assert [row.relation for row in found.continuities] == ["continued", "split"]


def test_the_last_traces_of_a_topic_that_stopped_are_no_merger() -> None:
    earlier = [
        make_run(2, {"billing": range(100), "travel": range(200, 215)}),
        make_run(1, {"billing": range(100), "travel": range(200, 240)}),
    ]
    (gone,) = identify(make_clusters([[*range(100), *range(200, 210)]]), earlier).gone
    assert (gone.topic_id, gone.merged_into) == ("travel", "")
    (gone,) = identify(make_clusters([[*range(100), *range(200, 210)]]), earlier[:1]).gone
    assert (gone.topic_id, gone.merged_into) == ("travel", "billing")


def test_a_topic_whose_traces_are_noise_now_is_gone_and_merged_into_none() -> None:
    before = make_run(1, {"billing": range(20), "travel": range(20, 40)})
    found = identify(make_clusters([range(20)]), [before], noise=range(20, 40))
    (gone,) = found.gone
    assert (gone.topic_id, gone.run_id, gone.cluster_id, gone.merged_into) == ("travel", "1_trace_01", 1, "")


def test_a_topic_that_was_missing_for_a_night_is_back() -> None:
    first = make_run(1, {"billing": range(20), "travel": range(20, 40)})
    second = make_run(2, {"billing": range(20)}, noise=range(20, 40))
    found = identify(make_clusters([range(20), range(22, 42)]), [second, first])
    assert tell(found) == [("billing", "continued"), ("travel", "back")]
    assert found.continuities[1].earlier_run_id == "1_trace_01"
    assert found.continuities[1].shared_traces == 18


def test_two_topics_that_were_one_for_a_night_are_the_same_two_again() -> None:
    first = make_run(1, {"billing": range(20), "refunds": range(20, 40)})
    second = make_run(2, {"billing": range(40)})
    found = identify(make_clusters([range(20), range(20, 40)]), [second, first])
    assert tell(found) == [("billing", "continued"), ("refunds", "back")]


def test_a_topic_returns_weeks_later_where_it_lay_before() -> None:
    first = make_run(1, {"billing": range(20), "travel": range(20, 40)})
    last = make_run(20, {"billing": range(100, 120)})
    clusters = make_clusters([range(100, 120), range(200, 220), range(220, 240)], directions=[0, 1, 2])
    found = identify(clusters, [last, first])
    assert tell(found)[:2] == [("billing", "continued"), ("travel", "back")]
    assert found.continuities[1].shared_traces == 0
    assert found.continuities[2].relation == "new"


def test_runs_without_common_traces_are_matched_by_where_their_clusters_lie() -> None:
    before = make_run(1, {"billing": range(20), "travel": range(20, 40)})
    found = identify(make_clusters([range(100, 120), range(120, 140)], directions=[1, 3]), [before])
    assert tell(found)[0] == ("travel", "continued")
    assert found.continuities[1].relation == "new"
    assert [gone.topic_id for gone in found.gone] == ["billing"]


def test_shared_traces_say_more_than_places() -> None:
    before = make_run(1, {"billing": range(20), "travel": range(20, 40)})
    found = identify(make_clusters([range(20, 40), range(20)], directions=[0, 1]), [before])
    assert tell(found) == [("travel", "continued"), ("billing", "continued")]


def test_a_run_of_nothing_but_noise_ends_all_topics() -> None:
    before = make_run(1, {"billing": range(20)})
    found = identify([], [before], noise=range(20))
    assert found.continuities == []
    assert [gone.topic_id for gone in found.gone] == ["billing"]
    later = identify(make_clusters([range(20)]), [make_run(2, {}, noise=range(20)), before])
    assert tell(later) == [("billing", "back")]


@st.composite
def partitions(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    """Draw the clusters of up to 60 traces, of which some are noise."""
    labels = draw(st.lists(st.integers(-1, 4), min_size=1, max_size=60))
    first = draw(st.integers(0, 40))
    clusters = [[first + row for row, label in enumerate(labels) if label == c] for c in range(5)]
    noise = [first + row for row, label in enumerate(labels) if label == -1]
    return [members for members in clusters if members], noise


@st.composite
def histories(draw: st.DrawFn) -> list[EarlierRun]:
    """Draw up to four runs that were made one after the other, newest first."""
    runs: list[EarlierRun] = []
    for night in range(draw(st.integers(0, 4))):
        members, noise = draw(partitions())
        clusters = make_clusters(members)
        found = identify(clusters, runs, noise, scope=f"1:{night}")
        runs.insert(0, continue_run(night, clusters, found, noise))
    return runs


@settings(max_examples=100, deadline=None)
@given(partitions(), histories())
def test_relations_are_consistent_both_ways(
    now: tuple[list[Members], Members], earlier: list[EarlierRun]
) -> None:
    members, noise = now
    found = identify(make_clusters(members), earlier, noise)
    carried = {row.topic_id for row in found.continuities}
    newest = {cluster.topic_id for cluster in earlier[0].clusters} if earlier else set()
    older = {cluster.topic_id for run in earlier[1:] for cluster in run.clusters} - newest
    gone = {topic.topic_id: topic for topic in found.gone}
    assert len(carried) == len(found.continuities) == len(members)  # one cluster per topic
    assert set(gone) == newest - carried
    for row in found.continuities:
        known = row.topic_id in newest | older
        assert known == (row.earlier_cluster_id >= 0) == bool(row.earlier_run_id)
        if row.relation == "new":
            assert not known
            assert row.from_topic_ids == ()
        if row.relation == "continued":
            assert row.topic_id in newest
        if row.relation == "back":
            assert row.topic_id in older
        if row.relation == "split":
            assert set(row.from_topic_ids) <= newest
            assert not known
        into = {topic.topic_id for topic in found.gone if topic.merged_into == row.topic_id}
        assert into == (set(row.from_topic_ids) if row.relation == "merged" else set())
    assert {topic.merged_into for topic in found.gone} <= carried | {""}


@settings(max_examples=50, deadline=None)
@given(partitions(), histories(), st.randoms(use_true_random=False))
def test_the_order_of_clusters_and_of_what_is_known_changes_nothing(
    now: tuple[list[Members], Members], earlier: list[EarlierRun], random: object
) -> None:
    members, noise = now
    clusters = make_clusters(members)
    found = identify(clusters, earlier, noise)
    shuffled: list[CurrentCluster] = random.sample(clusters, len(clusters))  # type: ignore[attr-defined]
    assert identify(shuffled, earlier, noise) == found
    other = [
        EarlierRun(run.run_id, run.window, run.trace_ids, list(reversed(run.clusters))) for run in earlier
    ]
    assert identify(clusters, other, noise) == found


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 9)), min_size=2, max_size=6, unique=True))
def test_new_topics_of_other_teams_and_runs_have_other_ids(scopes: Sequence[tuple[int, int]]) -> None:
    clusters = make_clusters([range(10), range(10, 20)])
    ids = [
        row.topic_id
        for team, night in scopes
        for row in identify(clusters, [], scope=f"{team}:{team}_trace_{night}").continuities
    ]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("shared", [4, 5])
def test_few_shared_traces_say_nothing(shared: int) -> None:
    before = make_run(1, {"billing": range(20)})
    elsewhere = make_clusters([range(20 - shared, 40)], directions=[5])
    (row,) = identify(elsewhere, [before]).continuities
    assert row.relation == ("continued" if shared == 5 else "new")

"""ClickHouse assigns every trace of a window to the nearest centroid, or to none, once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.topics import ClusterIdentities
from trace_clustering.clickhouse.documents import DocumentSelection
from trace_clustering.clickhouse.permitted_settings import TEAM_FILTER
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.run_clusters import delete_older_versions
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.window_assignments import AssignedWindow, assign_window
from trace_clustering.posthog.filters import parse_filters
from trace_clustering.traces.sampling import SampleRules
from trace_clustering_tests.clickhouse.rows import NOON, insert_embeddings, insert_events
from trace_clustering_tests.posthog.cluster_events import ASSIGNMENTS, TOPICS

# Traces a to f are the sample: a, d and f in cluster 1, c in cluster 0, b and e in none.
CENTROIDS = np.array([[1, 0, 0], [0, 0.6, 0.8]], dtype=np.float32)
RADII = np.array([0.9, 0.5], dtype=np.float32)
CLUSTERED = replace(ASSIGNMENTS, embedding_centroids=CENTROIDS, radii=RADII, embedding_model="test-3")
ROWS = "SELECT * FROM {assignments:Identifier} ORDER BY trace_id"


def assign(
    place: ClickHouse,
    clustered: ClusterAssignments = CLUSTERED,
    filters: Sequence[dict[str, Any]] = (),
    identities: ClusterIdentities = TOPICS.identities,
) -> AssignedWindow:
    with place.open_session(clustered.provenance.team_id, timeout_seconds=60) as session:
        parsed = parse_filters(list(filters))
        return assign_window(session, clustered, identities, DocumentSelection(), parsed)


def insert_vectors(session: TeamSession, **vectors: Sequence[float]) -> None:
    insert_embeddings(session, *({"document_id": name, "embedding": v} for name, v in vectors.items()))


def read(place: ClickHouse, team_id: int = 1) -> dict[str, dict[str, Any]]:
    with place.open_session(team_id, timeout_seconds=60) as session:
        rows = session.query(ROWS)
    assert len({row["trace_id"] for row in rows}) == len(rows)
    return {row["trace_id"]: row for row in rows}


def read_clusters(place: ClickHouse) -> dict[str, int]:
    return {trace_id: row["cluster_id"] for trace_id, row in read(place).items()}


def test_a_trace_is_in_the_nearest_cluster_if_it_is_near_enough(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_vectors(
            session,
            near_first=[7, 1, 0],  # of any length
            near_second=[0, 1, 1],
            far_from_first=[1, 0.9, 0],
            opposite=[-1, 0, 0],
            zero=[0, 0, 0],
        )
    found = assign(place)
    assert read_clusters(place) == {
        "near_first": 0,
        "near_second": 1,
        "far_from_first": -1,
        "opposite": -1,
        "zero": -1,
    }
    rows = read(place)
    assert rows["near_first"]["topic_id"] == "t0"
    assert rows["far_from_first"]["topic_id"] == ""
    assert rows["near_first"]["similarity"] == pytest.approx(7 / np.sqrt(50))
    assert rows["near_second"]["similarity"] == pytest.approx(1.4 / np.sqrt(2))
    assert rows["near_first"]["timestamp"] == NOON
    assert {row["in_sample"] for row in rows.values()} == {0}
    assert {row["version"] for row in rows.values()} == {found.version}
    assert np.isnan(rows["zero"]["similarity"])
    assert (found.cluster_ids, found.traces) == ([-1, 0, 1], [3, 1, 1])
    assert found.days == [datetime(2025, 1, 20)] * 3
    assert found.assigned == 2


def test_a_sampled_trace_keeps_the_cluster_that_the_clustering_gave_it(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, a=[1, 0, 0], b=[1, 0, 0], c=[0, 0.6, 0.8], new=[1, 0, 0])
    assign(clickhouse)
    rows = read(clickhouse)
    assert {name: row["cluster_id"] for name, row in rows.items()} == {"a": 1, "b": -1, "c": 0, "new": 0}
    assert {name: row["in_sample"] for name, row in rows.items()} == {"a": 1, "b": 1, "c": 1, "new": 0}
    assert rows["a"]["topic_id"] == "t1"


def test_any_text_may_be_the_id_of_a_sampled_trace(place: ClickHouse) -> None:
    ids = np.array(["it's", "\\N", "tab\t", "line\n", "🦔 \u2028", "{x:String}"], dtype=object)
    clustered = replace(CLUSTERED, trace_ids=ids, cluster_ids=np.array([1, 1, 1, 1, 0, -1]))
    with place.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, **{name: [1, 0, 0] for name in ids})
    assign(place, clustered)
    assert read_clusters(place) == dict(zip(ids, [1, 1, 1, 1, 0, -1], strict=True))
    assert all(row["in_sample"] == 1 for row in read(place).values())


def test_the_newest_row_that_can_be_used_counts(clickhouse: ClickHouse) -> None:
    later = {"inserted_at": NOON + timedelta(hours=1)}
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, moved=[1, 0, 0], kept=[1, 0, 0], short=[1, 0], empty=[], nan=[1, 0, np.nan])
        insert_embeddings(
            session,
            {"document_id": "moved", "embedding": [0, 0.6, 0.8], **later},
            {"document_id": "kept", "embedding": [1, 0], **later},
            {"document_id": "of another model", "model_name": "other", "embedding": [1, 0, 0]},
            {"document_id": "before", "timestamp": NOON - timedelta(days=30)},
        )
    with clickhouse.open_session(2, timeout_seconds=60) as session:
        insert_vectors(session, foreign=[1, 0, 0])
    found = assign(clickhouse)
    assert read_clusters(clickhouse) == {"moved": 1, "kept": 0, "nan": -1}
    window = found.window
    assert (window.in_window, window.embedded, window.matching) == (6, 3, 3)
    assert read(clickhouse, team_id=2) == {}


def test_only_traces_that_satisfy_the_filters_are_assigned(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, yes=[1, 0, 0], no=[1, 0, 0])
        insert_events(session, {"properties": '{"$ai_trace_id": "yes", "$ai_model": "it\'s \\\\ ?"}'})
    found = assign(place, filters=[{"key": "$ai_model", "value": "it's \\ ?"}])
    assert read_clusters(place) == {"yes": 0}
    assert (found.window.in_window, found.window.embedded, found.window.matching) == (2, 2, 1)


def test_automation_is_assigned_only_where_it_was_sampled(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, person=[1, 0, 0], agent=[1, 0, 0])
        judged = '{"$ai_trace_id": "agent", "$ai_is_automation": true}'
        insert_events(session, {"event": "$ai_trace", "properties": judged})
    traces = {}
    for automation in ("leave_out", "only", "include"):
        with clickhouse.open_session(1, timeout_seconds=60) as session:
            rules = SampleRules(automation)
            found = assign_window(session, CLUSTERED, TOPICS.identities, DocumentSelection(), rules=rules)
            delete_older_versions(session, CLUSTERED.provenance.run_id, found.version)
        traces[automation] = read_clusters(clickhouse)
    assert traces == {"leave_out": {"person": 0}, "only": {"agent": 0}, "include": {"person": 0, "agent": 0}}


def test_assigning_again_changes_nothing(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, a=[1, 0, 0], new=[1, 0, 0])
    first, rows = assign(clickhouse), read(clickhouse)
    again = assign(clickhouse)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.version == first.version
    assert read(clickhouse) == rows


def test_new_traces_and_changed_vectors_are_assigned_anew(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, one=[1, 0, 0])
    first = assign(clickhouse)
    changed = {"document_id": "one", "inserted_at": datetime.now(UTC), "embedding": [0, 0.6, 0.8]}
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_embeddings(session, changed)
    second = assign(clickhouse)
    assert (second.is_new, second.version) == (True, first.version)
    assert read_clusters(clickhouse) == {"one": 1}
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, two=[1, 0, 0])
    third = assign(clickhouse)
    assert third.version != first.version
    assert third.traces == [1, 1]


@pytest.mark.parametrize("damage", ["half", "twice"])
def test_what_an_earlier_attempt_left_is_mended(clickhouse: ClickHouse, damage: str) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, one=[1, 0, 0], two=[1, 0, 0])
    first = assign(clickhouse)
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        if damage == "half":
            session.delete_versions("assignments", "trace_id = 'one'")
        else:
            (row,) = session.query(ROWS + " LIMIT 1")
            del row["team_id"]
            session.insert("assignments", [list(row.values())], list(row))
    again = assign(clickhouse)
    assert (again.is_new, again.version) == (True, first.version)
    assert read_clusters(clickhouse) == {"one": 0, "two": 0}


def test_where_rows_cannot_be_deleted_the_whole_is_written_again(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, one=[1, 0, 0], two=[1, 0, 0])
        create = "CREATE TABLE undeletable AS trace_cluster_assignments ENGINE = Memory"
        session._client.command(create)
    undeletable = clickhouse.model_copy(update={"assignments_table": "undeletable"})
    first = assign(undeletable)
    with undeletable.open_session(1, timeout_seconds=60) as session:
        (row,) = session.query(ROWS + " LIMIT 1")
        del row["team_id"]
        session.insert("assignments", [list(row.values())], list(row))
    again = assign(undeletable)
    assert again.version != first.version
    assert again.traces == [2]
    assert assign(undeletable).is_new is False


def test_a_clustering_that_found_nothing_assigns_nothing(clickhouse: ClickHouse) -> None:
    noise = np.full(6, -1)
    empty = np.empty((1, 0), dtype=np.float32)
    clustered = replace(CLUSTERED, cluster_ids=noise, embedding_centroids=empty[:0], radii=empty[0])
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, a=[1, 0, 0], new=[1, 0, 0])
    found = assign(clickhouse, clustered)
    assert read_clusters(clickhouse) == {"a": -1, "new": -1}
    assert found.assigned == 0


def test_a_server_that_forbids_the_table_filter_still_shows_only_the_team(place: ClickHouse) -> None:
    for team_id in (1, 2):
        with place.open_session(team_id, timeout_seconds=60) as session:
            insert_vectors(session, **{f"of_{team_id}": [1, 0, 0]})
    with place.open_session(1, timeout_seconds=60) as session:
        session._permitted._forbidden.add(TEAM_FILTER)
        try:
            found = assign_window(session, CLUSTERED, TOPICS.identities, DocumentSelection())
        finally:
            session._permitted._forbidden.discard(TEAM_FILTER)
    assert read_clusters(place) == {"of_1": 0}
    assert found.assigned == 1


def test_many_clusters_and_a_large_sample_reach_clickhouse(place: ClickHouse) -> None:
    n, k = 4_000, 400  # their ids alone exceed what fits into a parameter
    rng = np.random.default_rng(5)
    centroids = rng.normal(size=(k, 64)).astype(np.float32)
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    ids = np.array([f"sampled-trace-with-a-long-name-{i:06d}" for i in range(n)], dtype=object)
    clustered = replace(
        CLUSTERED,
        trace_ids=ids,
        cluster_ids=np.arange(n) % k,
        embedding_centroids=centroids,
        radii=np.full(k, 0.9, dtype=np.float32),
    )
    topics = np.array([f"0f4f0d2a-8f0c-5a86-9d6b-{i:012d}" for i in range(k)], dtype=object)
    identities = replace(TOPICS.identities, cluster_ids=np.arange(k), topic_ids=topics)
    with place.open_session(1, timeout_seconds=60) as session:
        insert_vectors(session, **{f"new {i}": centroids[i].tolist() for i in (0, 7, 399)})
        insert_vectors(session, **{ids[401]: [1.0] * 64})
    assign(place, clustered, identities=identities)
    assert read_clusters(place) == {"new 0": 0, "new 7": 7, "new 399": 399, ids[401]: 1}
    assert read(place)["new 399"]["topic_id"] == topics[399]

"""Earlier runs are read with their members, centroids and labels, and only if their event was written."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.topics import ClusterIdentities
from trace_clustering.clickhouse.cluster_events import emit_cluster_events
from trace_clustering.clickhouse.requirements import require_columns
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.run_clusters import delete_older_versions, identify_version, store_clusters
from trace_clustering.clickhouse.topic_history import fetch_earlier_runs, list_later_runs
from trace_clustering.errors import ClickHouseSetupError
from trace_clustering.posthog.cluster_event import ClusterEvent
from trace_clustering.topics.history import EarlierRun
from trace_clustering.topics.identity import CurrentCluster, find_identities
from trace_clustering.traces.window import Window
from trace_clustering_tests.posthog.cluster_events import ASSIGNMENTS, PROVENANCE, TOPICS, make_cluster_event

FIRST_END = datetime(2025, 1, 10, tzinfo=UTC)
CENTROIDS = np.array([[1, 0, 0], [0, 0.6, 0.8]], dtype=np.float32)
RADII = np.array([0.5, 0.75], dtype=np.float32)


def make_window(night: int) -> Window:
    end = FIRST_END + timedelta(days=night)
    return Window(end - timedelta(days=7), end)


def make_run(
    night: int, *, team_id: int = 1, run_label: str = "", topics: Sequence[str] = ("t0", "t1")
) -> tuple[ClusterAssignments, ClusterIdentities]:
    provenance = Provenance(team_id, make_window(night), PROVENANCE.settings | {"run_label": run_label})
    assignments = replace(ASSIGNMENTS, provenance=provenance, embedding_centroids=CENTROIDS, radii=RADII)
    return assignments, replace(
        TOPICS.identities, provenance=provenance, topic_ids=np.array(topics, dtype=object)
    )


def make_event(assignments: ClusterAssignments, version: int) -> ClusterEvent:
    return replace(make_cluster_event(), provenance=assignments.provenance, version=version)


def store_run(place: ClickHouse, night: int, *, emit: bool = True, model: str = "m", **run: Any) -> int:
    assignments, identities = make_run(night, **run)
    with place.open_session(assignments.provenance.team_id, timeout_seconds=60) as session:
        version = identify_version(assignments, identities)
        store_clusters(session, assignments, identities, version, model)
        if emit:
            emit_cluster_events(session, make_event(assignments, version))
    return version


def fetch(
    place: ClickHouse, night: int, *, team_id: int = 1, label: str = "", **more: Any
) -> list[EarlierRun]:
    options = {"dimensions": 3, "model": "m", **more}
    with place.open_session(team_id, timeout_seconds=60) as session:
        return fetch_earlier_runs(session, make_window(night), label, **options)


def list_nights(runs: Sequence[EarlierRun]) -> list[int]:
    return [(run.window.end - FIRST_END).days for run in runs]


def test_a_run_is_read_as_it_was_stored(place: ClickHouse) -> None:
    store_run(place, 0)
    (run,) = fetch(place, 1)
    assert (run.run_id, run.window) == ("1_trace_20250110_000000", make_window(0))
    assert run.trace_ids.tolist() == ["a", "b", "c", "d", "e", "f"]
    first, second = run.clusters
    assert (first.topic_id, first.cluster_id, first.trace_ids.tolist()) == ("t0", 0, ["c"])
    assert (second.topic_id, second.cluster_id, second.trace_ids.tolist()) == ("t1", 1, ["a", "d", "f"])
    np.testing.assert_array_equal(second.centroid, CENTROIDS[1])
    assert second.centroid.dtype == np.float32
    assert second.radius == 0.75
    assert (second.title, second.description, second.labeler) == ("Refunds", "About money.", "keywords")
    (parent,) = run.parents
    assert (parent.parent_id, parent.level, parent.topic_ids) == ("p1", 1, ("t0", "t1"))
    assert (parent.title, parent.description, parent.labeler) == ("Money", "- Of all kinds", "agent")
    assert (second.label_from_run, list(second.label_terms)) == ("1_trace_20250120_000000", ["money"])
    assert (first.label_from_run, list(first.label_terms)) == ("", [])
    assert first.title == 'He said "näh" \\ it\'s {x}\n\t\0 🦔 \u2028 </script>'


def test_only_runs_before_the_window_with_an_event_count(place: ClickHouse) -> None:
    store_run(place, 0)
    store_run(place, 1, emit=False)
    store_run(place, 2)
    store_run(place, 3)
    store_run(place, 4, run_label="trial")
    store_run(place, 1, team_id=2)
    assert list_nights(fetch(place, 3)) == [2, 0]
    assert list_nights(fetch(place, 2)) == [0]
    assert list_nights(fetch(place, 9, label="trial")) == [4]
    assert list_nights(fetch(place, 9, team_id=2)) == [1]
    assert fetch(place, 9, team_id=3) == []


@pytest.mark.parametrize("vectors", [{"dimensions": 4}, {"model": "another"}])
def test_of_runs_on_other_vectors_only_the_traces_can_be_compared(
    clickhouse: ClickHouse, vectors: dict[str, Any]
) -> None:
    store_run(clickhouse, 0)
    (run,) = fetch(clickhouse, 1, **vectors)
    dimensions = vectors.get("dimensions", 3)
    assert [(c.centroid.tolist(), c.radius) for c in run.clusters] == [([0] * dimensions, 1)] * 2
    assert run.trace_ids.tolist() == ["a", "b", "c", "d", "e", "f"]
    other = CurrentCluster(5, np.array(["x", "y"], dtype=object), np.ones(dimensions) / dimensions**0.5)
    (found,) = find_identities([other], other.trace_ids, [run], scope="1:now").continuities
    assert found.relation == "new"


def test_the_version_that_the_event_names_counts(clickhouse: ClickHouse) -> None:
    store_run(clickhouse, 0, topics=["old", "older"])
    named = store_run(clickhouse, 0, topics=["new", "newer"])
    unfinished = store_run(clickhouse, 0, emit=False, topics=["not", "yet"])
    assert unfinished != named
    (run,) = fetch(clickhouse, 1)
    assert [cluster.topic_id for cluster in run.clusters] == ["new", "newer"]


def test_a_run_whose_event_lost_its_clusters_does_not_count(clickhouse: ClickHouse) -> None:
    store_run(clickhouse, 0)
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        emit_cluster_events(session, replace(make_event(make_run(0)[0], 0), clusters=[]))
    assert fetch(clickhouse, 1) == []


def test_rows_that_were_sent_twice_count_once(clickhouse: ClickHouse) -> None:
    version = store_run(clickhouse, 0)
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        store_clusters(session, *make_run(0), version, "m")
    (run,) = fetch(clickhouse, 1)
    assert [cluster.cluster_id for cluster in run.clusters] == [0, 1]
    assert len(run.trace_ids) == 6


def test_before_the_newest_runs_only_the_last_of_other_topics_is_returned(clickhouse: ClickHouse) -> None:
    store_run(clickhouse, 0, topics=["gone", "stays"])
    store_run(clickhouse, 1, topics=["gone", "stays"])
    store_run(clickhouse, 2, topics=["stays", "young"])
    store_run(clickhouse, 3, topics=["stays", "young"])
    runs = fetch(clickhouse, 4, limit=1)
    assert list_nights(runs) == [3, 1]
    assert [[cluster.topic_id for cluster in run.clusters] for run in runs] == [["stays", "young"], ["gone"]]
    assert len(runs[1].trace_ids) == 6
    assert list_nights(fetch(clickhouse, 4)) == [3, 2, 1, 0]
    assert list_nights(fetch(clickhouse, 4, since=make_window(2).end)) == [3, 2]
    assert list_nights(fetch(clickhouse, 62)) == [3, 2]


def test_older_versions_are_deleted_and_newer_ones_stay(clickhouse: ClickHouse) -> None:
    versions = [store_run(clickhouse, 0, topics=topics) for topics in ["ab", "cd", "ef"]]
    other = store_run(clickhouse, 1)
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        assert delete_older_versions(session, "1_trace_20250110_000000", versions[1]) == ""
        left = session.query("SELECT DISTINCT version FROM {centroids:Identifier} ORDER BY version")
    assert [row["version"] for row in left] == sorted({*versions[1:], other})


def test_equal_rows_are_one_version_that_others_can_read() -> None:
    versions = {identify_version(*make_run(0)) for _ in range(2)}
    versions |= {identify_version(*make_run(1)), identify_version(*make_run(0), 7)}
    assert len(versions) == 3
    assert all(0 < version < 2**53 for version in versions)


@pytest.mark.parametrize("name", ["centroids", "assignments"])
def test_a_server_without_the_tables_says_what_creates_them(place: ClickHouse, name: str) -> None:
    lacking = place.model_copy(update={f"{name}_table": "missing"})
    with (
        lacking.open_session(1, timeout_seconds=60, create=False) as session,
        pytest.raises(ClickHouseSetupError, match="trace-clustering create-tables"),
    ):
        require_columns(session)  # before anything is read, so that no run is in vain


def test_later_runs_are_those_whose_event_was_written_oldest_first(clickhouse: ClickHouse) -> None:
    for night in (3, 0, 2, 1):
        store_run(clickhouse, night)
    store_run(clickhouse, 4, emit=False)
    store_run(clickhouse, 5, run_label="trial")
    store_run(clickhouse, 2, team_id=2)

    def find(night: int, label: str = "") -> list[str]:
        with clickhouse.open_session(1, timeout_seconds=60) as session:
            return list_later_runs(session, make_window(night), label)

    assert find(1) == ["1_trace_20250112_000000", "1_trace_20250113_000000"]
    assert find(3) == []
    assert find(0, "trial") == ["1_trace_20250115_000000_trial"]

"""The cluster event exists once, and is read back as it was built."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from trace_clustering.clickhouse.cluster_events import emit_cluster_events, fetch_cluster_event
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_times
from trace_clustering.posthog.build_cluster_event import build_cluster_event
from trace_clustering.posthog.cluster_event import ClusterEvent
from trace_clustering_tests.clickhouse.rows import insert_events, insert_summaries
from trace_clustering_tests.posthog.cluster_events import (
    ASSIGNMENTS,
    CLUSTER_LABELS,
    IDENTITY,
    PROJECTION,
    TOPICS,
    WINDOW,
    make_cluster_event,
)

DESIGN_QUERY = """
SELECT timestamp, JSONExtractString(properties, '$ai_clustering_run_id') AS run_id,
       JSONExtractRaw(properties, '$ai_clusters') AS clusters
FROM events WHERE event = '$ai_trace_clusters' ORDER BY timestamp DESC LIMIT 1
"""
STORED = "SELECT * FROM events WHERE event = '$ai_trace_clusters'"


def emit(place: ClickHouse, *events: ClusterEvent) -> list[str]:
    outcomes = []
    for event in events:
        with place.open_session(event.provenance.team_id, timeout_seconds=60) as session:
            outcomes.append(emit_cluster_events(session, event))
    return outcomes


def read_stored(place: ClickHouse, team_id: int = 1) -> list[dict[str, Any]]:
    with place.open_session(team_id, timeout_seconds=60) as session:
        return session.query(STORED)


def fetch(place: ClickHouse, run_id: str = "", team_id: int = 1) -> dict[str, Any] | None:
    with place.open_session(team_id, timeout_seconds=60) as session:
        return fetch_cluster_event(session, run_id)


def get_title(properties: str | dict[str, Any]) -> str:
    content = json.loads(properties) if isinstance(properties, str) else properties
    return content["$ai_clusters"][1]["title"]


class TestTimes:
    @pytest.mark.parametrize(
        ("trace_timestamp", "timestamp"),
        [
            ("2025-01-19T23:00:00Z", "2025-01-19T23:00:00Z"),
            ("2025-01-19T23:00:00.123456+00:00", "2025-01-19T23:00:00.123456Z"),
            ("2025-01-20T01:00:00+02:00", "2025-01-19T23:00:00Z"),
            ("2025-01-19 23:00:00", "2025-01-19T23:00:00Z"),
            ("", "2025-01-20T12:00:00.250000Z"),
            ("last Tuesday", "2025-01-20T12:00:00.250000Z"),
            ("0001-01-01T00:00:00+01:00", "2025-01-20T12:00:00.250000Z"),
        ],
    )
    def test_a_trace_has_the_time_of_its_summary_else_that_of_its_embedding(
        self, place: ClickHouse, trace_timestamp: str, timestamp: str
    ) -> None:
        ids = IDENTITY["trace_ids"], IDENTITY["batch_run_ids"]
        with place.open_session(1, timeout_seconds=60) as session:
            insert_summaries(session, {"id": "a", "trace_timestamp": trace_timestamp})
            times = fetch_trace_times(session, WINDOW, *ids)
        traces = make_cluster_event(trace_times=times).clusters[1].traces
        assert traces["a"].timestamp == timestamp
        assert traces["d"].timestamp == "2025-01-20T12:00:00.250000Z"


class TestEmitting:
    @pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
    @pytest.mark.parametrize("where", ["distance", "coordinate", "centroid", "map centroid"])
    def test_numbers_that_json_does_not_have_never_reach_it(
        self, clickhouse: ClickHouse, where: str, number: float
    ) -> None:
        assignments, projection = ASSIGNMENTS, PROJECTION
        if where == "distance":
            distances = np.array([0.3, 5, 0, number, 7, 0.2], dtype=np.float32)
            assignments = replace(assignments, distances_to_centroid=distances)
        elif where == "coordinate":
            projection = replace(projection, coordinates=np.full((6, 2), number, dtype=np.float32))
        elif where == "centroid":
            assignments = replace(assignments, centroids=np.full((2, 3), number, dtype=np.float32))
        else:
            projection = replace(projection, centroid_coordinates=np.full((3, 2), number, dtype=np.float32))
        event = build_cluster_event(assignments, projection, CLUSTER_LABELS, TOPICS, {})
        with pytest.raises(ValueError, match="not JSON compliant"):
            emit(clickhouse, event)
        assert read_stored(clickhouse) == []

    def test_the_row_is_that_of_the_run(self, place: ClickHouse) -> None:
        event = make_cluster_event()
        before = datetime.now(UTC)
        assert emit(place, event) == ["emitted"]
        (row,) = read_stored(place)
        assert row["uuid"] == event.event_uuid
        assert row["team_id"] == 1
        assert row["distinct_id"] == "clustering_trace_1"
        assert row["timestamp"] == WINDOW.end
        assert before <= row["created_at"] <= datetime.now(UTC)
        assert row["properties"] == event.json_text

    def test_the_query_of_the_design_works_as_it_stands(self, place: ClickHouse) -> None:
        event = make_cluster_event()
        emit(place, event)
        with place.open_session(1, timeout_seconds=60) as session:
            (row,) = session.query(DESIGN_QUERY)
        assert row["timestamp"] == WINDOW.end
        assert row["run_id"] == "1_trace_20250123_000000"
        assert json.loads(row["clusters"]) == json.loads(event.json_text)["$ai_clusters"]

    def test_emitting_again_changes_nothing(self, place: ClickHouse) -> None:
        assert emit(place, make_cluster_event()) == ["emitted"]
        first = read_stored(place)
        assert emit(place, make_cluster_event()) == ["unchanged"]
        assert read_stored(place) == first
        assert len(first) == 1

    def test_other_labels_replace_the_event(self, place: ClickHouse) -> None:
        outcomes = emit(place, *(make_cluster_event(title=title) for title in ("one", "two", "three", "two")))
        assert outcomes == ["emitted", "replaced", "replaced", "replaced"]
        (row,) = read_stored(place)
        assert get_title(row["properties"]) == "two"

    @pytest.mark.parametrize(("title", "outcome"), [("left 1", "unchanged"), ("new", "replaced")])
    @pytest.mark.parametrize(
        "ages_in_hours",
        [(3, 1), (1, -1)],
        ids=["both older", "one written by a clock that is ahead"],
    )
    def test_versions_that_a_crash_left_behind_are_cleaned_up(
        self, place: ClickHouse, title: str, outcome: str, ages_in_hours: tuple[int, ...]
    ) -> None:
        with place.open_session(1, timeout_seconds=60) as session:
            for number, hours in enumerate(ages_in_hours):
                left = make_cluster_event(title=f"left {number}")
                session.insert(
                    "events",
                    [
                        [
                            left.event_uuid,
                            "$ai_trace_clusters",
                            left.json_text,
                            WINDOW.end,
                            "clustering_trace_1",
                            datetime.now(UTC) - timedelta(hours=hours),
                        ]
                    ],
                    ["uuid", "event", "properties", "timestamp", "distinct_id", "created_at"],
                )
        assert len(read_stored(place)) == 2
        assert emit(place, make_cluster_event(title=title)) == [outcome]
        assert get_title(fetch(place)) == title
        assert [get_title(row["properties"]) for row in read_stored(place)] == [title]

    def test_other_rows_are_left_alone(self, place: ClickHouse) -> None:
        others = [
            make_cluster_event(days=-1),
            make_cluster_event(run_label="x"),
            make_cluster_event(team_id=2),
        ]
        assert emit(place, *others) == ["emitted"] * 3
        with place.open_session(1, timeout_seconds=60) as session:
            insert_events(session, {"event": "$ai_trace_clusters", "timestamp": WINDOW.end}, {})
        emit(place, make_cluster_event(title="one"), make_cluster_event(title="two"))
        with place.open_session(1, timeout_seconds=60) as session:
            assert session.query("SELECT count() AS n FROM events") == [{"n": 5}]
        assert len(read_stored(place, team_id=2)) == 1

    def test_where_rows_cannot_be_deleted_the_newest_version_is_read(self, place: ClickHouse) -> None:
        with place.open_session(1, timeout_seconds=60) as session:
            session._client.command("CREATE TABLE undeletable AS events ENGINE = Log")
        undeletable = ClickHouse(dsn=place.dsn, events_table="undeletable")
        assert emit(undeletable, make_cluster_event(title="one"), make_cluster_event(title="two")) == [
            "emitted",
            "replaced",
        ]
        assert get_title(fetch(undeletable)) == "two"


class TestReadingBack:
    def test_a_run_is_found_by_its_id_and_else_the_newest_window(self, place: ClickHouse) -> None:
        # The older window is clustered last, as a backfill does.
        emit(place, make_cluster_event(title="new"), make_cluster_event(days=-3, title="backfill"))
        assert get_title(fetch(place)) == "new"
        assert get_title(fetch(place, "1_trace_20250120_000000")) == "backfill"
        assert fetch(place, "1_trace_20250119_000000") is None
        assert fetch(place, "' OR 1 --") is None

    def test_what_is_read_is_what_was_written(self, place: ClickHouse) -> None:
        emit(place, make_cluster_event())
        assert fetch(place) == json.loads(make_cluster_event().json_text)

    def test_without_events_there_is_none(self, place: ClickHouse) -> None:
        assert fetch(place) is None

    def test_another_teams_event_is_never_returned(self, place: ClickHouse) -> None:
        emit(place, make_cluster_event(team_id=2, days=1))
        assert fetch(place) is None
        assert fetch(place, "2_trace_20250124_000000") is None
        emit(place, make_cluster_event())
        assert fetch(place)["$ai_clustering_run_id"] == "1_trace_20250123_000000"

"""The cluster event: what it says, that it exists once, and how it is read back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.clickhouse.cluster_event import ClusterEvent, build_cluster_event
from trace_clustering.clickhouse.events import emit_cluster_events, fetch_cluster_event
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.window import Window
from trace_clustering_tests.clickhouse.rows import insert_events

WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))
PROVENANCE = Provenance(
    team_id=1,
    window=WINDOW,
    settings={
        "run_label": "",
        "lookback_days": 7,
        "clustering_method": "hdbscan",
        "clustering_method_params": {"min_samples": 5, "min_cluster_size_fraction": 0.01},
        "embedding_normalization": "l2",
        "dimensionality_reduction_method": "umap",
        "dimensionality_reduction_ndims": 3,
        "visualization_method": "umap",
        "max_samples": 1000,
        "trace_filters": [{"key": "$ai_model", "value": "it's {a} \\ 🦔"}],
    },
)
IDENTITY = {
    "trace_ids": np.array(["a", "b", "c", "d", "e", "f"], dtype=object),
    "timestamps": np.array(["2025-01-20T12:00:00.250"] * 6, dtype="datetime64[ms]"),
    "batch_run_ids": np.array(["batch-1"] * 6, dtype=object),
}
LABELS = np.array([1, -1, 0, 1, -1, 1])
ASSIGNMENTS = ClusterAssignments(
    provenance=PROVENANCE,
    **IDENTITY,
    labels=LABELS,
    probabilities=np.ones(6, dtype=np.float32),
    nearest_clusters=np.array([1, 0, 0, 1, 1, 1]),
    distances_to_nearest=np.array([0.3, 5, 0, 0.1, 7, 0.2], dtype=np.float32),
    distances_to_centroid=np.array([0.3, 5, 0, 0.1, 7, 0.2], dtype=np.float32),
    centroids=np.array([[0.1, 0.2, 0.3], [-1, 0, 1]], dtype=np.float32),
    stabilities=np.array([np.nan, 0.9375], dtype=np.float32),
)
PROJECTION = Projection2D(
    provenance=PROVENANCE,
    **IDENTITY,
    labels=LABELS,
    coordinates=np.array([[0, 1], [9, 9], [2, 3], [0, 2], [-9, 9], [0, 3]], dtype=np.float32),
    cluster_ids=[0, 1, -1],
    centroid_coordinates=np.array([[2, 3], [0, 2], [0, 9]], dtype=np.float32),
)
NASTY = 'He said "näh" \\ it\'s {x}\n\t\0 🦔 \u2028 </script>'
CLUSTER_LABELS = ClusterLabels(
    provenance=PROVENANCE,
    # In an order of their own: labels are matched by id.
    cluster_ids=np.array([-1, 1, 0]),
    sizes=np.array([2, 3, 1]),
    titles=np.array(["Outliers", "Refunds", NASTY], dtype=object),
    descriptions=np.array(["Fit nowhere.", "About money.", NASTY], dtype=object),
    labelers=np.array(["fallback", "keywords", "keywords"], dtype=object),
    accuracies=np.array([np.nan, 0.75, 1], dtype=np.float32),
    labeling={"model": "small", "cost_usd": None},
)
DESIGN_QUERY = """
SELECT timestamp, JSONExtractString(properties, '$ai_clustering_run_id') AS run_id,
       JSONExtractRaw(properties, '$ai_clusters') AS clusters
FROM events WHERE event = '$ai_trace_clusters' ORDER BY timestamp DESC LIMIT 1
"""
STORED = "SELECT * FROM events WHERE event = '$ai_trace_clusters'"


def cluster_event(
    *,
    team_id: int = 1,
    days: int = 0,
    run_label: str = "",
    title: str = "Refunds",
    summaries: dict[str, TraceSummary] | None = None,
) -> ClusterEvent:
    provenance = replace(
        PROVENANCE,
        team_id=team_id,
        window=Window(WINDOW.start + timedelta(days=days), WINDOW.end + timedelta(days=days)),
        settings=PROVENANCE.settings | {"run_label": run_label},
    )
    titles = np.array(["Outliers", title, NASTY], dtype=object)
    return build_cluster_event(
        ASSIGNMENTS,
        replace(PROJECTION, provenance=provenance),
        replace(CLUSTER_LABELS, titles=titles),
        summaries or {},
    )


def emit(place: ClickHouse, *events: ClusterEvent) -> list[str]:
    outcomes = []
    for event in events:
        with place.for_team(event.provenance.team_id, timeout_seconds=60) as session:
            outcomes.append(emit_cluster_events(session, event))
    return outcomes


def stored(place: ClickHouse, team_id: int = 1) -> list[dict[str, Any]]:
    with place.for_team(team_id, timeout_seconds=60) as session:
        return session.query(STORED)


def fetch(place: ClickHouse, run_id: str = "", team_id: int = 1) -> dict[str, Any] | None:
    with place.for_team(team_id, timeout_seconds=60) as session:
        return fetch_cluster_event(session, run_id)


def title_in(properties: str | dict[str, Any]) -> str:
    content = json.loads(properties) if isinstance(properties, str) else properties
    return content["$ai_clusters"][1]["title"]


class TestContent:
    def test_the_event_says_what_was_clustered_how_and_with_which_result(self) -> None:
        properties = json.loads(cluster_event(run_label="try").properties())
        clusters = properties.pop("$ai_clusters")
        assert properties.pop("$ai_clustering_labeler") == "keywords"
        assert properties.pop("$ai_clustering_labeling") == {"model": "small", "cost_usd": None}
        assert properties == {
            "$ai_clustering_run_id": "1_trace_20250123_000000_try",
            "$ai_clustering_level": "trace",
            "$ai_window_start": "2025-01-16T00:00:00Z",
            "$ai_window_end": "2025-01-23T00:00:00Z",
            "$ai_total_items_analyzed": 6,
            "$ai_clustering_params": {
                "clustering_method": "hdbscan",
                "clustering_method_params": {"min_samples": 5, "min_cluster_size_fraction": 0.01},
                "embedding_normalization": "l2",
                "dimensionality_reduction_method": "umap",
                "dimensionality_reduction_ndims": 3,
                "visualization_method": "umap",
                "max_samples": 1000,
                "trace_filters": [{"key": "$ai_model", "value": "it's {a} \\ 🦔"}],
            },
        }
        assert [cluster.pop("labeler") for cluster in clusters] == ["keywords", "keywords", "fallback"]
        assert [cluster.pop("label_accuracy") for cluster in clusters] == [1, 0.75, None]
        assert [cluster.pop("stability") for cluster in clusters] == [None, 0.9375, None]
        time = "2025-01-20T12:00:00.250000Z"
        assert clusters == [
            {
                "cluster_id": 0,
                "size": 1,
                "title": NASTY,
                "description": NASTY,
                "traces": {"c": {"distance_to_centroid": 0, "rank": 0, "x": 2, "y": 3, "timestamp": time}},
                "centroid": [0.1, 0.2, 0.3],
                "centroid_x": 2,
                "centroid_y": 3,
            },
            {
                "cluster_id": 1,
                "size": 3,
                "title": "Refunds",
                "description": "About money.",
                "traces": {  # nearest first
                    "d": {"distance_to_centroid": 0.1, "rank": 0, "x": 0, "y": 2, "timestamp": time},
                    "f": {"distance_to_centroid": 0.2, "rank": 1, "x": 0, "y": 3, "timestamp": time},
                    "a": {"distance_to_centroid": 0.3, "rank": 2, "x": 0, "y": 1, "timestamp": time},
                },
                "centroid": [-1, 0, 1],
                "centroid_x": 0,
                "centroid_y": 2,
            },
            {
                "cluster_id": -1,
                "size": 2,
                "title": "Outliers",
                "description": "Fit nowhere.",
                "traces": {  # most anomalous first
                    "e": {"distance_to_centroid": 7, "rank": 0, "x": -9, "y": 9, "timestamp": time},
                    "b": {"distance_to_centroid": 5, "rank": 1, "x": 9, "y": 9, "timestamp": time},
                },
                "centroid": [],
                "centroid_x": 0,
                "centroid_y": 9,
            },
        ]

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
        self, trace_timestamp: str, timestamp: str
    ) -> None:
        summary = TraceSummary(
            trace_id="a",
            title="",
            flow_diagram="",
            bullets=[],
            interesting_notes=[],
            trace_timestamp=trace_timestamp,
        )
        traces = cluster_event(summaries={"a": summary}).clusters[1].traces
        assert traces["a"].timestamp == timestamp
        assert traces["d"].timestamp == "2025-01-20T12:00:00.250000Z"

    def test_an_event_of_noise_alone_has_one_cluster(self) -> None:
        event = build_cluster_event(
            replace(
                ASSIGNMENTS,
                labels=np.full(6, -1),
                distances_to_centroid=np.zeros(6, dtype=np.float32),
                centroids=np.empty((0, 3), dtype=np.float32),
                stabilities=np.empty(0, dtype=np.float32),
            ),
            replace(
                PROJECTION, labels=np.full(6, -1), cluster_ids=[-1], centroid_coordinates=np.ones((1, 2))
            ),
            CLUSTER_LABELS,
            {},
        )
        (noise,) = json.loads(event.properties())["$ai_clusters"]
        assert (noise["cluster_id"], noise["size"], noise["centroid"]) == (-1, 6, [])
        assert sorted(trace["rank"] for trace in noise["traces"].values()) == [0, 1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        ("most", "ranks"),
        [
            (0, {0: [0], 1: [0, 1, 2], -1: [0, 1]}),
            (1, {0: [0], 1: [0], -1: [0]}),
            (2, {0: [0], 1: [0, 2], -1: [0, 1]}),
            (3, {0: [0], 1: [0, 1, 2], -1: [0, 1]}),
        ],
    )
    def test_a_cluster_lists_its_nearest_and_its_farthest_traces_when_told_how_many(
        self, most: int, ranks: dict[int, list[int]]
    ) -> None:
        event = build_cluster_event(ASSIGNMENTS, PROJECTION, CLUSTER_LABELS, {}, most)
        properties = json.loads(event.properties())
        listed = {
            cluster["cluster_id"]: [trace["rank"] for trace in cluster["traces"].values()]
            for cluster in properties["$ai_clusters"]
        }
        assert listed == ranks
        assert [cluster["size"] for cluster in properties["$ai_clusters"]] == [1, 3, 2]
        assert properties["$ai_total_items_analyzed"] == 6
        # A trace says of itself what it says where all are listed.
        everything = build_cluster_event(ASSIGNMENTS, PROJECTION, CLUSTER_LABELS, {})
        for some, every in zip(event.clusters, everything.clusters, strict=True):
            assert some.traces.items() <= every.traces.items()

    def test_how_many_traces_are_listed_is_reported_where_it_is_set(self) -> None:
        def reported(most: int) -> dict[str, Any]:
            event = build_cluster_event(ASSIGNMENTS, PROJECTION, CLUSTER_LABELS, {}, most)
            return json.loads(event.properties())["$ai_clustering_params"]

        assert reported(7) == reported(0) | {"max_traces_per_cluster": 7}
        assert "max_traces_per_cluster" not in reported(0)

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
        event = build_cluster_event(assignments, projection, CLUSTER_LABELS, {})
        with pytest.raises(ValueError, match="not JSON compliant"):
            emit(clickhouse, event)
        assert stored(clickhouse) == []

    def test_the_uuid_depends_on_team_and_run_id_alone(self) -> None:
        first = cluster_event()
        same_run = [
            cluster_event(title="Other labels"),
            replace(first, clusters=first.clusters[:1]),
            replace(first, provenance=replace(PROVENANCE, window=Window(WINDOW.end, WINDOW.end))),
        ]
        other_runs = [cluster_event(team_id=2), cluster_event(run_label="x"), cluster_event(days=1)]
        assert {event.uuid for event in same_run} == {first.uuid}
        assert len({event.uuid for event in [first, *other_runs]}) == 4


class TestEmitting:
    def test_the_row_is_that_of_the_run(self, place: ClickHouse) -> None:
        event = cluster_event()
        before = datetime.now(UTC)
        assert emit(place, event) == ["emitted"]
        (row,) = stored(place)
        assert row["uuid"] == event.uuid
        assert row["team_id"] == 1
        assert row["distinct_id"] == "clustering_trace_1"
        assert row["timestamp"] == WINDOW.end
        assert before <= row["created_at"] <= datetime.now(UTC)
        assert row["properties"] == event.properties()

    def test_the_query_of_the_design_works_as_it_stands(self, place: ClickHouse) -> None:
        event = cluster_event()
        emit(place, event)
        with place.for_team(1, timeout_seconds=60) as session:
            (row,) = session.query(DESIGN_QUERY)
        assert row["timestamp"] == WINDOW.end
        assert row["run_id"] == "1_trace_20250123_000000"
        assert json.loads(row["clusters"]) == json.loads(event.properties())["$ai_clusters"]

    def test_emitting_again_changes_nothing(self, place: ClickHouse) -> None:
        assert emit(place, cluster_event()) == ["emitted"]
        first = stored(place)
        assert emit(place, cluster_event()) == ["unchanged"]
        assert stored(place) == first
        assert len(first) == 1

    def test_other_labels_replace_the_event(self, place: ClickHouse) -> None:
        outcomes = emit(place, *(cluster_event(title=title) for title in ("one", "two", "three", "two")))
        assert outcomes == ["emitted", "replaced", "replaced", "replaced"]
        (row,) = stored(place)
        assert title_in(row["properties"]) == "two"

    @pytest.mark.parametrize(("title", "outcome"), [("left 1", "unchanged"), ("new", "replaced")])
    @pytest.mark.parametrize(
        "ages_in_hours",
        [(3, 1), (1, -1)],
        ids=["both older", "one written by a clock that is ahead"],
    )
    def test_versions_that_a_crash_left_behind_are_cleaned_up(
        self, place: ClickHouse, title: str, outcome: str, ages_in_hours: tuple[int, ...]
    ) -> None:
        with place.for_team(1, timeout_seconds=60) as session:
            for number, hours in enumerate(ages_in_hours):
                left = cluster_event(title=f"left {number}")
                session.insert(
                    "events",
                    [
                        [
                            left.uuid,
                            "$ai_trace_clusters",
                            left.properties(),
                            WINDOW.end,
                            "clustering_trace_1",
                            datetime.now(UTC) - timedelta(hours=hours),
                        ]
                    ],
                    ["uuid", "event", "properties", "timestamp", "distinct_id", "created_at"],
                )
        assert len(stored(place)) == 2
        assert emit(place, cluster_event(title=title)) == [outcome]
        assert title_in(fetch(place)) == title
        assert [title_in(row["properties"]) for row in stored(place)] == [title]

    def test_other_rows_are_left_alone(self, place: ClickHouse) -> None:
        others = [cluster_event(days=-1), cluster_event(run_label="x"), cluster_event(team_id=2)]
        assert emit(place, *others) == ["emitted"] * 3
        with place.for_team(1, timeout_seconds=60) as session:
            insert_events(session, {"event": "$ai_trace_clusters", "timestamp": WINDOW.end}, {})
        emit(place, cluster_event(title="one"), cluster_event(title="two"))
        with place.for_team(1, timeout_seconds=60) as session:
            assert session.query("SELECT count() AS n FROM events") == [{"n": 5}]
        assert len(stored(place, team_id=2)) == 1

    def test_where_rows_cannot_be_deleted_the_newest_version_is_read(self, place: ClickHouse) -> None:
        with place.for_team(1, timeout_seconds=60) as session:
            session._client.command("CREATE TABLE undeletable AS events ENGINE = Log")
        undeletable = ClickHouse(dsn=place.dsn, events_table="undeletable")
        assert emit(undeletable, cluster_event(title="one"), cluster_event(title="two")) == [
            "emitted",
            "replaced",
        ]
        assert title_in(fetch(undeletable)) == "two"


class TestReadingBack:
    def test_a_run_is_found_by_its_id_and_else_the_newest_window(self, place: ClickHouse) -> None:
        # The older window is clustered last, as a backfill does.
        emit(place, cluster_event(title="new"), cluster_event(days=-3, title="backfill"))
        assert title_in(fetch(place)) == "new"
        assert title_in(fetch(place, "1_trace_20250120_000000")) == "backfill"
        assert fetch(place, "1_trace_20250119_000000") is None
        assert fetch(place, "' OR 1 --") is None

    def test_what_is_read_is_what_was_written(self, place: ClickHouse) -> None:
        emit(place, cluster_event())
        assert fetch(place) == json.loads(cluster_event().properties())

    def test_without_events_there_is_none(self, place: ClickHouse) -> None:
        assert fetch(place) is None

    def test_another_teams_event_is_never_returned(self, place: ClickHouse) -> None:
        emit(place, cluster_event(team_id=2, days=1))
        assert fetch(place) is None
        assert fetch(place, "2_trace_20250124_000000") is None
        emit(place, cluster_event())
        assert fetch(place)["$ai_clustering_run_id"] == "1_trace_20250123_000000"

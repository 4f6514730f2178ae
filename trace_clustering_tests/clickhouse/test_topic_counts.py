"""What earlier runs have counted is read by topic and day, in the version that their event names."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.topic_counts import fetch_counted_windows, fetch_kinds_of_change
from trace_clustering.topics.day_counts import CountedWindow
from trace_clustering_tests.clickhouse.test_topic_history import make_run, make_window, store_run

COLUMNS = ("run_id", "version", "cluster_id", "topic_id", "trace_id", "timestamp", "similarity", "in_sample")


def assign(
    place: ClickHouse,
    night: int,
    counts: Mapping[str, Mapping[int, int]],
    *,
    version: int | None = None,
    **run: Any,
) -> int:
    """Store a run and its assignments: by topic, the number of traces some days before the window's end."""
    stored = store_run(place, night, **run)
    provenance = make_run(night, **run)[0].provenance
    rows = [
        [
            provenance.run_id,
            version or stored,
            0 if topic else -1,
            topic,
            f"{topic}-{days}-{number}",
            provenance.window.end - timedelta(days=days) + timedelta(hours=2),
            0.9,
            0,
        ]
        for topic, by_day in counts.items()
        for days, traces in by_day.items()
        for number in range(traces)
    ]
    with place.open_session(provenance.team_id, timeout_seconds=60) as session:
        session.insert("assignments", rows, COLUMNS)
    return stored


def fetch(place: ClickHouse, night: int, **more: Any) -> list[CountedWindow]:
    options = {"dimensions": 3, "model": "m", **more}
    with place.open_session(1, timeout_seconds=60) as session:
        return fetch_counted_windows(session, make_window(night), "", **options)


def test_traces_are_counted_by_topic_and_day(place: ClickHouse) -> None:
    assign(place, 0, {"t0": {1: 3, 7: 2}, "": {1: 4}})

    (run,) = fetch(place, 1)

    assert run.run_id == "1_trace_20250110_000000"
    assert [str(day) for day in run.days[[0, -1]]] == ["2025-01-03", "2025-01-09"]
    assert run.totals.tolist() == [2, 0, 0, 0, 0, 0, 7]
    assert {topic: traces.tolist() for topic, traces in run.traces.items()} == {
        "": [0, 0, 0, 0, 0, 0, 4],
        "t0": [2, 0, 0, 0, 0, 0, 3],
        "t1": [0] * 7,
    }


def test_only_earlier_runs_of_the_team_in_the_named_version_count(place: ClickHouse) -> None:
    version = assign(place, 0, {"t0": {1: 3}})
    assign(place, 0, {"t0": {1: 9}}, version=version + 1)
    assign(place, 0, {"t0": {1: 3}})
    assign(place, 1, {"t0": {1: 5}})
    assign(place, 2, {"t0": {1: 7}})
    assign(place, 1, {"t0": {1: 20}}, team_id=2)
    assign(place, 1, {"t0": {1: 40}}, run_label="trial")

    runs = fetch(place, 2)

    assert [run.traces["t0"].sum() for run in runs] == [5, 3]
    assert fetch(place, 2, model="another") == []


def test_a_run_whose_traces_are_not_stored_only_tells_its_topics(place: ClickHouse) -> None:
    store_run(place, 0)

    (run,) = fetch(place, 1)

    assert len(run.days) == 0
    assert set(run.traces) == {"", "t0", "t1"}


def test_old_runs_are_counted_as_far_back_as_trends_look(clickhouse: ClickHouse) -> None:
    assign(clickhouse, 0, {"t0": {1: 3, 5: 3}})
    assign(clickhouse, 5, {"t0": {1: 3}})

    newer, older = fetch(clickhouse, 33)

    assert len(newer.days) == 7
    assert [str(day) for day in older.days] == ["2025-01-08", "2025-01-09"]
    assert [len(run.days) for run in fetch(clickhouse, 50)] == [0, 0]


def test_the_kinds_of_change_of_a_run_are_read_from_its_event(clickhouse: ClickHouse) -> None:
    store_run(clickhouse, 0)

    with clickhouse.open_session(1, timeout_seconds=60) as session:
        kinds = fetch_kinds_of_change(session, "1_trace_20250110_000000")
        nothing = fetch_kinds_of_change(session, "1_trace_20250111_000000")

    assert kinds == {"": None, "t0": "new", "t1": None}
    assert nothing == {}

"""Langfuse's table `events_full`: versions, late rows, and never a row of another project."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering_tests.clickhouse.source_tables.filling import create_table, insert_rows, read_day
from trace_clustering_tests.clickhouse.source_tables.schemas import EVENTS_FULL, SCORES
from trace_clustering_tests.clickhouse.source_tables.test_langfuse import HOSTILE_IDS, make_score

NOON = datetime(2025, 1, 22, 12, tzinfo=UTC)
DAY, NEXT_DAY = NOON - timedelta(hours=12), NOON + timedelta(hours=12)
SOURCE = {"kind": "langfuse_events", "project_id": "p1"}


def make_event(
    span_id: str, trace_id: str = "t1", moment: datetime = NOON, text: str = "Where is it?", **fields: Any
) -> dict[str, Any]:
    times = dict.fromkeys(("start_time", "created_at", "updated_at", "event_ts"), moment)
    return {
        "project_id": "p1",
        "trace_id": trace_id,
        "span_id": span_id,
        "end_time": moment + timedelta(microseconds=2_000_001),
        "type": "GENERATION",
        "level": "DEFAULT",
        "session_id": "s1",
        "input": text,
        "output": "On its way.",
        **times,
        **fields,
    }


@pytest.fixture
def table(place: ClickHouse) -> ClickHouse:
    create_table(place, EVENTS_FULL, "events_full")
    return place


def test_a_trace_is_its_rows_in_their_newest_version(table: ClickHouse) -> None:
    later = {"event_ts": NOON + timedelta(minutes=1)}
    moved = make_event("a", moment=NOON - timedelta(hours=13), text="old", event_ts=NOON)
    insert_rows(table, "events_full", [make_event("a", text="new", trace_name="shop", **later), moved])
    insert_rows(table, "events_full", [make_event("b"), make_event("b", is_deleted=1, **later)])
    (trace,) = read_day(table, SOURCE, DAY)
    assert (trace.list_texts("user"), trace.name, trace.session_id) == (["new"], "shop", "s1")
    assert (trace.start, trace.latency, trace.cost, trace.input_tokens) == (NOON, 2.000001, None, None)


def test_metadata_and_scores_are_properties_of_the_trace(table: ClickHouse) -> None:
    metadata = {"metadata_names": ["tier", "step"], "metadata_values": ["gold", "3"]}
    insert_rows(table, "events_full", [make_event("a", release="r2", **metadata)])
    create_table(table, SCORES, "scores", [make_score("s", "t1", name="helpful", value=1.0)])
    (trace,) = read_day(table, SOURCE, DAY)
    assert trace.properties == {"tier": "gold", "step": 3, "release": "r2", "score.helpful": 1.0}


def test_a_late_row_brings_its_whole_trace_to_the_next_night(table: ClickHouse) -> None:
    insert_rows(table, "events_full", [make_event("a"), make_event("b", "t2")])
    assert read_day(table, SOURCE, NEXT_DAY) == []
    late = make_event("c", "t1", NOON + timedelta(seconds=9), "Hello?", created_at=NEXT_DAY)
    insert_rows(table, "events_full", [late])
    (trace,) = read_day(table, SOURCE, NEXT_DAY)
    assert (trace.trace_id, trace.list_texts("user")) == ("t1", ["Where is it?", "Hello?"])


def test_no_row_of_another_project_appears(table: ClickHouse) -> None:
    projects = ["p1", *HOSTILE_IDS[:4]]
    rows = [make_event("a", "t1", NOON, project, project_id=project) for project in projects]
    insert_rows(table, "events_full", rows)
    for project in projects:
        (trace,) = read_day(table, SOURCE | {"project_id": project}, DAY)
        assert trace.list_texts("user") == [project]

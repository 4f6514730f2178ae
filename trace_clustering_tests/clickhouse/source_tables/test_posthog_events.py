"""PostHog's `events`: late and repeated events, texts in a table of their own, and never another team's."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.schema import CREATE_EVENTS
from trace_clustering_tests.clickhouse.source_tables.filling import create_table, insert_rows, read_day
from trace_clustering_tests.clickhouse.source_tables.schemas import AI_EVENTS

NOON = datetime(2025, 1, 22, 12, tzinfo=UTC)
DAY, NEXT_DAY = NOON - timedelta(hours=12), NOON + timedelta(hours=12)
SOURCE = {"kind": "posthog", "team_id": 7}


def make_event(
    span_id: str, trace_id: str = "t1", moment: datetime = NOON, team_id: int = 7, **fields: Any
) -> dict[str, Any]:
    properties = {
        "$ai_trace_id": trace_id,
        "$ai_span_id": span_id,
        "$ai_model": "m-small",
        "$ai_input_tokens": 12,
        "$ai_latency": 2.0,
        "$ai_input": [{"role": "user", "content": "Where is it?"}],
        **fields.pop("properties", {}),
    }
    return {
        "uuid": uuid.uuid5(uuid.NAMESPACE_OID, span_id),
        "event": "$ai_generation",
        "distinct_id": "u1",
        "team_id": team_id,
        "properties": json.dumps(properties),
        **dict.fromkeys(("timestamp", "created_at", "inserted_at"), moment),
        **fields,
    }


@pytest.fixture
def table(place: ClickHouse) -> ClickHouse:
    create_table(place, CREATE_EVENTS.replace("{events:Identifier}", "{table:Identifier}"), "events")
    return place


def test_a_trace_is_its_events_each_once(table: ClickHouse) -> None:
    insert_rows(table, "events", [make_event("a"), make_event("b")])
    insert_rows(table, "events", [make_event("a"), make_event("c", event="$pageview")])
    (trace,) = read_day(table, SOURCE, DAY)
    assert (trace.trace_id, trace.user_id, len(trace.calls), trace.input_tokens) == ("t1", "u1", 2, 24)
    assert trace.list_texts("user") == ["Where is it?"]
    assert trace.end == NOON


@pytest.mark.parametrize("arrival", ["created_at", "inserted_at"])
def test_an_event_that_arrived_late_is_read_by_the_next_night(table: ClickHouse, arrival: str) -> None:
    late = make_event("b", "t1", **{arrival: NEXT_DAY + timedelta(hours=2)})
    insert_rows(table, "events", [make_event("a"), late, make_event("c", "t2")])
    (trace,) = read_day(table, SOURCE, NEXT_DAY)
    assert (trace.trace_id, len(trace.calls)) == ("t1", 2)


def test_no_event_of_another_team_appears(table: ClickHouse) -> None:
    insert_rows(table, "events", [make_event(str(team), team_id=team) for team in (7, 8, 2**63 - 1)])
    for team in (7, 8, 2**63 - 1):
        (trace,) = read_day(table, SOURCE | {"team_id": team}, DAY)
        assert [call.span_id for call in trace.calls] == [str(team)]
    assert read_day(table, SOURCE | {"team_id": 9}, DAY) == []


def test_texts_may_be_in_a_table_of_their_own(table: ClickHouse) -> None:
    short = {"$ai_input": None}
    events = [make_event("a", team_id=7, properties=short), make_event("b", team_id=8, properties=short)]
    insert_rows(table, "events", events)
    texts = [
        {"team_id": 7, "trace_id": "t1", "span_id": "a", "input": '[{"role": "user", "content": "Long"}]'},
        {"team_id": 8, "trace_id": "t1", "span_id": "b", "input": '[{"role": "user", "content": "Other"}]'},
    ]
    create_table(table, AI_EVENTS, "ai_events", texts)
    source = SOURCE | {"ai_events_table": "ai_events"}
    (trace,) = read_day(table, source, DAY)
    assert trace.list_texts("user") == ["Long"]
    (trace,) = read_day(table, source | {"team_id": 8}, DAY)
    assert trace.list_texts("user") == ["Other"]

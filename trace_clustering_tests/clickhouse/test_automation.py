"""Traces that no person started are apart where their source says so, and counted."""

import json
from datetime import timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.embeddings import TraceEmbeddings, fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.posthog.filters import parse_filters
from trace_clustering.traces.sampling import Automation, SampleRules
from trace_clustering_tests.clickhouse.filtered import (
    WINDOW,
    insert_trace,
    insert_trace_events,
    switch_team,
)
from trace_clustering_tests.clickhouse.rows import NOON, insert_embeddings, insert_events

AUTOMATED: dict[str, Any] = {"event": "$ai_trace", "properties": {"$ai_is_automation": True}}
BY_A_PERSON: dict[str, Any] = {"event": "$ai_trace", "properties": {"$ai_is_automation": False}}

NOTHING = dict.fromkeys(
    ("in_window", "without_vector", "not_matching", "automation", "not_sampled", "sampled"), 0
)


def fetch(session: TeamSession, automation: Automation = "leave_out", **options: Any) -> TraceEmbeddings:
    rules = SampleRules(automation)
    return fetch_trace_embeddings_for_clustering(session, WINDOW, rules=rules, **options)


def count(found: TraceEmbeddings) -> dict[str, int]:
    return {
        "in_window": found.traces_in_window,
        "without_vector": found.without_vector,
        "not_matching": found.not_matching,
        "automation": found.automation.total,
        "not_sampled": found.not_sampled,
        "sampled": len(found.trace_ids),
    }


@pytest.mark.parametrize(
    ("automation", "sampled", "not_matching", "apart"),
    [
        ("leave_out", {"person", "silent"}, 0, 1),
        ("include", {"agent", "person", "silent"}, 0, 0),
        ("only", {"agent"}, 2, 0),
    ],
)
def test_traces_that_no_person_started_are_apart_unless_a_setting_asks_for_them(
    place: ClickHouse, automation: Automation, sampled: set[str], not_matching: int, apart: int
) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "person", BY_A_PERSON)
        insert_trace(session, "agent", AUTOMATED)
        insert_trace(session, "silent", {"event": "$ai_trace"})
        found = fetch(session, automation)
    assert set(found.trace_ids) == sampled
    assert (found.traces_in_window, found.not_matching, found.automation.total) == (3, not_matching, apart)


@pytest.mark.parametrize(
    "event",
    [
        {"event": "$ai_generation", "properties": {"$ai_is_automation": True}},
        {"event": "$ai_trace", "properties": {"note": '"$ai_is_automation": true'}},
        {"event": "$ai_trace", "properties": {"deep": {"$ai_is_automation": True}}},
        {"event": "$ai_trace", "properties": {"$ai_is_automation": "true"}},
        {"event": "$ai_trace", "properties": {"$ai_is_automation": None}},
        {**AUTOMATED, "timestamp": WINDOW.end},
        {**AUTOMATED, "timestamp": WINDOW.start - timedelta(days=7, microseconds=1)},
    ],
    ids=str,
)
def test_nothing_but_the_property_of_the_trace_itself_says_so(
    clickhouse: ClickHouse, event: dict[str, Any]
) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "trace", event)
        assert fetch(session).trace_ids.tolist() == ["trace"]
        assert fetch(session, "only").trace_ids.tolist() == []


def test_an_event_before_the_window_counts_because_it_precedes_the_summary(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "trace", {**AUTOMATED, "timestamp": WINDOW.start - timedelta(days=7)})
        insert_trace(session, "other")
        assert fetch(session).trace_ids.tolist() == ["other"]
        assert fetch(session).automation.total == 1


def test_automation_that_was_never_embedded_is_counted_once_in_the_window_of_its_event(
    place: ClickHouse,
) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "person", BY_A_PERSON)
        for _ in range(2):
            insert_trace_events(session, "inside", AUTOMATED)
        insert_trace_events(session, "earlier", {**AUTOMATED, "timestamp": WINDOW.start - timedelta(days=1)})
        insert_trace_events(session, "", AUTOMATED)
        found = fetch(session)
        assert count(found) == {**NOTHING, "in_window": 2, "automation": 1, "sampled": 1}
        assert found.embedded == 1
        assert fetch(session, "include").traces_in_window == 1


def test_a_window_of_automation_alone_has_an_empty_sample_and_true_counts(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        for name in ("a", "b"):
            insert_trace(session, name, AUTOMATED)
        assert count(fetch(session)) == {**NOTHING, "in_window": 2, "automation": 2}


def test_every_trace_of_a_window_has_one_reason(place: ClickHouse) -> None:
    filters = parse_filters([{"key": "$ai_model", "value": "small"}])
    small = {"properties": {"$ai_model": "small"}}
    with place.open_session(1, timeout_seconds=60) as session:
        for number in range(30):
            insert_trace(session, f"person-{number}", small)
        insert_trace(session, "large", {"properties": {"$ai_model": "large"}})
        insert_trace(session, "automated", small, AUTOMATED)
        insert_trace(session, "automated and large", AUTOMATED)
        insert_embeddings(session, {"document_id": "automated and empty", "embedding": []})
        insert_trace_events(session, "automated and empty", small, AUTOMATED)
        insert_trace_events(session, "automated and never embedded", AUTOMATED)
        found = fetch(session, filters=filters, max_samples=20)
    assert count(found) == {
        "in_window": 35,
        "without_vector": 1,
        "not_matching": 2,
        "automation": 2,
        "not_sampled": 10,
        "sampled": 20,
    }
    assert found.unusable == 0
    counts = count(found)
    assert counts.pop("in_window") == sum(counts.values())


def test_the_automation_of_another_team_is_nobodys_business(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "trace", BY_A_PERSON)
        other = switch_team(session, 2)
        insert_trace(other, "trace", AUTOMATED)
        insert_trace_events(other, "more", AUTOMATED)
        assert count(fetch(session)) == {**NOTHING, "in_window": 1, "sampled": 1}


def test_properties_that_are_no_json_say_nothing(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "trace")
        for text in ("", "{", '{"$ai_trace_id": "trace", "$ai_is_automation": tru', "[true]"):
            insert_events(session, {"event": "$ai_trace", "properties": text, "timestamp": NOON})
        insert_events(session, {"event": "$ai_trace", "properties": json.dumps(["$ai_is_automation"])})
        assert fetch(session).trace_ids.tolist() == ["trace"]

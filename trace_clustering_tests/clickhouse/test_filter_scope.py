"""Which events filters look at, that one event must satisfy them all, and what is left for the sample."""

import json
from datetime import timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.embeddings import fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import InvalidEmbeddingsError
from trace_clustering.posthog.filters import parse_filters
from trace_clustering_tests.clickhouse.filtered import WINDOW, find_traces, insert_trace, insert_trace_events
from trace_clustering_tests.clickhouse.rows import NOON, insert_embeddings, insert_events

MICROSECOND = timedelta(microseconds=1)
MATCHING: dict[str, Any] = {"properties": {"p": "v"}}
FILTER = {"key": "p", "value": "v"}


def test_one_event_must_satisfy_all_filters(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "one event", {"properties": {"a": 1, "b": 2}}, {"properties": {}})
        insert_trace(session, "two events", {"properties": {"a": 1}}, {"properties": {"b": 2}})
        insert_trace(session, "column of another", {"event": "$ai_span"}, {"properties": {"a": 1}})
        a, b = {"key": "a", "value": 1}, {"key": "b", "value": 2}
        span = {"type": "event_metadata", "key": "event", "value": "$ai_span"}
        assert find_traces(session, a) == {"one event", "two events", "column of another"}
        assert find_traces(session, a, b) == {"one event"}
        assert find_traces(session, a, span) == set()
        assert find_traces(session, a, a) == find_traces(session, a)


def test_a_denial_is_satisfied_by_any_event_without_the_property(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "with a bare span", {"properties": {"p": "v"}}, {"event": "$ai_span"})
        insert_trace(session, "alone", {"properties": {"p": "v"}})
        denial = {"key": "p", "operator": "is_not", "value": "v"}
        assert find_traces(session, denial) == {"with a bare span"}
        # The way out: ask of the kind of event that carries the property.
        assert find_traces(session, denial, {"key": "p", "operator": "is_set"}) == set()


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("$ai_span", True),
        ("$ai_generation", True),
        ("$ai_embedding", True),
        ("$ai_metric", True),
        ("$ai_feedback", True),
        ("$ai_trace", True),
        ("$ai_trace_summary", False),
        ("$ai_trace_clusters", False),
        ("$pageview", False),
        ("$AI_SPAN", False),
        ("", False),
    ],
)
def test_only_events_of_traces_count(clickhouse: ClickHouse, name: str, counts: bool) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "trace", {**MATCHING, "event": name})
        assert find_traces(session, FILTER) == ({"trace"} if counts else set())
        assert find_traces(session, {"key": "p", "operator": "is_not", "value": "w"}) == (
            {"trace"} if counts else set()
        )


def test_events_count_from_seven_days_before_the_window_to_its_end(place: ClickHouse) -> None:
    moments = {
        "too early": WINDOW.start - timedelta(days=7) - MICROSECOND,
        "earliest": WINDOW.start - timedelta(days=7),
        "before": WINDOW.start - MICROSECOND,
        "inside": NOON,
        "last": WINDOW.end - MICROSECOND,
        "after": WINDOW.end,
    }
    with place.open_session(1, timeout_seconds=60) as session:
        for trace_id, moment in moments.items():
            insert_trace(session, trace_id, {**MATCHING, "timestamp": moment})
        assert find_traces(session, FILTER) == {"earliest", "before", "inside", "last"}


def test_an_event_without_a_trace_id_belongs_to_no_trace(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        for trace_id in ("", "null", "3", "trace"):
            insert_embeddings(session, {"document_id": trace_id})
        for trace_id in ("", None, [], {}):
            insert_trace_events(session, trace_id, MATCHING)
        assert find_traces(session, FILTER) == set()
        insert_trace_events(session, 3, MATCHING)  # an id is text, however it was sent
        assert find_traces(session, FILTER) == {"3"}


def test_a_matching_trace_without_an_embedding_is_no_row(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "embedded", MATCHING)
        insert_trace_events(session, "not embedded", MATCHING)
        insert_embeddings(
            session, {"document_id": "embedded earlier", "timestamp": WINDOW.start - MICROSECOND}
        )
        insert_trace_events(session, "embedded earlier", MATCHING)
        assert find_traces(session, FILTER) == {"embedded"}


def test_filters_come_before_the_sample(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_embeddings(session, *({"document_id": f"trace-{n:03d}"} for n in range(400)))
        matching = {f"trace-{n:03d}" for n in range(0, 400, 10)}
        insert_trace_events(session, "elsewhere", MATCHING)
        insert_events(
            session,
            *({"properties": json.dumps({"$ai_trace_id": trace, "p": "v"})} for trace in matching),
        )
        filters = parse_filters([FILTER])
        full, part, other = (
            fetch_trace_embeddings_for_clustering(
                session, WINDOW, filters=filters, max_samples=most, random_state=seed
            )
            for most, seed in ((40, 42), (25, 42), (25, 43))
        )
    assert set(full.trace_ids) == matching
    assert len(part.trace_ids) == len(other.trace_ids) == 25
    assert set(part.trace_ids) < matching
    assert set(part.trace_ids) != set(other.trace_ids)
    assert (part.traces_in_window, part.traces_matching) == (400, 40)


def test_what_filters_leave_out_still_counts_as_in_the_window(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "trace", MATCHING)
        sample = fetch_trace_embeddings_for_clustering(
            session, WINDOW, filters=parse_filters([{"key": "p", "value": "w"}])
        )
    assert (sample.traces_in_window, sample.traces_matching) == (1, 0)
    assert sample.embeddings.shape == (0, 3)


def test_vectors_of_two_lengths_are_refused_whatever_the_filters_leave(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_trace(session, "a", MATCHING)
        insert_embeddings(session, {"document_id": "b", "embedding": [1.0, 2.0], "model_name": "small-2"})
        with pytest.raises(InvalidEmbeddingsError, match=r"2 \(small-2\); 3 \(test-3\)"):
            find_traces(session, FILTER)


@pytest.mark.slow
def test_a_filter_that_keeps_two_percent_of_a_large_window_fills_the_sample(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        session._client.command(
            """
            INSERT INTO document_embeddings
                (team_id, product, document_type, model_name, document_id, timestamp, embedding)
            SELECT 1, 'llm-analytics', 'llm-trace-summary-detailed', 'm', toString(number),
                toDateTime64('2025-01-20 00:00:00', 3, 'UTC') + number, [number, 1, 2, 3]
            FROM numbers(50000)
            """
        )
        session._client.command(
            """
            INSERT INTO events (event, properties, timestamp, team_id, distinct_id)
            SELECT '$ai_generation',
                concat('{"$ai_trace_id":"', toString(number), '","$ai_cost":', toString(number % 50), '}'),
                toDateTime64('2025-01-19 23:00:00', 6, 'UTC') + number, 1, toString(number)
            FROM numbers(50000)
            """
        )
        sample = fetch_trace_embeddings_for_clustering(
            session, WINDOW, filters=parse_filters([{"key": "$ai_cost", "operator": "gte", "value": 49}])
        )
    assert len(sample.trace_ids) == 1000
    assert {int(trace_id) % 50 for trace_id in sample.trace_ids} == {49}
    assert (sample.traces_in_window, sample.traces_matching) == (50_000, 1000)

"""Loaded records are what the pipeline reads, and loading twice changes nothing."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trace_clustering.clickhouse.embeddings import fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.traces.record import TraceRecord
from trace_clustering_tests.examples import WINDOW, themed_records

RECORDS = themed_records(per_theme=2, outliers=1)
RECORD = TraceRecord(
    trace_id='it\'s "odd" \\ 1',
    timestamp=datetime(2025, 1, 20, 23, 59, 59, 123_456, tzinfo=UTC),
    title="A kettle 🫖",
    flow_diagram="ask -> answer",
    bullets=["first", "second"],
    interesting_notes=[],
    properties={"$ai_model": "small", "$ai_latency": 1.5, "nested": {"a": [1, None]}},
    embedding=np.array([0.25, -1.5, 3e-8], dtype=np.float32),
)


def load(
    place: ClickHouse, records: Sequence[TraceRecord], batch_run_id: str = "batch-1", team_id: int = 1
) -> int:
    with place.open_session(team_id, timeout_seconds=60) as session:
        return insert_records(session, records, batch_run_id=batch_run_id, model_name="test-16").new


def query_team(place: ClickHouse, statement: str, team_id: int = 1) -> list[dict[str, Any]]:
    with place.open_session(team_id, timeout_seconds=60) as session:
        return session.query(statement)


def count_rows(place: ClickHouse, team_id: int = 1) -> dict[str, int]:
    rows = query_team(
        place,
        "SELECT event AS kind, count() AS n FROM events GROUP BY event "
        "UNION ALL SELECT 'embedding', count() FROM document_embeddings",
        team_id,
    )
    return {row["kind"]: row["n"] for row in rows}


def expect_each(number: int) -> dict[str, int]:
    return {"$ai_trace_summary": number, "$ai_generation": number, "embedding": number}


def test_a_record_becomes_an_embedding_a_summary_event_and_a_generation_event(place: ClickHouse) -> None:
    assert load(place, [RECORD]) == 1
    assert query_team(
        place,
        "SELECT product, document_type, model_name, rendering, document_id, timestamp, content, embedding "
        "FROM document_embeddings",
    ) == [
        {
            "product": "llm-analytics",
            "document_type": "llm-trace-summary-detailed",
            "model_name": "test-16",
            "rendering": "batch-1",
            "document_id": RECORD.trace_id,
            "timestamp": RECORD.timestamp.replace(microsecond=123_000),
            "content": "Title: A kettle 🫖\nFlow: ask -> answer\nSummary: - first\n- second",
            "embedding": RECORD.embedding.tolist(),
        }
    ]
    generation, summary = query_team(
        place, "SELECT event, distinct_id, timestamp, created_at, properties FROM events ORDER BY event"
    )
    for row in (generation, summary):
        assert row["timestamp"] == RECORD.timestamp
        assert row["created_at"] > RECORD.timestamp  # when it was loaded, so that a correction is newer
    assert (generation["event"], generation["distinct_id"]) == ("$ai_generation", RECORD.trace_id)
    assert json.loads(generation["properties"]) == {**RECORD.properties, "$ai_trace_id": RECORD.trace_id}
    assert (summary["event"], summary["distinct_id"]) == ("$ai_trace_summary", "trace_summary_1")
    assert json.loads(summary["properties"]) == {
        "$ai_trace_id": RECORD.trace_id,
        "$ai_batch_run_id": "batch-1",
        "$ai_summary_mode": "detailed",
        "$ai_summary_title": "A kettle 🫖",
        "$ai_summary_flow_diagram": "ask -> answer",
        "$ai_summary_bullets": [
            {"text": "first", "line_refs": ""},
            {"text": "second", "line_refs": ""},
        ],
        "$ai_summary_interesting_notes": [],
        "trace_timestamp": "2025-01-20T23:59:59.123456Z",
    }


def test_the_pipeline_reads_what_was_loaded(place: ClickHouse) -> None:
    assert load(place, RECORDS) == len(RECORDS)
    with place.open_session(1, timeout_seconds=60) as session:
        found = fetch_trace_embeddings_for_clustering(session, WINDOW)
        summaries = fetch_trace_summaries(session, WINDOW, found.trace_ids, found.batch_run_ids)
    assert found.trace_ids.tolist() == [record.trace_id for record in RECORDS]
    assert set(found.batch_run_ids) == {"batch-1"}
    np.testing.assert_array_equal(found.embeddings, np.array([record.embedding for record in RECORDS]))
    assert [summary["title"] for summary in summaries.values()] == [record.title for record in RECORDS]
    assert summaries["trace-000"]["bullets"] == RECORDS[0].bullets


def test_loading_again_inserts_only_what_is_missing(place: ClickHouse) -> None:
    assert load(place, RECORDS[:3]) == 3
    assert load(place, RECORDS) == len(RECORDS) - 3
    assert load(place, list(reversed(RECORDS))) == 0
    assert count_rows(place) == expect_each(len(RECORDS))


def test_a_load_that_broke_off_before_the_embeddings_is_completed(place: ClickHouse) -> None:
    load(place, RECORDS)
    with place.open_session(1, timeout_seconds=60) as session:
        session._client.command("DELETE FROM document_embeddings WHERE document_id != 'trace-000'")
    assert load(place, RECORDS) == len(RECORDS) - 1
    assert count_rows(place) == expect_each(len(RECORDS))


def test_another_batch_adds_summaries_and_vectors_and_its_vectors_count(place: ClickHouse) -> None:
    load(place, RECORDS)
    changed = [
        replace(record, title=f"new {record.title}", embedding=-record.embedding) for record in RECORDS
    ]
    assert load(place, changed, "batch-2") == len(RECORDS)
    assert count_rows(place) == {**expect_each(2 * len(RECORDS)), "$ai_generation": len(RECORDS)}
    with place.open_session(1, timeout_seconds=60) as session:
        found = fetch_trace_embeddings_for_clustering(session, WINDOW)
        summaries = fetch_trace_summaries(session, WINDOW, found.trace_ids, found.batch_run_ids)
    assert set(found.batch_run_ids) == {"batch-2"}
    np.testing.assert_array_equal(found.embeddings, np.array([record.embedding for record in changed]))
    assert [summary["title"] for summary in summaries.values()] == [record.title for record in changed]


def test_of_a_trace_that_comes_twice_in_a_batch_the_first_counts(place: ClickHouse) -> None:
    second = replace(RECORD, title="second", properties={"$ai_model": "large"}, embedding=-RECORD.embedding)
    assert load(place, [RECORD, RECORD, second]) == 1
    assert count_rows(place) == {"$ai_trace_summary": 1, "$ai_generation": 2, "embedding": 1}
    assert query_team(place, "SELECT embedding FROM document_embeddings") == [
        {"embedding": RECORD.embedding.tolist()}
    ]
    with place.open_session(1, timeout_seconds=60) as session:
        summaries = fetch_trace_summaries(session, WINDOW, [RECORD.trace_id], ["batch-1"])
    assert summaries[RECORD.trace_id]["title"] == RECORD.title


def test_the_records_of_another_team_do_not_count_as_loaded(place: ClickHouse) -> None:
    assert load(place, RECORDS, team_id=2) == len(RECORDS)
    assert load(place, RECORDS, team_id=1) == len(RECORDS)
    assert count_rows(place, 1) == count_rows(place, 2) == expect_each(len(RECORDS))


def test_a_thousand_records_with_long_ids_fit_into_one_batch(place: ClickHouse) -> None:
    records = [replace(RECORD, trace_id=f"{number:06d}".ljust(100, "x")) for number in range(1000)]
    assert load(place, records) == 1000
    assert load(place, records) == 0
    assert count_rows(place) == expect_each(1000)

"""The three assets before those that cluster, on Langfuse's tables in the embedded engine."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.traces import fetch_traces
from trace_clustering.environment import TEAM_SETTINGS
from trace_clustering.traces.window import format_time
from trace_clustering_tests.assets.conftest import ALL_ASSETS, Graph
from trace_clustering_tests.clickhouse.source_tables.filling import create_table, insert_rows, open_client
from trace_clustering_tests.clickhouse.source_tables.langfuse_rows import (
    build_observation_row,
    build_trace_row,
)
from trace_clustering_tests.clickhouse.source_tables.schemas import OBSERVATIONS, TRACES

INGESTION = ["ingested_traces", "trace_summaries", "document_embeddings"]
DAY = datetime(2025, 1, 20, tzinfo=UTC)
NEXT_DAY = DAY + timedelta(days=1)
QUESTIONS = (
    "My kettle arrived broken, can I have a refund?",
    "The mail for my new password does not arrive.",
    "The invoice shows a wrong tax rate.",
)


def observe(
    trace_id: str, question: str, start: datetime, seconds: float = 5, project_id: str = "p1"
) -> dict[str, Any]:
    """Return a generation as Langfuse exports it."""
    return {
        "id": f"o-{trace_id}-{start:%d%H%M%S}",
        "trace_id": trace_id,
        "project_id": project_id,
        "environment": "production",
        "session_id": "s1",
        "user_id": "u1",
        "trace_name": "shop",
        "tags": [],
        "type": "GENERATION",
        "parent_observation_id": None,
        "start_time": format_time(start),
        "end_time": format_time(start + timedelta(seconds=seconds)),
        "name": "answer",
        "level": "DEFAULT",
        "status_message": None,
        "input": f'[{{"role": "user", "content": "{question}"}}]',
        "output": '{"role": "assistant", "content": "I look into it."}',
        "provided_model_name": "m-small",
        "usage_details": {"input": 12, "output": 6},
        "cost_details": {"total": 0.001},
        "total_cost": 0.001,
        "prompt_name": "support",
        "prompt_version": 3,
    }


def insert(clickhouse: ClickHouse, observations: Sequence[dict[str, Any]], **fields: Any) -> None:
    insert_rows(clickhouse, "traces", [build_trace_row(o, **fields) for o in observations])
    insert_rows(clickhouse, "observations", [build_observation_row(o, **fields) for o in observations])


def make_day(day: datetime, count: int) -> list[dict[str, Any]]:
    return [
        observe(f"{day:%d}-{n}", f"{QUESTIONS[n % 3]} Order {n}.", day + timedelta(minutes=n))
        for n in range(count)
    ]


@pytest.fixture
def langfuse(graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graph:
    """A graph whose team 1 has Langfuse's tables as its source, and team 2 none."""
    create_table(graph.clickhouse, TRACES, "traces")
    create_table(graph.clickhouse, OBSERVATIONS, "observations")
    with open_client(graph.clickhouse) as client:
        source = {"kind": "langfuse", "project_id": "p1", "database": client.database}
    path = tmp_path / "teams.yaml"
    path.write_text(yaml.safe_dump({1: {"source": source}}))
    monkeypatch.setenv(TEAM_SETTINGS, str(path))
    return graph


def ingest(graph: Graph, day: datetime, team_id: int = 1, **settings: Any) -> dict[str, dict[str, Any]]:
    """Materialize the three assets, and return the metadata of each."""
    partition = f"{day:%Y-%m-%d}|{team_id}"
    result = graph.materialize(partition, INGESTION, ALL_ASSETS, **settings)
    assert result.success
    return {name: read_metadata(result, name) for name in INGESTION}


def read_metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(name)]
    return {key: value.value for key, value in event.materialization.metadata.items()}


def count_rows(clickhouse: ClickHouse) -> dict[str, int]:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        events = session.query(
            "SELECT event, count() AS n FROM {events:Identifier} "
            "WHERE team_id = {team_id:Int64} GROUP BY event"
        )
        (documents,) = session.query(
            "SELECT count() AS n FROM {embeddings:Identifier} WHERE team_id = {team_id:Int64}"
        )
        return {row["event"]: row["n"] for row in events} | {"documents": documents["n"]}


def test_a_day_is_stored_summarized_and_embedded_once(langfuse: Graph) -> None:
    insert(langfuse.clickhouse, make_day(DAY, 4))
    insert(langfuse.clickhouse, [observe("foreign", "Secret of another project", DAY, project_id="p2")])
    first = ingest(langfuse, DAY)
    stored = count_rows(langfuse.clickhouse)
    assert stored == {"$ai_trace": 4, "$ai_generation": 4, "$ai_trace_summary": 4, "documents": 4}
    assert (first["ingested_traces"]["traces"], first["ingested_traces"]["new"]) == (4, 4)
    assert first["trace_summaries"]["summarized"] == 4
    assert first["document_embeddings"]["embedded"] == 4
    again = ingest(langfuse, DAY)
    assert (again["ingested_traces"]["new"], again["ingested_traces"]["unchanged"]) == (0, 4)
    assert (again["trace_summaries"]["summarized"], again["trace_summaries"]["unchanged"]) == (0, 4)
    assert (again["document_embeddings"]["embedded"], again["document_embeddings"]["unchanged"]) == (0, 4)
    assert count_rows(langfuse.clickhouse) == stored


def test_the_next_night_finds_what_came_late_and_takes_nothing_twice(langfuse: Graph) -> None:
    insert(langfuse.clickhouse, make_day(DAY, 3))
    ingest(langfuse, DAY)
    # One trace goes on after midnight, and another, of the first day, arrives only then.
    insert(langfuse.clickhouse, [observe("20-0", "Is there news of my kettle?", NEXT_DAY)])
    late = observe("late", "Where is my parcel?", DAY + timedelta(hours=20))
    insert(langfuse.clickhouse, [late], event_ts=NEXT_DAY, created_at=NEXT_DAY, updated_at=NEXT_DAY)
    found = ingest(langfuse, NEXT_DAY)
    assert (found["ingested_traces"]["new"], found["ingested_traces"]["changed"]) == (1, 1)
    assert found["document_embeddings"]["embedded"] == 2
    stored = count_rows(langfuse.clickhouse)
    assert (stored["$ai_trace"], stored["$ai_generation"], stored["$ai_trace_summary"]) == (4, 5, 4)
    assert stored["documents"] == 4
    with langfuse.clickhouse.open_session(1, timeout_seconds=60) as session:
        (whole,) = fetch_traces(session, ["20-0"])
    assert whole.trace.list_texts("user")[-1] == "Is there news of my kettle?"


def test_redaction_comes_before_anything_is_stored(langfuse: Graph) -> None:
    insert(langfuse.clickhouse, [observe("mail", "Please write to ada@example.com about it", DAY)])
    ingest(langfuse, DAY, redact=["email"])
    with langfuse.clickhouse.open_session(1, timeout_seconds=60) as session:
        texts = session.query("SELECT properties FROM {events:Identifier} WHERE team_id = {team_id:Int64}")
        documents = session.query(
            "SELECT content FROM {embeddings:Identifier} WHERE team_id = {team_id:Int64}"
        )
    assert "ada@example.com" not in str([*texts, *documents])
    assert any("write to [email] about" in row["properties"] for row in texts)


def test_posthogs_own_events_are_summarized_and_not_stored_again(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "teams.yaml"
    path.write_text(yaml.safe_dump({1: {"source": {"kind": "posthog", "team_id": 1}}}))
    monkeypatch.setenv(TEAM_SETTINGS, str(path))
    columns = ["uuid", "event", "properties", "timestamp", "distinct_id", "created_at"]
    rows = []
    for number, question in enumerate(QUESTIONS):
        properties = {
            "$ai_trace_id": f"t{number}",
            "$ai_input": [{"role": "user", "content": question}],
            "$ai_output_choices": [{"role": "assistant", "content": "I look into it."}],
        }
        moment = DAY + timedelta(hours=number)
        rows.append([uuid.uuid4(), "$ai_generation", json.dumps(properties), moment, "u", moment])
    with graph.clickhouse.open_session(1, timeout_seconds=60) as session:
        session.insert("events", rows, columns)
    first, again = ingest(graph, DAY), ingest(graph, DAY)
    assert first["trace_summaries"]["summarized"] == 3
    assert first["document_embeddings"]["embedded"] == 3
    assert again["trace_summaries"]["unchanged"] == 3
    assert again["document_embeddings"]["unchanged"] == 3
    assert count_rows(graph.clickhouse) == {"$ai_generation": 3, "$ai_trace_summary": 3, "documents": 3}


def test_a_team_without_a_source_has_nothing_to_ingest(langfuse: Graph) -> None:
    found = ingest(langfuse, DAY, team_id=2)
    assert found["ingested_traces"]["status"] == "no_source"
    assert found["document_embeddings"]["traces"] == 0


@pytest.mark.slow
def test_a_nightly_run_does_all_nine(langfuse: Graph) -> None:
    insert(langfuse.clickhouse, make_day(DAY, 60))
    result = langfuse.materialize(f"{DAY:%Y-%m-%d}|1", None, ALL_ASSETS)
    assert result.success
    assert read_metadata(result, "embeddings")["traces"] == 60
    event = langfuse.newest_event()
    assert event is not None

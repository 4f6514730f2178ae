"""Tables of other programs give the same traces as their files: sixty real conversations."""

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.sources.formats.contract import Format
from trace_clustering.sources.formats.langfuse import LANGFUSE
from trace_clustering.sources.formats.otlp import OTLP
from trace_clustering.sources.formats.posthog_events import POSTHOG
from trace_clustering.traces.trace import Trace
from trace_clustering_tests.clickhouse.source_tables import schemas
from trace_clustering_tests.clickhouse.source_tables.filling import (
    create_table,
    insert_rows,
    parse_moment,
    read_day,
)
from trace_clustering_tests.clickhouse.source_tables.langfuse_api_rows import build_rows_of_api
from trace_clustering_tests.clickhouse.source_tables.langfuse_rows import build_event_row, build_rows
from trace_clustering_tests.clickhouse.source_tables.otel_rows import list_span_rows
from trace_clustering_tests.sources.formats.building import build_traces
from trace_clustering_tests.sources.formats.expected import read_expected

pytestmark = pytest.mark.slow

Records = list[dict[str, Any]]


def read_lines(path: Path) -> Records:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def list_days(expected: Mapping[str, dict[str, Any]]) -> Iterator[datetime]:
    """Yield the day on which the first conversation began, and all others to the one after the last."""
    texts = [row[name] for row in expected.values() for name in ("start", "end")]
    moments = [datetime.fromisoformat(text).astimezone(UTC) for text in texts]
    day = min(moments).replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= max(moments) + timedelta(days=1):
        yield day
        day += timedelta(days=1)


def require_same(
    place: ClickHouse, source: dict[str, Any], form: Format, records: Records, real_data: Path
) -> None:
    """Check that the nights of all days find each trace of the files, the same in every field."""
    found: dict[str, Trace] = {}
    for day in list_days(read_expected(real_data)):
        found |= {trace.trace_id: trace for trace in read_day(place, source, day)}
    expected = {trace.trace_id: trace for trace in build_traces(form, records)}
    assert len(expected) == 60
    assert found.keys() == expected.keys()
    for trace_id, trace in expected.items():
        assert vars(found[trace_id]) == vars(trace)


def test_langfuse(clickhouse: ClickHouse, real_data: Path) -> None:
    records = read_lines(real_data / "conversations" / "langfuse_observations.jsonl.gz")
    traces, observations = build_rows(records)
    create_table(clickhouse, schemas.TRACES, "traces", traces)
    create_table(clickhouse, schemas.OBSERVATIONS, "observations", observations)
    require_same(clickhouse, {"kind": "langfuse", "project_id": "p1"}, LANGFUSE, records, real_data)


def test_traces_of_agent_frameworks(clickhouse: ClickHouse, real_data: Path) -> None:
    files = sorted((real_data / "langfuse_frameworks").glob("*.trace.json"))
    records = [json.loads(file.read_text()) for file in files]
    for table, schema in (
        ("traces", schemas.TRACES),
        ("scores", schemas.SCORES),
        ("observations", schemas.OBSERVATIONS),
    ):
        rows = [row for record in records for row in build_rows_of_api(record)[table]]
        create_table(clickhouse, schema, table, rows)
    expected = {trace.trace_id: vars(trace) for trace in build_traces(LANGFUSE, records)}
    found: dict[str, Any] = {}
    for moment in {trace["start"] for trace in expected.values()}:
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        read = read_day(clickhouse, {"kind": "langfuse", "project_id": "p1"}, day)
        found |= {trace.trace_id: vars(trace) for trace in read}
    assert len(records) == 13
    assert found == expected


def test_a_second_night_adds_what_came_late_and_nothing_twice(
    clickhouse: ClickHouse, real_data: Path
) -> None:
    records = read_lines(real_data / "conversations" / "langfuse_observations.jsonl.gz")
    expected = {trace.trace_id: vars(trace) for trace in build_traces(LANGFUSE, records)}
    ends = {trace_id: trace["end"] for trace_id, trace in expected.items()}
    day = max(ends.values()).replace(hour=0, minute=0, second=0, microsecond=0)
    next_day = day + timedelta(days=1)
    of_day = [trace_id for trace_id, end in ends.items() if day <= end < next_day - timedelta(hours=1)]
    late_traces = set(of_day[::3])
    calls = [record for record in records if record["type"] == "GENERATION"]
    late_rows = {
        row["id"] for trace_id in late_traces for row in [r for r in calls if r["trace_id"] == trace_id][-2:]
    }
    assert 0 < len(late_traces) < len(of_day)

    traces, observations = build_rows(records)
    create_table(clickhouse, schemas.TRACES, "traces", traces)
    in_time = [row for row in observations if row["id"] not in late_rows]
    create_table(clickhouse, schemas.OBSERVATIONS, "observations", in_time)
    source = {"kind": "langfuse", "project_id": "p1"}
    first = {trace.trace_id: vars(trace) for trace in read_day(clickhouse, source, day)}
    assert {name for name in of_day if first[name] == expected[name]} == set(of_day) - late_traces

    arrived = {"created_at": next_day + timedelta(hours=2), "updated_at": next_day + timedelta(hours=3)}
    insert_rows(clickhouse, "observations", [r | arrived for r in observations if r["id"] in late_rows])
    second = {trace.trace_id: vars(trace) for trace in read_day(clickhouse, source, next_day)}
    assert second == {trace_id: expected[trace_id] for trace_id in late_traces}


def test_langfuse_events(clickhouse: ClickHouse, real_data: Path) -> None:
    records = read_lines(real_data / "conversations" / "langfuse_observations.jsonl.gz")
    create_table(clickhouse, schemas.EVENTS_FULL, "events_full", map(build_event_row, records))
    require_same(clickhouse, {"kind": "langfuse_events", "project_id": "p1"}, LANGFUSE, records, real_data)


@pytest.mark.parametrize("schema", [schemas.OTEL_TRACES, schemas.OTEL_TRACES_JSON], ids=["maps", "json"])
@pytest.mark.parametrize(
    "owner", [{"service": ["airline-bot", "other"]}, {"resource_attribute": {"service.name": "airline-bot"}}]
)
def test_otel(clickhouse: ClickHouse, real_data: Path, schema: str, owner: dict[str, Any]) -> None:
    records = read_lines(real_data / "conversations" / "otlp_genai.jsonl.gz")
    create_table(clickhouse, schema, "otel_traces", list_span_rows(records))
    require_same(clickhouse, {"kind": "otel", **owner}, OTLP, records, real_data)


def insert_events(place: ClickHouse, records: Records, team_id: int) -> None:
    """Insert exported events into the table that this project writes to, which is like PostHog's."""
    with place.open_session(team_id, timeout_seconds=60) as session:
        rows = [
            [r["uuid"], r["event"], r["distinct_id"], moment, moment, json.dumps(r["properties"])]
            for r in records
            if (moment := parse_moment(r["timestamp"]))
        ]
        session.insert(
            "events", rows, ["uuid", "event", "distinct_id", "timestamp", "created_at", "properties"]
        )


def test_posthog(clickhouse: ClickHouse, real_data: Path) -> None:
    records = read_lines(real_data / "conversations" / "posthog_events.jsonl.gz")
    insert_events(clickhouse, records, team_id=7)
    source = {"kind": "posthog", "team_id": 7, "database": "default"}
    require_same(clickhouse, source, POSTHOG, records, real_data)


def test_posthog_with_its_long_texts_apart(clickhouse: ClickHouse, real_data: Path) -> None:
    records = read_lines(real_data / "conversations" / "posthog_events.jsonl.gz")
    names = {"$ai_input": "input", "$ai_output_choices": "output_choices"}
    texts, short = [], []
    for record in records:
        properties = record["properties"]
        short.append(
            {**record, "properties": {name: v for name, v in properties.items() if name not in names}}
        )
        texts.append(
            {
                "team_id": 7,
                "event": record["event"],
                "timestamp": parse_moment(record["timestamp"]),
                "trace_id": properties["$ai_trace_id"],
                "span_id": properties.get("$ai_span_id", ""),
                **{names[name]: json.dumps(v) for name, v in properties.items() if name in names},
            }
        )
    insert_events(clickhouse, short, team_id=7)
    create_table(clickhouse, schemas.AI_EVENTS, "ai_events", texts, database="default")
    source = {"kind": "posthog", "team_id": 7, "database": "default", "ai_events_table": "ai_events"}
    require_same(clickhouse, source, POSTHOG, records, real_data)

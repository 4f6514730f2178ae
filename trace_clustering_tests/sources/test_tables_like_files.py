"""Whatever the rows of a trace hold, a table and a file with the same rows give the same trace."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.sources.formats.langfuse import LANGFUSE
from trace_clustering_tests.clickhouse.source_tables.filling import (
    create_table,
    insert_rows,
    open_client,
    read_day,
)
from trace_clustering_tests.clickhouse.source_tables.langfuse_rows import (
    build_event_row,
    build_observation_row,
    build_trace_row,
)
from trace_clustering_tests.clickhouse.source_tables.schemas import EVENTS_FULL, OBSERVATIONS, TRACES
from trace_clustering_tests.sources.formats.building import build_traces

pytestmark = pytest.mark.slow

NOON = datetime(2025, 1, 22, 12, tzinfo=UTC)
DAY = NOON - timedelta(hours=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "text", "type", "parts", "tool_calls", "name", "id"]) | TEXTS,
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool"]), "content": JSON}),
    max_size=3,
)
CONTENTS = TEXTS | (JSON | MESSAGES).map(json.dumps)
OBSERVATIONS_OF_ONE = st.fixed_dictionaries(
    {
        "trace_id": st.sampled_from(["t1", "t2", "t3"]),
        "type": st.sampled_from(["GENERATION", "SPAN", "TOOL", "AGENT", "EVENT"]),
        "name": TEXTS,
        "level": st.sampled_from(["DEFAULT", "ERROR", "WARNING", "DEBUG"]),
        "status_message": TEXTS,
        "input": CONTENTS,
        "output": CONTENTS,
        "provided_model_name": TEXTS,
        "prompt_name": TEXTS,
        "prompt_version": st.none() | st.integers(1, 1000),
        "usage_details": st.dictionaries(
            st.sampled_from(["input", "output", "total", "input_cached_tokens"]), st.integers(0, 10**9)
        ),
        "cost": st.none() | st.decimals(0, 1000, places=6),
        "milliseconds": st.integers(0, 3_600_000),
        "latency": st.none() | st.integers(0, 100_000),
        "parent": st.integers(0, 5),
    }
)


def build_record(number: int, drawn: dict[str, Any]) -> dict[str, Any]:
    """Return the row of an export for what was drawn."""
    fields = dict(drawn)
    start = NOON + timedelta(milliseconds=fields.pop("milliseconds"))
    latency, parent, cost = fields.pop("latency"), fields.pop("parent"), fields.pop("cost")
    end = None if latency is None else (start + timedelta(milliseconds=latency)).isoformat()
    return {
        **fields,
        "id": f"o{number}",
        "parent_observation_id": f"o{parent}" if parent < number else None,
        "is_root_observation": number == 0,
        "start_time": start.isoformat(),
        "end_time": end,
        "project_id": "p1",
        "environment": "production",
        "session_id": f"session of {fields['trace_id']}",
        "user_id": "u1",
        "trace_name": "shop",
        "tags": ["a"],
        "release": "",
        "total_cost": None if cost is None else float(cost),
        "cost_details": {} if cost is None else {"total": float(cost)},
    }


@pytest.fixture
def tables(clickhouse: ClickHouse) -> ClickHouse:
    create_table(clickhouse, TRACES, "traces")
    create_table(clickhouse, OBSERVATIONS, "observations")
    create_table(clickhouse, EVENTS_FULL, "events_full")
    return clickhouse


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    print_blob=True,
)
@given(drawn=st.lists(OBSERVATIONS_OF_ONE, min_size=1, max_size=6))
def test_langfuse(tables: ClickHouse, drawn: list[dict[str, Any]]) -> None:
    records = [build_record(number, fields) for number, fields in enumerate(drawn)]
    first = {record["trace_id"]: record for record in reversed(records)}
    with open_client(tables) as client:
        for table in ("traces", "observations", "events_full"):
            client.command(f"TRUNCATE TABLE {table}")
    insert_rows(tables, "traces", map(build_trace_row, first.values()))
    insert_rows(tables, "observations", map(build_observation_row, records))
    insert_rows(tables, "events_full", map(build_event_row, records))
    expected = {trace.trace_id: vars(trace) for trace in build_traces(LANGFUSE, records)}
    for kind in ("langfuse", "langfuse_events"):
        found = read_day(tables, {"kind": kind, "project_id": "p1"}, DAY)
        assert {trace.trace_id: vars(trace) for trace in found} == expected, kind

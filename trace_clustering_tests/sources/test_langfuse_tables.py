"""Langfuse's tables give the same traces as its export."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.sources.formats.langfuse import LANGFUSE
from trace_clustering.traces.trace import Trace
from trace_clustering_tests.clickhouse.source_tables.filling import create_table, read_day
from trace_clustering_tests.clickhouse.source_tables.langfuse_rows import build_rows
from trace_clustering_tests.clickhouse.source_tables.schemas import OBSERVATIONS, TRACES
from trace_clustering_tests.sources.formats.building import build_traces

SOURCE = {"kind": "langfuse", "project_id": "p1"}


def read_lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.slow
def test_sixty_conversations_are_the_same_from_the_tables(clickhouse: ClickHouse, real_data: Path) -> None:
    records = read_lines(real_data / "conversations" / "langfuse_observations.jsonl.gz")
    traces, observations = build_rows(records)
    create_table(clickhouse, TRACES, "traces", traces)
    create_table(clickhouse, OBSERVATIONS, "observations", observations)
    expected = {trace.trace_id: trace for trace in build_traces(LANGFUSE, records)}
    days = sorted({row["timestamp"].date() for row in traces})
    found: dict[str, Trace] = {}
    for day in days:
        for trace in read_day(clickhouse, SOURCE, datetime(day.year, day.month, day.day, tzinfo=UTC)):
            found[trace.trace_id] = trace
    assert found.keys() == expected.keys()
    for trace_id, trace in expected.items():
        assert vars(found[trace_id]) == vars(trace)

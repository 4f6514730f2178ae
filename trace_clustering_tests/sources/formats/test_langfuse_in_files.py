"""Langfuse's files as they lie in a bucket or come from the export button."""

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.traces.trace import Trace
from trace_clustering_tests.sources.formats.langfuse_files import (
    ANSWER,
    QUESTION,
    make_observation,
    make_trace,
)
from trace_clustering_tests.sources.trace_files import read_all

SCORE = {
    "id": "sc1",
    "timestamp": "2026-08-01T09:00:05.000Z",
    "trace_id": "t1",
    "observation_id": None,
    "name": "helpful",
    "value": 0.5,
    "data_type": "NUMERIC",
    "source": "API",
    "comment": None,
}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def read_one(*paths: Path) -> Trace:
    traces, report = read_all(*paths)
    assert (report.bad_count, report.left_out) == (0, {})
    [trace] = traces.values()
    return trace


def check(trace: Trace) -> None:
    assert (trace.trace_id, trace.name, trace.session_id, trace.tags) == ("t1", "shop", "s1", ("shop",))
    assert [(turn.role, turn.text) for turn in trace.turns] == [("user", QUESTION), ("assistant", ANSWER)]
    assert (trace.input_tokens, trace.output_tokens, trace.cost, trace.models) == (
        12,
        6,
        0.00004,
        ("m-small",),
    )


def test_a_bucket_with_all_its_tables_gives_one_trace(tmp_path: Path) -> None:
    write_rows(tmp_path / "p1/observations/2026-08-01T10-00-00.jsonl.gz", [make_observation()])
    write_rows(tmp_path / "p1/scores/2026-08-01T10-00-00.jsonl.gz", [SCORE])
    write_rows(tmp_path / "p1/traces/2026-08-01T10-00-00.jsonl.gz", [make_trace(metadata={"plan": "pro"})])

    trace = read_one(tmp_path)

    check(trace)
    assert trace.properties == {"plan": "pro", "score.helpful": 0.5}


def test_traces_and_observations_may_be_named_apart(tmp_path: Path) -> None:
    observations = write_rows(tmp_path / "a/observations.jsonl.gz", [make_observation(tags=[])])
    traces = write_rows(tmp_path / "b/traces.jsonl.gz", [make_trace(tags=["shop"])])

    check(read_one(traces, observations))
    check(read_one(observations, traces))


def test_scores_alone_are_no_traces(tmp_path: Path) -> None:
    traces, report = read_all(write_rows(tmp_path / "scores.jsonl.gz", [SCORE]))

    assert (traces, report.bad_count) == ({}, 0)


@pytest.mark.parametrize("is_nested", [True, False])
def test_parquet_has_times_decimals_and_structs(tmp_path: Path, is_nested: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = make_observation(
        start_time=datetime(2026, 8, 1, 9, tzinfo=UTC),
        end_time=datetime(2026, 8, 1, 9, 0, 2, tzinfo=UTC),
        input=[{"role": "user", "content": QUESTION}] if is_nested else json.dumps(QUESTION),
        output={"role": "assistant", "content": ANSWER} if is_nested else ANSWER,
        usage_details=[("input", 12), ("output", 6)],
    )
    usage = pa.map_(pa.string(), pa.uint64())
    others = {name: pa.array([value]) for name, value in row.items() if name != "usage_details"}
    table = pa.table({**others, "usage_details": pa.array([row["usage_details"]], usage)})
    pq.write_table(table, tmp_path / "observations.parquet")

    trace = read_one(tmp_path / "observations.parquet")

    check(trace)
    assert trace.latency == 2


def test_the_export_button_writes_a_csv_of_texts(tmp_path: Path) -> None:
    row = {
        "id": "o1",
        "traceId": "t1",
        "traceName": "shop",
        "type": "GENERATION",
        "name": "answer",
        "startTime": "2026-08-01T09:00:00.000Z",
        "endTime": "2026-08-01T09:00:02.100Z",
        "level": "DEFAULT",
        "sessionId": "s1",
        "providedModelName": "m-small",
        "usageDetails": '{"input":12,"output":6,"total":18}',
        "costDetails": '{"total":0.00004}',
        "totalCost": "0.00004",
        "latencyMs": "2100",
        "timeToFirstTokenMs": "",
        "tags": '["shop"]',
        "input": json.dumps([{"role": "user", "content": QUESTION}]),
        "output": json.dumps({"role": "assistant", "content": ANSWER}),
        "parentObservationId": "",
    }
    with (tmp_path / "events.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)

    check(read_one(tmp_path / "events.csv"))


def test_traces_of_the_export_button_have_their_scores_beside_them(tmp_path: Path) -> None:
    row = {
        "id": "t1",
        "timestamp": "2026-08-01T09:00:00.000Z",
        "name": "shop",
        "userId": "u1",
        "sessionId": "s1",
        "release": "",
        "version": "2",
        "input": QUESTION,
        "output": ANSWER,
        "metadata": '{"plan":"pro","attributes":{"long":"story"}}',
        "tags": '["shop"]',
        "scores": {"helpful": 1, "mood": "glad"},
        "bookmarked": False,
    }
    (tmp_path / "traces.json").write_text(json.dumps([row]))

    trace = read_one(tmp_path / "traces.json")

    assert (trace.name, trace.user_id, trace.list_texts("user")) == ("shop", "u1", [QUESTION])
    assert trace.properties == {"plan": "pro", "version": "2", "score.helpful": 1, "score.mood": "glad"}

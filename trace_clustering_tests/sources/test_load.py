"""Loading a file into the real engine: whole, once, and in bounded memory."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering.clickhouse.embeddings import fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.load import load_file
from trace_clustering_tests.examples import WINDOW

TEAM = 1


def rows(count: int, first: int = 0, step: timedelta = timedelta(seconds=1)) -> list[dict[str, Any]]:
    """Return records as a file holds them, ids in ascending order."""
    return [
        {
            "trace_id": f"trace-{number:06d}",
            "timestamp": (WINDOW.start + number * step).isoformat(),
            "title": f"title {number}",
            "bullets": ["one thing", "another"],
            "properties": {"$ai_model": "small", "number": number},
            "embedding": [1.0, number / 1024],
        }
        for number in range(first, first + count)
    ]


def json_lines(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    with path.open("w") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    return path


def stored(clickhouse: ClickHouse, team_id: int = TEAM) -> dict[str, list[dict[str, Any]]]:
    """Return every row of both tables, all columns, versions that a merge would drop included."""
    with clickhouse.for_team(team_id, timeout_seconds=60) as session:
        return {
            "events": session.query("SELECT * FROM {events:Identifier} ORDER BY ALL"),
            "embeddings": session.query("SELECT * FROM {embeddings:Identifier} ORDER BY ALL"),
        }


def counts(clickhouse: ClickHouse, team_id: int = TEAM) -> dict[str, int]:
    """Return how many rows there are of each kind, and of how many traces."""
    with clickhouse.for_team(team_id, timeout_seconds=60) as session:
        kinds = session.query("SELECT event AS kind, count() AS n FROM {events:Identifier} GROUP BY kind")
        (vectors,) = session.query(
            "SELECT count() AS vectors, uniqExact(document_id) AS traces FROM {embeddings:Identifier}"
        )
    return {row["kind"]: row["n"] for row in kinds} | vectors


def complete(records: int) -> dict[str, int]:
    """Return the counts of a file that was loaded once and whole."""
    return {
        "$ai_trace_summary": records,
        "$ai_generation": records,
        "vectors": records,
        "traces": records,
    }


def in_another_process(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python program that loads a file; the engine and this process share no fork."""
    preamble = """
import os, signal, sys, threading
from pathlib import Path
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.sources.load import load_file
path, clickhouse = Path(sys.argv[1]), ClickHouse(dsn=sys.argv[2])
"""
    return subprocess.Popen(
        [sys.executable, "-c", preamble + program, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


# What is there afterwards


def test_every_record_is_there_for_the_pipeline(tmp_path: Path, clickhouse: ClickHouse) -> None:
    records = rows(50)
    report = load_file(json_lines(tmp_path / "a.jsonl", records), clickhouse, TEAM)
    assert (report.new, report.already_there, report.bad_count) == (50, 0, 0)
    assert counts(clickhouse) == complete(50)
    with clickhouse.for_team(TEAM, timeout_seconds=60) as session:
        found = fetch_trace_embeddings_for_clustering(session, WINDOW)
        summaries = fetch_trace_summaries(session, WINDOW, found.trace_ids, found.batch_run_ids)
        generations = session.query(
            "SELECT properties FROM {events:Identifier} WHERE event = '$ai_generation' ORDER BY timestamp"
        )
    assert list(found.trace_ids) == [record["trace_id"] for record in records]
    assert found.embeddings.tolist() == [record["embedding"] for record in records]
    assert [summaries[trace]["title"] for trace in found.trace_ids] == [r["title"] for r in records]
    assert summaries["trace-000007"]["bullets"] == ["one thing", "another"]
    assert [json.loads(row["properties"]) for row in generations] == [
        {**record["properties"], "$ai_trace_id": record["trace_id"]} for record in records
    ]


def test_the_name_of_the_model_is_kept_and_unknown_by_default(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = json_lines(tmp_path / "a.jsonl", rows(2))
    load_file(path, clickhouse, 1)
    load_file(path, clickhouse, 2, embedding_model="minilm")
    names = {team: {row["model_name"] for row in stored(clickhouse, team)["embeddings"]} for team in (1, 2)}
    assert names == {1: {"unknown-2"}, 2: {"minilm"}}


def test_a_file_is_loaded_for_one_team_only(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = json_lines(tmp_path / "a.jsonl", rows(3))
    load_file(path, clickhouse, 1)
    assert counts(clickhouse, 2) == {"vectors": 0, "traces": 0}
    assert load_file(path, clickhouse, 2).new == 3
    assert counts(clickhouse, 1) == counts(clickhouse, 2) == complete(3)


def test_a_file_without_records_loads_nothing(tmp_path: Path, clickhouse: ClickHouse) -> None:
    assert load_file(json_lines(tmp_path / "a.jsonl", []), clickhouse, TEAM).new == 0
    assert counts(clickhouse) == {"vectors": 0, "traces": 0}


def test_a_trace_that_a_file_holds_twice_counts_once(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = json_lines(tmp_path / "a.jsonl", [*rows(3), *rows(1), *rows(1500, first=3), *rows(1)])
    report = load_file(path, clickhouse, TEAM)
    assert (report.new, report.already_there) == (1503, 2)
    assert counts(clickhouse) == complete(1503)


def test_a_file_may_span_many_years(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = json_lines(tmp_path / "a.jsonl", rows(200, step=timedelta(weeks=2)))
    load_file(path, clickhouse, TEAM)
    assert counts(clickhouse) == complete(200)


# Again


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_loading_a_file_twice_changes_nothing(tmp_path: Path, clickhouse: ClickHouse, ending: str) -> None:
    records = rows(1200, step=timedelta(milliseconds=1, microseconds=7))
    path = json_lines(tmp_path / "a.jsonl", records)
    if ending == "parquet":
        path = tmp_path / "a.parquet"
        texts = [record | {"properties": json.dumps(record["properties"])} for record in records]
        pq.write_table(pa.Table.from_pylist(texts), path)
    load_file(path, clickhouse, TEAM)
    before = stored(clickhouse)
    report = load_file(path, clickhouse, TEAM)
    assert (report.new, report.already_there) == (0, 1200)
    assert stored(clickhouse) == before
    assert counts(clickhouse) == complete(1200)


def test_strange_ids_are_kept_as_they_are_and_loaded_once(tmp_path: Path, clickhouse: ClickHouse) -> None:
    ids = ["a b", " lead", "tab\t", "line\nfeed", "it's", '"', "\\", "\\'", "\\N", "nul\0", "é", "😀"]
    ids += ["{x}", "%s", "[1, 'a']", "NULL", "; DROP TABLE events --", "\x1b[31m", "x" * 5000]
    records = [record | {"trace_id": name} for record, name in zip(rows(len(ids)), ids, strict=True)]
    path = json_lines(tmp_path / "a.jsonl", records)
    load_file(path, clickhouse, TEAM)
    before = stored(clickhouse)
    assert {row["document_id"] for row in before["embeddings"]} == set(ids)
    assert {json.loads(row["properties"])["$ai_trace_id"] for row in before["events"]} == set(ids)
    assert load_file(path, clickhouse, TEAM).new == 0
    assert stored(clickhouse) == before


def test_the_earliest_and_latest_times_are_kept_and_loaded_once(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    times = ["1900-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2261-12-31T23:59:59.999999Z"]
    records = [record | {"timestamp": time} for record, time in zip(rows(3), times, strict=True)]
    path = json_lines(tmp_path / "a.jsonl", records)
    load_file(path, clickhouse, TEAM)
    before = stored(clickhouse)
    assert {row["timestamp"] for row in before["events"]} == {datetime.fromisoformat(t) for t in times}
    assert load_file(path, clickhouse, TEAM).new == 0
    assert stored(clickhouse) == before


def test_a_corrected_file_gives_new_summaries_for_the_same_traces(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    records = rows(30)
    load_file(json_lines(tmp_path / "a.jsonl", records), clickhouse, TEAM)
    corrected = [record | {"title": f"better {record['title']}"} for record in records]
    assert load_file(json_lines(tmp_path / "b.jsonl", corrected), clickhouse, TEAM).new == 30
    with clickhouse.for_team(TEAM, timeout_seconds=60) as session:
        found = fetch_trace_embeddings_for_clustering(session, WINDOW)
        summaries = fetch_trace_summaries(session, WINDOW, found.trace_ids, found.batch_run_ids)
    assert len(found.trace_ids) == 30
    assert [summaries[trace]["title"] for trace in found.trace_ids] == [r["title"] for r in corrected]
    assert counts(clickhouse)["$ai_generation"] == 30  # what happened did not happen twice


# Bad records


def spoiled(count: int, *bad: int) -> list[dict[str, Any]]:
    """Return records of which those on some lines have no vector."""
    return [
        record | ({"embedding": None} if line in bad else {})
        for line, record in enumerate(rows(count), start=1)
    ]


def test_bad_records_stop_a_load_before_anything_is_stored(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = json_lines(tmp_path / "a.jsonl", spoiled(1500, 3, 1400))
    with pytest.raises(InvalidRecordError) as caught:
        load_file(path, clickhouse, TEAM)
    message = str(caught.value)
    assert "2 bad records" in message
    assert "line 3: embedding is missing" in message
    assert "line 1400: embedding is missing" in message
    assert "skip" in message
    assert counts(clickhouse) == {"vectors": 0, "traces": 0}


def test_of_many_bad_records_the_first_are_listed_and_all_are_counted(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    path = json_lines(tmp_path / "a.jsonl", spoiled(100, *range(1, 101)))
    with pytest.raises(InvalidRecordError) as caught:
        load_file(path, clickhouse, TEAM)
    listed = str(caught.value).count("  line ")
    assert 0 < listed < 100
    assert "100 bad records" in str(caught.value)
    assert f"and {100 - listed} more" in str(caught.value)


def test_bad_records_are_left_out_where_that_is_asked_for(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = json_lines(tmp_path / "a.jsonl", spoiled(1500, 3, 1400))
    report = load_file(path, clickhouse, TEAM, on_error="skip")
    assert (report.new, report.already_there, report.bad_count) == (1498, 0, 2)
    assert [record.line for record in report.bad] == [3, 1400]
    assert counts(clickhouse) == complete(1498)


# Interrupted, at the same time, and large


def test_a_load_that_is_killed_and_started_again_ends_complete_without_doubles(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    path = json_lines(tmp_path / "a.jsonl", rows(8000))
    kill_while_the_third_batch_is_inserted = """
def track(records, total, description):
    for number, record in enumerate(records):
        if number == 2999:
            threading.Timer(0.03, os.kill, (os.getpid(), signal.SIGKILL)).start()
        yield record
load_file(path, clickhouse, 1, on_error="skip", track=track)
"""
    with in_another_process(kill_while_the_third_batch_is_inserted, path, clickhouse.dsn) as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    there = counts(clickhouse)["traces"]
    assert 0 < there < 8000
    report = load_file(path, clickhouse, TEAM)
    assert (report.new, report.already_there) == (8000 - there, there)
    assert counts(clickhouse) == complete(8000)


def test_a_load_that_ended_between_its_two_tables_is_completed(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    path = json_lines(tmp_path / "a.jsonl", rows(20))
    load_file(path, clickhouse, TEAM)
    with clickhouse.for_team(TEAM, timeout_seconds=60) as session:
        session._client.command("TRUNCATE TABLE document_embeddings")
    assert load_file(path, clickhouse, TEAM).new == 20
    assert counts(clickhouse) == complete(20)


def test_two_loads_of_one_file_at_the_same_time_leave_no_doubles(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    path = json_lines(tmp_path / "a.jsonl", rows(3000))
    program = "print(load_file(path, clickhouse, 1).new)"
    processes = [in_another_process(program, path, clickhouse.dsn) for _ in range(2)]
    new = [int(process.communicate()[0]) for process in processes]
    assert sum(new) == 3000
    assert counts(clickhouse) == complete(3000)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    program = """
load_file(path, clickhouse, 1)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    peaks = []
    for count in (6000, 60_000):
        path = json_lines(tmp_path / f"{count}.jsonl", rows(count))
        with in_another_process(program, path, f"chdb://{tmp_path / str(count)}") as process:
            peaks.append(int(process.communicate()[0]) / 1024)
    assert peaks[1] - peaks[0] < 150, f"{peaks} MB"

"""A file is loaded into the real engine whole and once."""

import json
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
from trace_clustering_tests.sources.loading import (
    TEAM,
    count_stored,
    expect_counts,
    make_rows,
    read_tables,
)
from trace_clustering_tests.sources.record_files import write_json_lines

# What is there afterwards


def test_every_record_is_there_for_the_pipeline(tmp_path: Path, clickhouse: ClickHouse) -> None:
    records = make_rows(50)
    report = load_file(write_json_lines(tmp_path / "a.jsonl", *records), clickhouse, TEAM)
    assert (report.inserted.new, report.inserted.unchanged, report.bad_count) == (50, 0, 0)
    assert count_stored(clickhouse) == expect_counts(50)
    with clickhouse.open_session(TEAM, timeout_seconds=60) as session:
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
    path = write_json_lines(tmp_path / "a.jsonl", *make_rows(2))
    load_file(path, clickhouse, 1)
    load_file(path, clickhouse, 2, embedding_model="minilm")
    names = {
        team: {row["model_name"] for row in read_tables(clickhouse, team)["embeddings"]} for team in (1, 2)
    }
    assert names == {1: {"unknown-2"}, 2: {"minilm"}}


def test_a_file_is_loaded_for_one_team_only(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", *make_rows(3))
    load_file(path, clickhouse, 1)
    assert count_stored(clickhouse, 2) == {"vectors": 0, "traces": 0}
    assert load_file(path, clickhouse, 2).inserted.new == 3
    assert count_stored(clickhouse, 1) == count_stored(clickhouse, 2) == expect_counts(3)


def test_a_file_without_records_loads_nothing(tmp_path: Path, clickhouse: ClickHouse) -> None:
    assert load_file(write_json_lines(tmp_path / "a.jsonl", *[]), clickhouse, TEAM).inserted.new == 0
    assert count_stored(clickhouse) == {"vectors": 0, "traces": 0}


def test_a_trace_that_a_file_holds_twice_counts_once(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = write_json_lines(
        tmp_path / "a.jsonl", *[*make_rows(3), *make_rows(1), *make_rows(1500, first=3), *make_rows(1)]
    )
    report = load_file(path, clickhouse, TEAM)
    assert (report.inserted.new, report.repeated) == (1503, 2)
    assert count_stored(clickhouse) == expect_counts(1503)


def test_a_file_may_span_many_years(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", *make_rows(200, step=timedelta(weeks=2)))
    load_file(path, clickhouse, TEAM)
    assert count_stored(clickhouse) == expect_counts(200)


# Again


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_loading_a_file_twice_changes_nothing(tmp_path: Path, clickhouse: ClickHouse, ending: str) -> None:
    records = make_rows(1200, step=timedelta(milliseconds=1, microseconds=7))
    path = write_json_lines(tmp_path / "a.jsonl", *records)
    if ending == "parquet":
        path = tmp_path / "a.parquet"
        texts = [record | {"properties": json.dumps(record["properties"])} for record in records]
        pq.write_table(pa.Table.from_pylist(texts), path)
    load_file(path, clickhouse, TEAM)
    before = read_tables(clickhouse)
    report = load_file(path, clickhouse, TEAM)
    assert (report.inserted.new, report.inserted.unchanged) == (0, 1200)
    assert read_tables(clickhouse) == before
    assert count_stored(clickhouse) == expect_counts(1200)


def test_strange_ids_are_kept_as_they_are_and_loaded_once(tmp_path: Path, clickhouse: ClickHouse) -> None:
    ids = ["a b", " lead", "tab\t", "line\nfeed", "it's", '"', "\\", "\\'", "\\N", "nul\0", "é", "😀"]
    ids += ["{x}", "%s", "[1, 'a']", "NULL", "; DROP TABLE events --", "\x1b[31m", "x" * 5000]
    records = [record | {"trace_id": name} for record, name in zip(make_rows(len(ids)), ids, strict=True)]
    path = write_json_lines(tmp_path / "a.jsonl", *records)
    load_file(path, clickhouse, TEAM)
    before = read_tables(clickhouse)
    assert {row["document_id"] for row in before["embeddings"]} == set(ids)
    assert {json.loads(row["properties"])["$ai_trace_id"] for row in before["events"]} == set(ids)
    assert load_file(path, clickhouse, TEAM).inserted.new == 0
    assert read_tables(clickhouse) == before


def test_the_earliest_and_latest_times_are_kept_and_loaded_once(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    times = ["1900-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2261-12-31T23:59:59.999999Z"]
    records = [record | {"timestamp": time} for record, time in zip(make_rows(3), times, strict=True)]
    path = write_json_lines(tmp_path / "a.jsonl", *records)
    load_file(path, clickhouse, TEAM)
    before = read_tables(clickhouse)
    assert {row["timestamp"] for row in before["events"]} == {datetime.fromisoformat(t) for t in times}
    assert load_file(path, clickhouse, TEAM).inserted.new == 0
    assert read_tables(clickhouse) == before


def test_a_corrected_file_gives_new_summaries_for_the_same_traces(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    records = make_rows(30)
    load_file(write_json_lines(tmp_path / "a.jsonl", *records), clickhouse, TEAM)
    corrected = [record | {"title": f"better {record['title']}"} for record in records]
    report = load_file(write_json_lines(tmp_path / "b.jsonl", *corrected), clickhouse, TEAM)
    assert report.inserted.replaced == 30
    with clickhouse.open_session(TEAM, timeout_seconds=60) as session:
        found = fetch_trace_embeddings_for_clustering(session, WINDOW)
        summaries = fetch_trace_summaries(session, WINDOW, found.trace_ids, found.batch_run_ids)
    assert len(found.trace_ids) == 30
    assert [summaries[trace]["title"] for trace in found.trace_ids] == [r["title"] for r in corrected]
    assert count_stored(clickhouse)["$ai_generation"] == 30  # what happened did not happen twice


# Bad records


def make_spoiled_rows(count: int, *bad: int) -> list[dict[str, Any]]:
    """Return records of which those on some lines have no vector."""
    return [
        record | ({"embedding": None} if line in bad else {})
        for line, record in enumerate(make_rows(count), start=1)
    ]


def test_bad_records_stop_a_load_before_anything_is_stored(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", *make_spoiled_rows(1500, 3, 1400))
    with pytest.raises(InvalidRecordError) as caught:
        load_file(path, clickhouse, TEAM)
    message = str(caught.value)
    assert "2 bad records" in message
    assert "line 3: embedding is missing" in message
    assert "line 1400: embedding is missing" in message
    assert "skip" in message
    assert count_stored(clickhouse) == {"vectors": 0, "traces": 0}


def test_of_many_bad_records_the_first_are_listed_and_all_are_counted(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", *make_spoiled_rows(100, *range(1, 101)))
    with pytest.raises(InvalidRecordError) as caught:
        load_file(path, clickhouse, TEAM)
    listed = str(caught.value).count("  line ")
    assert 0 < listed < 100
    assert "100 bad records" in str(caught.value)
    assert f"and {100 - listed} more" in str(caught.value)


def test_bad_records_are_left_out_where_that_is_asked_for(tmp_path: Path, clickhouse: ClickHouse) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", *make_spoiled_rows(1500, 3, 1400))
    report = load_file(path, clickhouse, TEAM, on_error="skip")
    assert (report.inserted.new, report.inserted.unchanged, report.bad_count) == (1498, 0, 2)
    assert [record.line for record in report.first_bad] == [3, 1400]
    assert count_stored(clickhouse) == expect_counts(1498)

"""A file that is loaded again, corrected or as it was, replaces what a load stored before."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.clickhouse.embeddings import DocumentSelection, fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.sources.load import LoadReport, load_file
from trace_clustering_tests.examples import WINDOW
from trace_clustering_tests.sources.loading import TEAM, count_stored, expect_counts, make_rows, read_tables
from trace_clustering_tests.sources.record_files import write_json_lines

Rows = list[dict[str, Any]]


def load(folder: Path, clickhouse: ClickHouse, records: Rows, model: str = "") -> LoadReport:
    path = write_json_lines(folder / "a.jsonl", *records)
    return load_file(path, clickhouse, TEAM, embedding_model=model)


def count(report: LoadReport) -> tuple[int, int, int]:
    return report.inserted.new, report.inserted.replaced, report.inserted.unchanged


def read_titles(clickhouse: ClickHouse, model: str = "") -> dict[str, str]:
    """Return the titles of the traces as the pipeline reads them."""
    with clickhouse.open_session(TEAM, timeout_seconds=60) as session:
        found = fetch_trace_embeddings_for_clustering(
            session, WINDOW, documents=DocumentSelection(embedding_model=model)
        )
        summaries = fetch_trace_summaries(session, WINDOW, found.trace_ids, found.batch_run_ids)
    return {trace_id: summary["title"] for trace_id, summary in summaries.items()}


def list_models(clickhouse: ClickHouse) -> list[str]:
    return sorted({row["model_name"] for row in read_tables(clickhouse)["embeddings"]})


@pytest.mark.parametrize(
    "change",
    [
        {"title": "corrected"},
        {"bullets": ["another"]},
        {"flow_diagram": "a -> b"},
        {"interesting_notes": ["note"]},
        {"embedding": [0.0, 1.0]},
        {"properties": {"$ai_model": "large"}},
        {"timestamp": "2025-01-20T06:00:00.000001Z"},
        # The same document, but another summary.
        {"bullets": ["one thing\n- another"]},
    ],
)
def test_a_record_that_was_corrected_replaces_all_that_a_load_stored_of_its_trace(
    tmp_path: Path, clickhouse: ClickHouse, change: dict[str, Any]
) -> None:
    records = make_rows(3)
    load(tmp_path, clickhouse, records)
    corrected = [records[0], records[1] | change, records[2]]
    assert count(load(tmp_path, clickhouse, corrected)) == (0, 1, 2)
    stored = read_tables(clickhouse)
    assert count_stored(clickhouse) == expect_counts(3)
    assert count(load(tmp_path, clickhouse, corrected)) == (0, 0, 3)
    assert read_tables(clickhouse) == stored


def test_titles_are_the_newest_in_whatever_order_files_are_loaded(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    first, second = make_rows(40), [record | {"title": "corrected"} for record in make_rows(40)]
    for records in (first, second, first, second[:20]):
        load(tmp_path, clickhouse, records)
        expected = {record["trace_id"]: record["title"] for record in [*first, *records]}
        if records is second:
            expected = dict.fromkeys(expected, "corrected")
        assert read_titles(clickhouse) == expected
        assert count_stored(clickhouse) == expect_counts(40)


def test_more_records_and_corrected_ones_are_told_apart(tmp_path: Path, clickhouse: ClickHouse) -> None:
    load(tmp_path, clickhouse, make_rows(10))
    records = make_rows(15)
    report = load(tmp_path, clickhouse, [*records, records[14], records[2] | {"title": "corrected"}])
    assert (count(report), report.repeated) == ((5, 1, 9), 2)
    assert read_titles(clickhouse)["trace-000002"] == "corrected"  # the last record of a trace counts
    assert "5 new, 1 replaced; 9 were there unchanged" in report.describe(TEAM)[0]
    assert "2 records were left out" in report.describe(TEAM)[1]


def test_a_file_without_titles_first_then_with_them(tmp_path: Path, clickhouse: ClickHouse) -> None:
    records = make_rows(30)
    bare = [{name: record[name] for name in ("trace_id", "timestamp", "embedding")} for record in records]
    load(tmp_path, clickhouse, bare)
    load(tmp_path, clickhouse, records)
    assert read_titles(clickhouse) == {record["trace_id"]: record["title"] for record in records}


def test_the_name_of_a_model_can_be_added_and_changed(tmp_path: Path, clickhouse: ClickHouse) -> None:
    records = make_rows(12)
    load(tmp_path, clickhouse, records)
    assert list_models(clickhouse) == ["unknown-2"]
    for name in ("minilm", "mpnet"):
        assert count(load(tmp_path, clickhouse, records, name)) == (0, 12, 0)
        assert list_models(clickhouse) == [name]
        assert len(read_titles(clickhouse, name)) == 12
        assert count_stored(clickhouse) == expect_counts(12)
    # A load that does not name the model leaves the name, also where it corrects the text.
    corrected = [record | {"title": "corrected"} for record in records]
    assert count(load(tmp_path, clickhouse, records)) == (0, 0, 12)
    assert count(load(tmp_path, clickhouse, corrected)) == (0, 12, 0)
    assert list_models(clickhouse) == ["mpnet"]


def test_vectors_of_a_second_model_stay_beside_the_first_and_are_told(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    load(tmp_path, clickhouse, make_rows(5), "first")
    others = [record | {"embedding": [0.0, 1.0, 2.0]} for record in make_rows(5)]
    report = load(tmp_path, clickhouse, others, "second")
    assert count(report) == (5, 0, 0)
    assert any("by the model first" in line for line in report.describe(TEAM))
    assert list_models(clickhouse) == ["first", "second"]
    assert len(read_titles(clickhouse, "first")) == len(read_titles(clickhouse, "second")) == 5
    assert count(load(tmp_path, clickhouse, others, "second")) == (0, 0, 5)


def test_the_days_that_a_load_filled_are_told(tmp_path: Path, clickhouse: ClickHouse) -> None:
    times = ["2024-02-29T23:59:59-01:00", "2025-01-21T00:00:00Z", "2025-01-21T23:00:00Z"]
    records = [record | {"timestamp": time} for record, time in zip(make_rows(3), times, strict=True)]
    assert load(tmp_path, clickhouse, records).days == {date(2024, 3, 1), date(2025, 1, 21)}
    assert load(tmp_path, clickhouse, records).days == {date(2024, 3, 1), date(2025, 1, 21)}


def test_rows_of_other_programs_are_left_alone(tmp_path: Path, clickhouse: ClickHouse) -> None:
    load(tmp_path, clickhouse, make_rows(4))
    with clickhouse.open_session(TEAM, timeout_seconds=60) as session:
        for table, change in (
            ("events", "generateUUIDv4() AS uuid, 'someone' AS elements_chain"),
            ("document_embeddings", "'their-run' AS rendering"),
        ):
            session._client.command(f"INSERT INTO {table} SELECT * REPLACE ({change}) FROM {table}")
    load(tmp_path, clickhouse, [record | {"title": "corrected"} for record in make_rows(4)])
    tables = read_tables(clickhouse)
    assert sum(row["elements_chain"] == "someone" for row in tables["events"]) == 8
    assert sum(row["rendering"] == "their-run" for row in tables["embeddings"]) == 4
    assert count_stored(clickhouse)["$ai_trace_summary"] == 8

"""Loads over a wire that loses, doubles or refuses: rows are there once, and the newest are read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.clickhouse.embeddings import fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.errors import ClickHouseQueryError, TraceClusteringError
from trace_clustering.sources.load import LoadReport, load_file
from trace_clustering_tests.clickhouse.conftest import Server
from trace_clustering_tests.clickhouse.faulty_wire import Wire, open_wire
from trace_clustering_tests.examples import WINDOW
from trace_clustering_tests.sources.loading import (
    TEAM,
    count_stored,
    expect_counts,
    make_rows,
    read_tables,
    start_python,
)
from trace_clustering_tests.sources.record_files import write_json_lines

pytestmark = pytest.mark.slow

COUNT = 200
EVENTS, DOCUMENTS, DELETE = b"`events` (", b"`document_embeddings` (", b"DELETE FROM"


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    with open_wire(server.port) as wire:
        yield wire


@pytest.fixture
def faulty(server: Server, wire: Wire) -> ClickHouse:
    """Empty tables of the real server, behind the wire."""
    clickhouse = ClickHouse(dsn=Server(wire.port).dsn(server.new_database()))
    clickhouse.create_tables()
    return clickhouse


def load(folder: Path, clickhouse: ClickHouse, title: str = "") -> LoadReport:
    change: dict[str, Any] = {"title": title} if title else {}
    records = [record | change for record in make_rows(COUNT)]
    return load_file(write_json_lines(folder / "a.jsonl", *records), clickhouse, TEAM)


def count(report: LoadReport) -> tuple[int, int, int]:
    return report.inserted.new, report.inserted.replaced, report.inserted.unchanged


def read_titles(clickhouse: ClickHouse) -> set[str]:
    with clickhouse.open_session(TEAM, timeout_seconds=60) as session:
        found = fetch_trace_embeddings_for_clustering(session, WINDOW, max_samples=2 * COUNT)
        summaries = fetch_trace_summaries(session, WINDOW, found.trace_ids, found.batch_run_ids)
    assert len(found.trace_ids) == len(set(found.trace_ids)) == len(summaries) == COUNT
    return {summary["title"] for summary in summaries.values()}


def double_all_rows(clickhouse: ClickHouse, title: str) -> None:
    """Store all rows twice, and check that the pipeline reads each once."""
    with clickhouse.open_session(TEAM, timeout_seconds=60) as session:
        for table in ("events", "document_embeddings"):
            session._client.command(f"SYSTEM STOP MERGES {table}")
            session._client.command(f"INSERT INTO {table} SELECT * FROM {table}")
        assert count_stored(clickhouse) == {
            "$ai_trace_summary": 2 * COUNT,
            "$ai_generation": 2 * COUNT,
            "vectors": 2 * COUNT,
            "traces": COUNT,
        }
        assert read_titles(clickhouse) == {title}
        for table in ("events", "document_embeddings"):
            session._client.command(f"SYSTEM START MERGES {table}")


@pytest.mark.parametrize("match", [EVENTS, DOCUMENTS])
@pytest.mark.parametrize("stored", [False, True])
def test_rows_whose_insert_was_sent_twice_are_there_once(
    tmp_path: Path, faulty: ClickHouse, wire: Wire, match: bytes, stored: bool
) -> None:
    if stored:
        load(tmp_path, faulty)
    wire.break_next("lose answer", match)
    report = load(tmp_path, faulty, "corrected")
    assert wire.times == 0
    assert count(report) == ((0, COUNT, 0) if stored else (COUNT, 0, 0))
    assert count_stored(faulty) == expect_counts(COUNT)
    assert read_titles(faulty) == {"corrected"}


@pytest.mark.parametrize("match", [EVENTS, DOCUMENTS])
def test_a_load_that_fails_since_answers_are_lost_is_repaired_by_the_next(
    tmp_path: Path, faulty: ClickHouse, wire: Wire, match: bytes
) -> None:
    load(tmp_path, faulty)
    wire.break_next("lose answer", match, times=100)
    with pytest.raises(TraceClusteringError):
        load(tmp_path, faulty, "corrected")
    wire.times = 0
    load(tmp_path, faulty, "corrected")
    assert count_stored(faulty) == expect_counts(COUNT)
    assert read_titles(faulty) == {"corrected"}


@pytest.mark.parametrize("match", [EVENTS, DOCUMENTS])
def test_an_insert_that_was_swallowed_fails_the_load_and_costs_nothing_old(
    tmp_path: Path, faulty: ClickHouse, wire: Wire, match: bytes
) -> None:
    load(tmp_path, faulty, "old")
    before = read_tables(faulty)
    wire.break_next("swallow", match)
    with pytest.raises(ClickHouseQueryError, match="not in the tables after they were inserted"):
        load(tmp_path, faulty, "corrected")
    after = read_tables(faulty)
    assert all(row in after[table] for table in before for row in before[table][:50])
    assert read_titles(faulty) == {"old"}
    load(tmp_path, faulty, "corrected")
    assert count_stored(faulty) == expect_counts(COUNT)
    assert read_titles(faulty) == {"corrected"}


def test_doubled_rows_are_read_once_and_the_next_load_repairs_them(
    tmp_path: Path, faulty: ClickHouse
) -> None:
    load(tmp_path, faulty, "one")
    double_all_rows(faulty, "one")
    assert count(load(tmp_path, faulty, "one")) == (0, 0, COUNT)
    assert count_stored(faulty) == expect_counts(COUNT)
    double_all_rows(faulty, "one")
    assert count(load(tmp_path, faulty, "two")) == (0, COUNT, 0)
    assert count_stored(faulty) == expect_counts(COUNT)
    assert read_titles(faulty) == {"two"}


@pytest.mark.parametrize(
    "refusal", [(497, "reader: Not enough privileges. (ACCESS_DENIED)"), (344, "it has projections")]
)
def test_where_rows_cannot_be_deleted_the_newest_are_read_and_the_load_says_so(
    tmp_path: Path, faulty: ClickHouse, wire: Wire, refusal: tuple[int, str]
) -> None:
    load(tmp_path, faulty, "old")
    wire.break_next("refuse", DELETE, times=100, refusal=refusal)
    report = load(tmp_path, faulty, "corrected")
    assert count(report) == (0, COUNT, 0)
    assert any("could not be deleted" in line for line in report.describe(TEAM))
    assert read_titles(faulty) == {"corrected"}
    assert count(load(tmp_path, faulty, "corrected")) == (0, 0, COUNT)
    wire.times = 0
    assert not load(tmp_path, faulty, "corrected").inserted.not_deleted
    assert count_stored(faulty) == expect_counts(COUNT)
    assert read_titles(faulty) == {"corrected"}


@pytest.mark.parametrize("titles", [("one", "one"), ("one", "two")])
def test_two_loads_at_once_leave_each_trace_once_and_whole(
    tmp_path: Path, server: Server, titles: tuple[str, str]
) -> None:
    clickhouse = ClickHouse(dsn=server.dsn(server.new_database()))
    clickhouse.create_tables()
    paths = [
        write_json_lines(
            tmp_path / f"{number}.jsonl", *[record | {"title": title} for record in make_rows(COUNT)]
        )
        for number, title in enumerate(titles)
    ]
    program = "load_file(path, clickhouse, 1)"
    processes = [start_python(program, path, clickhouse.dsn) for path in paths]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert read_titles(clickhouse) <= set(titles)
    counts = count_stored(clickhouse)
    assert (counts["vectors"], counts["$ai_generation"]) == (COUNT, COUNT)
    load_file(paths[1], clickhouse, TEAM)
    assert count_stored(clickhouse) == expect_counts(COUNT)
    assert read_titles(clickhouse) == {titles[1]}

"""Loads that are interrupted, that run at the same time, or that are large."""

import signal
from pathlib import Path

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.sources.load import load_file
from trace_clustering_tests.sources.loading import (
    TEAM,
    count_stored,
    expect_counts,
    make_rows,
    start_python,
)
from trace_clustering_tests.sources.record_files import write_json_lines

pytestmark = pytest.mark.slow


def test_a_load_that_is_killed_and_started_again_ends_complete_without_doubles(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", *make_rows(8000))
    kill_while_the_third_batch_is_inserted = """
def track(records, total, description):
    for number, record in enumerate(records):
        if number == 2999 and description == "Loading":
            threading.Timer(0.03, os.kill, (os.getpid(), signal.SIGKILL)).start()
        yield record
load_file(path, clickhouse, 1, on_error="skip", track=track)
"""
    with start_python(kill_while_the_third_batch_is_inserted, path, clickhouse.dsn) as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    there = count_stored(clickhouse)["traces"]
    assert 0 < there < 8000
    report = load_file(path, clickhouse, TEAM)
    assert (report.inserted.new, report.inserted.unchanged) == (8000 - there, there)
    assert count_stored(clickhouse) == expect_counts(8000)


def test_a_load_that_ended_between_its_two_tables_is_completed(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", *make_rows(20))
    load_file(path, clickhouse, TEAM)
    with clickhouse.open_session(TEAM, timeout_seconds=60) as session:
        session._client.command("TRUNCATE TABLE document_embeddings")
    assert load_file(path, clickhouse, TEAM).inserted.new == 20
    assert count_stored(clickhouse) == expect_counts(20)


def test_two_loads_of_one_file_at_the_same_time_leave_no_doubles(
    tmp_path: Path, clickhouse: ClickHouse
) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", *make_rows(3000))
    program = "print(load_file(path, clickhouse, 1).inserted.new)"
    processes = [start_python(program, path, clickhouse.dsn) for _ in range(2)]
    new = [int(process.communicate()[0]) for process in processes]
    assert sum(new) == 3000
    assert count_stored(clickhouse) == expect_counts(3000)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    program = """
load_file(path, clickhouse, 1)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    peaks = []
    for count in (6000, 60_000):
        path = write_json_lines(tmp_path / f"{count}.jsonl", *make_rows(count))
        with start_python(program, path, f"chdb://{tmp_path / str(count)}") as process:
            peaks.append(int(process.communicate()[0]) / 1024)
    assert peaks[1] - peaks[0] < 150, f"{peaks} MB"

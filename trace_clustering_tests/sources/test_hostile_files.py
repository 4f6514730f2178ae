"""Files that are damaged or made to hurt end in a sentence, and take no more memory than the limits say."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.constants import MAX_BATCH_BYTES, MAX_JSON_DEPTH, MAX_RECORD_BYTES
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.files import count_records, read_records
from trace_clustering.sources.load import load_file
from trace_clustering_tests.sources.loading import TEAM, count_stored, expect_counts, make_rows, start_python
from trace_clustering_tests.sources.record_files import GOOD, list_bad_lines, write_json_lines, write_parquet

pytestmark = pytest.mark.slow

MIB = 1024**2
has_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc"
)


def read_in_process(path: Path) -> tuple[list[str], int]:
    """Read a file in another process; return what it says of bad records, and its peak memory in MiB."""
    program = """
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.files import count_records, read_records
try:
    count_records(path)
    for record in read_records(path):
        if hasattr(record, "reason"):
            print(f"{record.place}: {record.reason}")
except InvalidRecordError as error:
    print(error)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    with start_python(program, path, "chdb://unused") as process:
        *lines, peak = process.communicate()[0].splitlines()
    assert process.returncode == 0
    return lines, int(peak) // 1024


# Damage


def find_refusal(read: Callable[[Path], object], path: Path) -> str:
    try:
        read(path)
    except InvalidRecordError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("place", [5, 9, 20, 40, -5, -9, -20, -60, -100, -200, -400])
def test_a_flipped_byte_of_a_parquet_file_is_refused_or_does_not_matter(tmp_path: Path, place: int) -> None:
    path = write_parquet(tmp_path / "a.parquet", rows=50, title=["a title"] * 50)
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    for read in (count_records, lambda path: list(read_records(path))):
        message = find_refusal(read, path)
        assert not message or "a.parquet cannot be read as Parquet" in message


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + bytes(1000) + b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1"])
def test_what_only_looks_like_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(InvalidRecordError, match=r"a\.parquet cannot be read as Parquet"):
        count_records(tmp_path / "a.parquet")


# No files


def test_pipes_and_devices_are_refused_before_they_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "zero.parquet").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "a.parquet")
    for name, kind in (("a.jsonl", "a pipe"), ("zero.parquet", "a device"), ("folder", "a pipe")):
        for read in (count_records, lambda path: list(read_records(path))):
            with pytest.raises(InvalidRecordError, match=f"is {kind}, not a file"):
                read(tmp_path / name)


# Sizes


def test_a_line_that_is_too_long_is_one_bad_record(tmp_path: Path) -> None:
    fits = GOOD | {"title": "x" * (MAX_RECORD_BYTES - 1000)}
    path = write_json_lines(tmp_path / "a.jsonl", GOOD, b"x" * (3 * MAX_RECORD_BYTES), fits, GOOD)
    records = list(read_records(path))
    assert list_bad_lines(records) == [2]
    assert records[1].reason == "is longer than 32 MiB"


@pytest.mark.parametrize("filler", [b"x", b"\\\\", b'\\"', b"{"])
def test_a_value_of_an_array_that_is_too_long_is_one_bad_record(tmp_path: Path, filler: bytes) -> None:
    good = json.dumps(GOOD).encode()
    long = filler * (MAX_RECORD_BYTES // len(filler) + 1)
    value = long + b"}" * long.count(b"{") if filler == b"{" else b'"' + long + b'"'
    path = tmp_path / "a.json"
    path.write_bytes(b"[" + good + b', {"title": ' + value + b"}, " + good + b"]")
    records = list(read_records(path))
    assert list_bad_lines(records) == [2]
    assert records[1].reason == "is longer than 32 MiB"
    assert len(records) == 3


@has_proc
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.jsonl.gz", "blank.jsonl.gz"])
def test_text_without_end_is_refused_with_little_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".gz"):
        with gzip.open(path, "wb", compresslevel=1) as file:
            for _ in range(600):
                file.write((b"\n" if name.startswith("blank") else b"x") * MIB)
    else:
        path.write_bytes(b'[{"title": "' if name == "a.json" else b"{")
        os.truncate(path, 2**40)  # a terabyte, of which nothing is on the disk
    lines, peak = read_in_process(path)
    assert len(lines) == 1
    assert "does not end" in lines[0] or "times larger when unpacked" in lines[0]
    assert peak < 400


def write_bomb(path: Path, name: str) -> Path:
    """Write a Parquet file of some kilobytes that stands for gigabytes."""
    if name == "titles":
        write_parquet(path, 1000, title=["x" * MIB] * 1000)
    elif name == "bullets":
        write_parquet(path, 200, bullets=[["a bullet"] * 100_000] * 200)
    elif name == "one title":
        write_parquet(path, 3, title=["", "x" * (1024 * MIB), ""])
        pq.write_table(pq.read_table(path), path, compression="zstd")
    else:
        numbers = pa.chunked_array([pa.array([0.5] * MIB, pa.float32())] * 300).combine_chunks()
        vectors = pa.ListArray.from_arrays([0, 2, 300 * MIB], numbers)
        write_parquet(path, 2, embedding=vectors)
    assert path.stat().st_size < 100_000
    return path


@has_proc
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("titles", []),
        ("bullets", []),
        ("one title", ["more than 1024 MiB of memory"]),
        ("one vector", ["more than 1024 MiB of memory"]),
    ],
)
def test_a_parquet_bomb_takes_no_more_memory_than_the_limits_say(
    tmp_path: Path, name: str, said: list[str]
) -> None:
    lines, peak = read_in_process(write_bomb(tmp_path / "a.parquet", name))
    assert len(lines) == len(said)
    assert all(reason in line for line, reason in zip(lines, said, strict=True))
    assert peak < 1500


def test_rows_of_parquet_that_are_too_long_are_bad_records(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", 3, title=["", "x" * (MAX_RECORD_BYTES + 1), "x"])
    records = list(read_records(path))
    assert list_bad_lines(records) == [2]
    assert records[1].place == "row 2"


@has_proc
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_records_of_megabytes_are_loaded_in_small_batches(tmp_path: Path, form: str) -> None:
    rows = [row | {"properties": {"log": f"{n:03d}" * MIB}} for n, row in enumerate(make_rows(100))]
    path = tmp_path / f"a.{form}"
    if form == "jsonl":
        write_json_lines(path, *rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    program = """
report = load_file(path, clickhouse, 1)
print(report.inserted.new)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    dsn = f"chdb://{tmp_path / 'clickhouse'}"
    with start_python(program, path, dsn) as process:
        new, peak = map(int, process.communicate()[0].split())
    assert new == 100
    # A column's distinct values stand together in Parquet, and are read together.
    limit = {"jsonl": 1500, "parquet": 2200}[form]
    assert peak / 1024 < limit, f"{peak / 1024} MiB for batches of {MAX_BATCH_BYTES // MIB} MiB"
    assert count_stored(ClickHouse(dsn=dsn)) == expect_counts(100)


# Depth


@pytest.mark.parametrize("depth", [100, MAX_JSON_DEPTH - 2, MAX_JSON_DEPTH + 2, 990, 100_000])
@pytest.mark.parametrize("as_text", [False, True])
def test_properties_are_loaded_whole_or_are_one_bad_record_however_deep(
    tmp_path: Path, clickhouse: ClickHouse, depth: int, as_text: bool
) -> None:
    deep = '{"a": ' + "[" * depth + "]" * depth + "}"
    first, second = (json.dumps(row) for row in make_rows(2))
    value = json.dumps(deep) if as_text else deep
    line = json.dumps(make_rows(1)[0] | {"properties": "DEEP"}).replace('"DEEP"', value)
    path = write_json_lines(tmp_path / "a.jsonl", first.replace("000000", "first"), line, second)
    report = load_file(path, clickhouse, TEAM, on_error="skip")
    is_good = depth < MAX_JSON_DEPTH
    assert (report.inserted.new, report.bad_count) == ((3, 0) if is_good else (2, 1))
    assert is_good or report.first_bad[0].line == 2


# Standard input


def run_with_input(content: bytes, home: Path) -> subprocess.CompletedProcess[bytes]:
    program = "from trace_clustering.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "load", "-", "--team-id", "1"],
        input=content,
        capture_output=True,
        check=False,
        cwd=home,
    )


@pytest.mark.parametrize("form", ["lines", "array", "packed", "parquet"])
def test_standard_input_is_loaded_whatever_it_holds(tmp_path: Path, form: str) -> None:
    rows = make_rows(3)
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    content = {"lines": lines, "array": json.dumps(rows).encode(), "packed": gzip.compress(lines)}.get(form)
    if content is None:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
        content = (tmp_path / "a.parquet").read_bytes()
    result = run_with_input(content, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(b"Loaded 3 traces for team 1: 3 new")


def test_bad_records_of_standard_input_are_listed(tmp_path: Path) -> None:
    result = run_with_input(b'{"trace_id": "a"}\noops\n', tmp_path)
    assert result.returncode == 1
    assert b"line 2: is not JSON" in result.stderr
    assert b"Traceback" not in result.stderr

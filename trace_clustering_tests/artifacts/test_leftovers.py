"""Unfinished files of killed runs are removed by the next run; those that are being written stay."""

import subprocess
import sys
from pathlib import Path

import pytest
from upath import UPath

from trace_clustering.artifacts.files import open_replacement, write_whole
from trace_clustering_tests.artifacts.test_io_manager import list_files, made, materialize
from trace_clustering_tests.examples import DAY

# Writes half a file, says so, and waits to be killed.
HALF = """
import sys
from upath import UPath
from trace_clustering.artifacts.files import open_replacement
with open_replacement(UPath(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("half", flush=True)
    sys.stdin.read()
"""


def start_writer(path: Path) -> subprocess.Popen[bytes]:
    writer = subprocess.Popen(
        [sys.executable, "-c", HALF, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout.readline() == b"half\n"
    return writer


def leave_behind(path: Path) -> None:
    """Kill a process in the middle of a file."""
    with start_writer(path) as writer:
        writer.kill()
    assert any(found.name.startswith(f".{path.name}.") for found in path.parent.iterdir())


@pytest.mark.parametrize("name", ["1.parquet", "1_trace_[night].json"])
def test_the_next_writer_removes_what_killed_ones_left(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for _ in range(3):
        leave_behind(path)
    write_whole(UPath(path), b"whole")
    assert list_files(tmp_path) == [name]
    assert path.read_bytes() == b"whole"


def test_the_next_run_of_a_partition_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    folder = tmp_path / "made" / DAY
    leave_behind(folder / "1.parquet")
    leave_behind(folder / "2.parquet")
    assert materialize(str(tmp_path), made).success
    other, artifact = list_files(folder)
    assert other.startswith(".2.parquet.")  # of another team, whose next run removes it
    assert artifact == "1.parquet"


def test_a_file_that_is_being_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "1.parquet"
    with start_writer(path) as writer, open_replacement(UPath(path)) as mine:
        mine.write(b"mine")
        write_whole(UPath(path), b"between")
        assert len(list_files(tmp_path)) == 3
        writer.stdin.close()
        assert writer.wait() == 0
        assert path.read_bytes() == b"half"  # the last that ends wins
    assert path.read_bytes() == b"mine"
    assert list_files(tmp_path) == ["1.parquet"]

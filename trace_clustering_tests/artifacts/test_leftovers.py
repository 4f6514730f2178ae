"""Unfinished files of killed runs are removed by the next run; those that are being written stay."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from upath import UPath

from trace_clustering.artifacts.files import open_for_reading, open_replacement, write_whole
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


def start_writer(path: Path | str) -> subprocess.Popen[bytes]:
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


def test_copies_for_an_object_store_are_removed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)  # TMPDIR is read anew
    with start_writer("memory://bucket/1.parquet") as writer:
        writer.kill()
    (folder,) = tmp_path.iterdir()
    assert len(list_files(folder)) == 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    path = UPath("memory://bucket") / "2.parquet"
    write_whole(path, b"whole")
    with open_for_reading(path) as file:
        assert file.read() == b"whole"
        assert len(list_files(folder)) == 1
    assert list_files(folder) == []


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

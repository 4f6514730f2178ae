"""Artifacts are stored whole or not at all, one file per asset, day and team."""

import io
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from upath import UPath

from trace_clustering.artifacts.files import open_replacement, write_whole
from trace_clustering.artifacts.io_manager import ArtifactStorage
from trace_clustering.artifacts.parquet import from_parquet
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.traces import ReducedEmbeddings
from trace_clustering.orchestration.partitions import TEAM_DAY
from trace_clustering_tests.artifacts.every_kind import write
from trace_clustering_tests.examples import DAY, WINDOW

PARTITION = f"{DAY}|1"


def make_points(n: int, value: float = 1.0) -> ReducedEmbeddings:
    """An artifact of about 400 n bytes."""
    return ReducedEmbeddings(
        provenance=Provenance(1, WINDOW, {"run_label": ""}),
        trace_ids=np.array([f"trace-{number}" for number in range(n)], dtype=object),
        timestamps=np.full(n, "2025-01-20", dtype="datetime64[ms]"),
        trace_times=np.full(n, "NaT", dtype="datetime64[us]"),
        batch_run_ids=np.full(n, "", dtype=object),
        weights=np.ones(n, dtype=np.int64),
        points=np.random.default_rng(1).normal(value, 1, (n, 100)).astype(np.float32),
        neighbors=np.arange(n, dtype=np.int32)[:, None],
    )


@dg.asset(partitions_def=TEAM_DAY)
def made() -> ReducedEmbeddings:
    return make_points(3)


@dg.asset(partitions_def=TEAM_DAY, retry_policy=dg.RetryPolicy(max_retries=3))
def read(made: ReducedEmbeddings) -> ReducedEmbeddings:
    return made


def materialize(
    base: str, *selection: dg.AssetsDefinition, partition: str = PARTITION
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [made, read],
        selection=list(selection),
        partition_key=partition,
        resources={"io_manager": ArtifactStorage(base=base)},
        raise_on_error=False,
    )


def list_failures(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        event.step_failure_data.user_failure_data.description
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.user_failure_data
    ]


def list_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_artifact_is_stored_by_asset_day_and_team_and_read_by_the_next_asset(tmp_path: Path) -> None:
    result = materialize(str(tmp_path / "base"), made, read)
    assert result.success
    assert result.output_for_node("read").points.tolist() == make_points(3).points.tolist()
    assert list_files(tmp_path / "base") == ["made/2025-01-22/1.parquet", "read/2025-01-22/1.parquet"]


def test_an_artifact_of_an_earlier_run_is_read(tmp_path: Path) -> None:
    materialize(str(tmp_path / "base"), made)
    assert materialize(str(tmp_path / "base"), read).success


def test_teams_and_days_are_kept_apart(tmp_path: Path) -> None:
    for partition in (f"{DAY}|1", f"{DAY}|2", "2025-01-23|1"):
        materialize(str(tmp_path / "base"), made, partition=partition)
    files = ["made/2025-01-22/1.parquet", "made/2025-01-22/2.parquet", "made/2025-01-23/1.parquet"]
    assert list_files(tmp_path / "base") == files


def test_the_size_and_the_place_are_in_the_metadata(tmp_path: Path) -> None:
    result = materialize(str(tmp_path / "base"), made)
    metadata = result.asset_materializations_for_node("made")[0].metadata
    path = tmp_path / "base" / "made" / DAY / "1.parquet"
    assert metadata["bytes"].value == path.stat().st_size
    assert metadata["path"].value == str(path)


def test_without_a_base_the_environment_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRACE_CLUSTERING_STORAGE", str(tmp_path / "elsewhere"))
    assert materialize("", made).success
    assert list_files(tmp_path / "elsewhere") == ["made/2025-01-22/1.parquet"]


def test_without_any_word_on_it_the_place_is_under_dagster_home(tmp_path: Path) -> None:
    assert materialize("", made).success
    assert list_files(tmp_path / "trace_clustering_data" / "artifacts") == ["made/2025-01-22/1.parquet"]


def test_an_object_store_holds_the_same_files(tmp_path: Path) -> None:
    base = f"memory://{tmp_path.name}"
    assert materialize(base, made).success
    assert materialize(base, read).success
    content = (UPath(base) / "made" / DAY / "1.parquet").read_bytes()
    stored = from_parquet(io.BytesIO(content))
    assert content == write(stored)
    assert stored.digest == make_points(3).digest
    assert stored.provenance.dagster_run_id


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_a_missing_artifact_fails_at_once_and_says_what_to_materialize(scheme: str, tmp_path: Path) -> None:
    result = materialize(f"{scheme}{tmp_path / 'base'}", read)
    [failure] = list_failures(result)
    assert failure.startswith(f"made of partition {PARTITION} is not stored at ")
    assert failure.endswith("; materialize made of this partition first")
    assert [event for event in result.all_events if event.is_step_up_for_retry] == []


@pytest.mark.parametrize("damage", ["cut in half", "start overwritten", "foreign"])
def test_a_damaged_artifact_fails_at_once_and_says_what_to_materialize(damage: str, tmp_path: Path) -> None:
    materialize(str(tmp_path / "base"), made)
    path = tmp_path / "base" / "made" / DAY / "1.parquet"
    content = path.read_bytes()
    changed = {
        "cut in half": content[: len(content) // 2],
        "start overwritten": content[:4] + b"\0" * 16 + content[20:],
        "foreign": b"trace_id,title\n",
    }
    path.write_bytes(changed[damage])
    result = materialize(str(tmp_path / "base"), read)
    [failure] = list_failures(result)
    assert failure.startswith(f"made of partition {PARTITION} cannot be read from {path}")
    assert failure.endswith("; materialize made of this partition first")
    assert [event for event in result.all_events if event.is_step_up_for_retry] == []


def test_writing_creates_the_folders_and_replaces_the_file(tmp_path: Path) -> None:
    path = UPath(tmp_path) / "new" / "folder" / "1.parquet"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list_files(tmp_path) == ["new/folder/1.parquet"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = UPath(tmp_path) / "1.parquet"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list_files(tmp_path) == ["1.parquet"]


def write_half(path: UPath) -> None:
    with open_replacement(path) as file:
        file.write(b"half of")
        raise ValueError("no more")


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_what_is_not_written_to_its_end_leaves_the_old_file(scheme: str, tmp_path: Path) -> None:
    path = UPath(f"{scheme}{tmp_path}") / "1.parquet"
    write_whole(path, b"old")
    with pytest.raises(ValueError, match="no more"):
        write_half(path)
    assert path.read_bytes() == b"old"
    assert [found.name for found in path.parent.iterdir()] == ["1.parquet"]


def test_a_folder_in_the_way_is_an_error_that_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "1.parquet").mkdir()
    with pytest.raises(OSError, match=r"1\.parquet"):
        write_whole(UPath(tmp_path) / "1.parquet", b"new")
    assert list_files(tmp_path) == []


def test_writers_at_the_same_time_leave_one_whole_version(tmp_path: Path) -> None:
    path = UPath(tmp_path) / "1.parquet"
    versions = [bytes([number]) * 500_000 for number in range(4)]
    writers = [threading.Thread(target=write_whole, args=(path, version)) for version in versions]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_bytes() in versions
    assert list_files(tmp_path) == ["1.parquet"]


def test_a_reader_at_any_moment_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = UPath(tmp_path) / "1.parquet"
    versions = [bytes([number]) * 3_000_000 for number in range(2)]
    write_whole(path, versions[0])
    writer = threading.Thread(target=lambda: [write_whole(path, version) for version in versions * 10])
    writer.start()
    seen = [path.read_bytes()]
    while writer.is_alive():
        seen.append(path.read_bytes())
    assert all(content in versions for content in seen)


WRITE_FOR_EVER = """
import sys
from upath import UPath
from trace_clustering.artifacts.files import write_whole

path, versions = UPath(sys.argv[1]), [UPath(name).read_bytes() for name in sys.argv[2:]]
while True:
    for version in versions:
        write_whole(path, version)
        print("written", flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    versions = [write(make_points(5000, value)) for value in (1.0, 2.0)]
    for number, version in enumerate(versions):
        (tmp_path / f"version_{number}").write_bytes(version)
    sources = sorted(tmp_path.glob("version_*"))
    paths = [tmp_path / f"writer_{number}" / "1.parquet" for number in (1, 2, 3)]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, path, *sources], stdout=subprocess.PIPE)
        for path in paths
    ]
    for writes, writer in enumerate(writers, start=1):
        with writer:
            for _ in range(writes):
                assert writer.stdout.readline() == b"written\n"
            writer.kill()  # in the middle of the next version, or close to it
    for path in paths:
        assert path.read_bytes() in versions
        assert len(from_parquet(io.BytesIO(path.read_bytes()))) == 5000
        assert list(path.parent.glob("*.parquet")) == [path]

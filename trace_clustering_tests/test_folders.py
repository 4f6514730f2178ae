"""Folders of data are their owner's alone, whatever the umask."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from upath import UPath

from trace_clustering.artifacts.files import write_whole
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.definitions import defs
from trace_clustering.folders import make_private_folder
from trace_clustering_tests.examples import DAY


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def get_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_the_folder_of_all_data_is_private_after_a_run(tmp_path: Path) -> None:
    job = defs.resolve_job_def("trace_clustering_job")
    assert job.execute_in_process(partition_key=f"{DAY}|1", instance=dg.DagsterInstance.ephemeral()).success
    data = tmp_path / "trace_clustering_data"
    artifacts = [path for path in (data / "artifacts").rglob("*") if path.is_dir()]
    assert len(artifacts) == 24  # an asset and a day, twelve times
    for folder in (data, data / "clickhouse", data / "artifacts", *artifacts):
        assert get_mode(folder) == 0o700, folder


@pytest.mark.usefixtures("umask")
def test_folders_that_settings_name_are_private(tmp_path: Path) -> None:
    (tmp_path / "made before").mkdir()
    for name in ("made before", "new/one"):
        with ClickHouse(dsn=f"chdb://{tmp_path / name}").open_session(1, timeout_seconds=60):
            assert get_mode(tmp_path / name) == 0o700
    write_whole(UPath(tmp_path / "store" / "labels" / "1.json"), b"{}")
    assert [get_mode(tmp_path / name) for name in ("new", "store", "store/labels")] == [0o700] * 3


def test_a_folder_that_somebody_shares_stays_shared(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "something").touch()
    shared.chmod(0o750)
    make_private_folder(shared / "ours")
    make_private_folder(shared)
    assert get_mode(shared) == 0o750
    assert get_mode(shared / "ours") == 0o700


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(NotADirectoryError, match="file"):
            make_private_folder(folder)

"""A full, forbidden or unreachable place is told in one sentence, at once, and is not tried again."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from trace_clustering.artifacts.faults import describe_storage_fault
from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.traces import ReducedEmbeddings
from trace_clustering.assets.asset import clustering_asset
from trace_clustering.errors import ClickHouseUnavailableError
from trace_clustering_tests.artifacts.test_io_manager import made, materialize, read
from trace_clustering_tests.examples import DAY

pytestmark = pytest.mark.slow


class ClosedStore(MemoryFileSystem):
    """A store whose library has types of errors of its own."""

    protocol = "closed"

    def put_file(self, *_: object, **__: object) -> None:
        raise RuntimeError("the store is closed")


fsspec.register_implementation("closed", ClosedStore)


def read_headline(result: dg.ExecuteInProcessResult) -> str:
    """Return the first line of the only failure of a run; nothing may have been tried again."""
    assert not any(event.is_step_up_for_retry for event in result.all_events)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    assert error.cause is None
    assert error.context is None
    return error.message.removeprefix("dagster._core.definitions.events.Failure: ").strip()


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        ("/proc/nowhere", r"cannot be used \(FileNotFoundError.*check that it exists"),
        ("/sys/kernel/nowhere", r"cannot be written by this user \(.*not permitted.*allow it there"),
        ("abfs://account/x", r"cannot be used without a package that is not installed \(.*install it"),
        ("FILE", r"cannot be used \(NotADirectoryError.*check that it exists"),
        ("closed://bucket", r"cannot be used \(OSError: RuntimeError: the store is closed"),
    ],
)
def test_a_place_that_cannot_be_used_is_told_in_one_sentence(base: str, reason: str, tmp_path: Path) -> None:
    if base == "FILE":
        base = str(tmp_path / "file")
        Path(base).touch()
    headline = read_headline(materialize(base, made))
    assert headline.startswith(base)
    assert re.search(reason, headline)
    assert headline.endswith("TRACE_CLUSTERING_STORAGE")
    assert "\n" not in headline


def test_a_place_that_became_unreadable_is_told_in_one_sentence(tmp_path: Path) -> None:
    assert materialize(str(tmp_path / "base"), made).success
    path = tmp_path / "base" / "made" / DAY / "1.parquet"
    path.unlink()
    path.mkdir()  # opening it to read fails with an OSError
    headline = read_headline(materialize(str(tmp_path / "base"), read))
    assert "IsADirectoryError" in headline
    assert "TRACE_CLUSTERING_STORAGE" in headline


MATERIALIZE = """
import resource, sys
from trace_clustering_tests.artifacts.test_io_manager import *
from trace_clustering_tests.artifacts.test_storage_faults import read_headline

@dg.asset(name="made", partitions_def=TEAM_DAY, retry_policy=dg.RetryPolicy(max_retries=2))
def large() -> ReducedEmbeddings:
    return make_points(20_000)

base, limit = sys.argv[1], int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
result = dg.materialize(
    [large],
    partition_key=PARTITION,
    instance=dg.DagsterInstance.ephemeral(),
    resources={"io_manager": ArtifactStorage(base=base)},
    raise_on_error=False,
)
print(read_headline(result))
print(list_files(Path(base)))
"""
FULL = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    'mount -t tmpfs -o size=1m none "$0" && exec "$@"',
]


def can_mount() -> bool:
    """Return whether this user may mount a small disk in a namespace of its own."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*FULL, "/mnt", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("kind", ["a full disk", "a limit of this process"])
def test_a_full_disk_is_the_headline_and_leaves_nothing_behind(kind: str, tmp_path: Path) -> None:
    program = [sys.executable, "-c", MATERIALIZE, tmp_path]
    if kind == "a full disk":
        if not can_mount():
            pytest.skip("this user may not mount a small disk")
        command = [*FULL, tmp_path, *program, "0"]
    else:
        command = [*program, "100000"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    headline, files = run.stdout.splitlines()
    assert headline.startswith(f"No space left on device: {tmp_path} can take no more")
    assert "free some space there" in headline
    assert files == "[]"


INSERT = """
import os, sys
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import ClickHouseSetupError
try:
    with ClickHouse(dsn=f"chdb://{sys.argv[1]}/clickhouse").open_session(1, timeout_seconds=60) as session:
        for _ in range(100):
            session.insert("events", [[os.urandom(100_000).hex()]], ["properties"])
except ClickHouseSetupError as error:  # which no step tries again
    print(error)
"""


def test_a_full_disk_of_the_embedded_engine_is_named(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip("this user may not mount a small disk")
    command = [*FULL, tmp_path, sys.executable, "-c", INSERT, tmp_path]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.startswith(f"No space left on device: the disk of embedded ClickHouse in {tmp_path}")
    assert "free some space there" in told


@pytest.mark.parametrize(
    ("error", "attempts", "headline"),
    [
        (ClickHouseUnavailableError("The server sleeps"), 3, "The server sleeps"),
        (ZeroDivisionError("by zero"), 3, "ZeroDivisionError: by zero"),
        (OSError(28, "No space left on device", "/data/labels"), 1, "No space left on device: /data/labels"),
        (PermissionError(13, "Permission denied", "/data/labels"), 1, "/data/labels cannot be written"),
        (MemoryError("too much"), 3, "MemoryError: too much"),
    ],
)
def test_the_headline_of_the_last_attempt_is_its_cause(
    error: Exception, attempts: int, headline: str
) -> None:
    @clustering_asset(
        makes=ReducedEmbeddings,
        kinds=set(),
        code_version="1",
        retry_policy=dg.RetryPolicy(max_retries=2),
    )
    def embeddings(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Artifact]:
        context.log.info("An attempt")
        raise error

    result = dg.materialize([embeddings], partition_key=f"{DAY}|1", raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    told = failure.step_failure_data.error.message
    assert told.startswith(f"dagster._core.definitions.events.Failure: {headline}")
    assert sum(event.is_step_up_for_retry for event in result.all_events) == attempts - 1


def test_a_quota_is_told_as_a_full_disk() -> None:
    assert describe_storage_fault(OSError(122, "Disk quota exceeded"), "/data").startswith("No space left")

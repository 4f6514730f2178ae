"""The embedded engine stays open in a process, and goes to another process as soon as that waits for it."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
import pytest

from trace_clustering.clickhouse.engine import close_engine, name_lock_file
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import ClickHouseSetupError, ClickHouseUnavailableError
from trace_clustering_tests.examples import DAY

pytestmark = pytest.mark.slow

# Opens a session, says so, and does what it is told on its standard input.
HOLDER = """
import os, sys
from trace_clustering.clickhouse.resource import ClickHouse
def insert(event):
    with ClickHouse(dsn=sys.argv[1]).open_session(1, timeout_seconds=60) as session:
        session.insert("events", [[event]], ["event"])
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


class Process:
    """Another process that runs what it is told."""

    def __init__(self, dsn: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, statement: str) -> None:
        self.process.stdin.write(f"{statement}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def start_processes(clickhouse: ClickHouse, number: int) -> Iterator[list[Process]]:
    processes = [Process(clickhouse.dsn) for _ in range(number)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()


def insert(clickhouse: ClickHouse, event: str) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        session.insert("events", [[event]], ["event"])


def list_events(clickhouse: ClickHouse) -> list[str]:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        return [row["event"] for row in session.query("SELECT event FROM events ORDER BY event")]


def count_resources() -> tuple[int, int]:
    """Return the open descriptors and the threads of this process."""
    return tuple(len(list(Path("/proc/self", kind).iterdir())) for kind in ("fd", "task"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_sessions_of_one_process_share_an_engine(clickhouse: ClickHouse) -> None:
    for number in range(10):
        insert(clickhouse, f"warm-{number}")
    before = count_resources()
    for number in range(30):
        insert(clickhouse, f"event-{number}")
    after = count_resources()
    # An engine that is opened again leaves about ten descriptors and five threads each time.
    assert all(now <= then + 15 for now, then in zip(after, before, strict=True)), (before, after)
    assert len(list_events(clickhouse)) == 40


@pytest.mark.parametrize("number", [2, 3])
def test_processes_that_stay_alive_take_turns(number: int, clickhouse: ClickHouse) -> None:
    patient = clickhouse.model_copy(update={"lock_timeout_seconds": 60.0})
    with start_processes(clickhouse, number) as processes:
        for turn in range(3):
            for name, process in enumerate(processes):
                process.run(f"insert('{turn}-{name}')")
            insert(patient, f"{turn}-self")
        names = [*map(str, range(number)), "self"]
        assert list_events(patient) == [f"{turn}-{name}" for turn in range(3) for name in names]


@pytest.mark.parametrize("in_a_session", [False, True])
def test_an_engine_whose_process_was_killed_is_free(in_a_session: bool, clickhouse: ClickHouse) -> None:
    with start_processes(clickhouse, 1) as (holder,):
        holder.run("insert('before')")
        if in_a_session:
            holder.run(
                "held = ClickHouse(dsn=sys.argv[1]).open_session(1, timeout_seconds=60); held.__enter__()"
            )
        holder.process.send_signal(signal.SIGKILL)
        assert list_events(clickhouse) == ["before"]


def test_threads_of_one_process_take_turns(clickhouse: ClickHouse) -> None:
    def work(name: int) -> None:
        for number in range(3):
            insert(clickhouse, f"{name}-{number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list_events(clickhouse)) == 12


def test_one_process_uses_several_folders_in_turns(tmp_path: Path) -> None:
    places = [ClickHouse(dsn=f"chdb://{tmp_path / name}") for name in ("one", "two")]
    for turn in range(3):
        for name, place in enumerate(places):
            insert(place, f"{name}-{turn}")
    assert [list_events(place) for place in places] == [
        [f"{name}-{turn}" for turn in range(3)] for name in range(2)
    ]


def test_a_session_inside_another_is_of_the_same_folder(clickhouse: ClickHouse, tmp_path: Path) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert(clickhouse, "inner")
        other = ClickHouse(dsn=f"chdb://{tmp_path / 'other'}")
        with pytest.raises(ClickHouseSetupError, match="end that session first"):
            insert(other, "never")
        assert session.query("SELECT event FROM events") == [{"event": "inner"}]
    insert(other, "afterwards")
    assert list_events(other) == ["afterwards"]


@pytest.mark.parametrize("deleted", ["folder", "folder and lock"])
def test_a_folder_that_was_deleted_is_made_again(deleted: str, clickhouse: ClickHouse) -> None:
    folder = Path(clickhouse.dsn.removeprefix("chdb://"))
    insert(clickhouse, "old")
    shutil.rmtree(folder)
    if deleted != "folder":
        name_lock_file(folder).unlink()
    assert list_events(clickhouse) == []
    insert(clickhouse, "new")
    with start_processes(clickhouse, 1) as (other,):
        other.run("insert('newer')")
        assert list_events(clickhouse) == ["new", "newer"]


def test_a_deleted_lock_does_not_keep_others_out(clickhouse: ClickHouse) -> None:
    with start_processes(clickhouse, 1) as (holder,):
        holder.run("insert('first')")
        name_lock_file(Path(clickhouse.dsn.removeprefix("chdb://"))).unlink()
        holder.run("from trace_clustering.clickhouse.engine import _watcher; _watcher.join()")
        assert list_events(clickhouse) == ["first"]


def use_inherited(clickhouse: ClickHouse, result: list[str]) -> None:
    try:
        list_events(clickhouse)
    except ClickHouseSetupError as error:
        os.write(result[0], str(error).encode())


def test_a_forked_process_is_refused_and_its_parent_goes_on(clickhouse: ClickHouse) -> None:
    insert(clickhouse, "parent")
    reading, writing = os.pipe()
    child = get_context("fork").Process(target=use_inherited, args=(clickhouse, [writing]))
    child.start()
    os.close(writing)
    with os.fdopen(reading) as answer:
        assert "start it with the method spawn or forkserver" in answer.read()
    child.join()
    assert child.exitcode == 0
    insert(clickhouse, "still")
    assert list_events(clickhouse) == ["parent", "still"]


def test_a_forked_process_neither_frees_nor_keeps_the_folder(clickhouse: ClickHouse) -> None:
    fork = "if (child := os.fork()) == 0: os.close(w); os.read(r, 1); os._exit(0)"  # as multiprocessing ends
    with start_processes(clickhouse, 1) as (parent,):
        parent.run("insert('first'); r, w = os.pipe()")
        parent.run(fork)
        insert(clickhouse, "second")  # the parent hands over although its child lives
        parent.run("insert('third'); os.close(w); assert os.waitpid(child, 0)[1] == 0")
        parent.run("insert('fourth'); r, w = os.pipe()")
        parent.run(fork)
        parent.process.send_signal(signal.SIGKILL)
        assert list_events(clickhouse) == ["first", "fourth", "second", "third"]


def test_a_process_can_give_its_engine_away(clickhouse: ClickHouse) -> None:
    insert(clickhouse, "first")
    close_engine()
    program = "import chdb, sys; print(chdb.connect(sys.argv[1]).query('SELECT event FROM events'))"
    folder = clickhouse.dsn.removeprefix("chdb://")
    answer = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=True
    )
    assert "first" in answer.stdout


def test_a_folder_that_another_program_has_open_is_explained(clickhouse: ClickHouse) -> None:
    folder = clickhouse.dsn.removeprefix("chdb://")
    program = "import chdb, sys; c = chdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(ClickHouseUnavailableError, match="end other programs that have this folder open"):
            insert(clickhouse, "never")
    insert(clickhouse, "then")
    assert list_events(clickhouse) == ["then"]


# Runs of one partition in one process, with as few descriptors as most machines allow.
LOOP = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
import dagster as dg
from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.definitions import defs
from trace_clustering_tests.examples import themed_records
team, runs = int(sys.argv[2]), int(sys.argv[3])
with ClickHouse().open_session(team, timeout_seconds=60) as session:
    insert_records(session, themed_records(), batch_run_id="batch", model_name="test-16")
job = defs.resolve_job_def("trace_clustering_job")
with dg.DagsterInstance.get() as instance:
    for _ in range(runs):
        job.execute_in_process(partition_key=f"{sys.argv[1]}|{team}", instance=instance)
        print(len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), flush=True)
"""


def loop(team: int, runs: int, log: Path) -> subprocess.Popen[str]:
    with log.open("w") as errors:
        return subprocess.Popen(
            [sys.executable, "-c", LOOP, DAY, str(team), str(runs)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


def tell_end(log: Path) -> str:
    """Return the end of what a process logged, for the message of a test that fails."""
    return log.read_text()[-4000:]


def test_many_runs_in_one_process_take_no_more_than_a_few(tmp_path: Path) -> None:
    process = loop(team=1, runs=25, log=tmp_path / "log")
    counts = [[int(number) for number in line.split()] for line in process.communicate()[0].splitlines()]
    assert process.returncode == 0, tell_end(tmp_path / "log")
    assert len(counts) == 25
    descriptors, threads = zip(*counts, strict=True)
    assert descriptors[-1] <= descriptors[4] + 15
    assert threads[-1] <= threads[4] + 15


def test_runs_of_three_processes_side_by_side_all_succeed(tmp_path: Path) -> None:
    # Two processes cannot create Dagster's own tables in a new home at the same moment.
    with dg.DagsterInstance.get() as instance:
        instance.get_runs(limit=1)
    logs = {team: tmp_path / f"{team}.log" for team in (1, 2, 112495)}
    processes = [loop(team, runs=6, log=log) for team, log in logs.items()]
    lines = [process.communicate()[0].splitlines() for process in processes]
    for process, log in zip(processes, logs.values(), strict=True):
        assert process.returncode == 0, tell_end(log)
    assert [len(counts) for counts in lines] == [6, 6, 6]

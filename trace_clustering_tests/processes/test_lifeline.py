"""A process that computes ends with its parent and at its limit, also while native code holds the GIL."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trace_clustering.processes.lifeline import limit_own_time

# What a worker is busy with; it first says who it is.
PROGRAM = """
import os, sys
from trace_clustering.processes.worker import run_with_deadline
from trace_clustering_tests.processes import test_lifeline

run_with_deadline(getattr(test_lifeline, sys.argv[1]), sys.argv[2], seconds=3600)
"""


def say_who(file: str) -> None:
    unfinished = Path(f"{file}.new")
    unfinished.write_text(str(os.getpid()))
    unfinished.rename(file)


def sleep_for_ever(file: str) -> None:
    say_who(file)
    while True:
        time.sleep(3600)


def loop_in_python(file: str) -> None:
    say_who(file)
    while True:
        pass


def loop_in_native_code(file: str) -> None:
    """Search for a pattern that takes years; no other thread of the process runs meanwhile."""
    say_who(file)
    re.match(r"(a+)+$", "a" * 100 + "b")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Return whether a process runs; nobody may have collected the exit code of one that has ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("busy_with", [sleep_for_ever, loop_in_python, loop_in_native_code])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_ends_when_its_parent_is_killed(
    busy_with: Callable[[str], None], end: signal.Signals, tmp_path: Path
) -> None:
    file = tmp_path / "process"
    with subprocess.Popen([sys.executable, "-c", PROGRAM, busy_with.__name__, str(file)]) as parent:
        wait_until(file.exists)
        process = int(file.read_text())
        assert is_alive(process)
        parent.send_signal(end)
    wait_until(lambda: not is_alive(process))


@pytest.mark.parametrize("busy_with", [sleep_for_ever, loop_in_python, loop_in_native_code])
def test_a_process_ends_at_its_own_limit(busy_with: Callable[[str], None], tmp_path: Path) -> None:
    code = f"""
from trace_clustering.processes.lifeline import limit_own_time
from trace_clustering_tests.processes import test_lifeline
with limit_own_time(0.2):
    test_lifeline.{busy_with.__name__}({str(tmp_path / "process")!r})
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == -signal.SIGALRM


def test_what_is_in_time_is_not_stopped_later() -> None:
    with limit_own_time(0.2):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)

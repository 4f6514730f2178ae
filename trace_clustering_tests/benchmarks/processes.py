"""Whole processes, measured from outside."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class Measured:
    """What a process took.

    Attributes
    ----------
    seconds : float
        From its start to its end, interpreter and imports included.
    peak_mib : float
        Largest resident memory of it or of any one of its children; or of all together, of which what they
        share is counted once, if that was seen to be more.
    output : str
        What it printed.
    """

    seconds: float
    peak_mib: float
    output: str


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end and measure it.

    Raises
    ------
    RuntimeError
        If it fails; with what it printed.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdout is not None
    memory = _Memory(process.pid)
    memory.start()
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    memory.ended.set()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with {process.returncode}:\n{output}")
    return Measured(seconds, max(usage.ru_maxrss, memory.peak_kib) / 1024, output)


class _Memory(threading.Thread):
    """Looks from time to time how much memory a process and those that it started have together."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.ended = threading.Event()
        self.peak_kib = 0

    def run(self) -> None:
        while not self.ended.wait(_SECONDS_BETWEEN_LOOKS):
            together = sum(_proportional_kib(process) for process in _with_children(self._process))
            self.peak_kib = max(self.peak_kib, together)


def _with_children(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = task.read_text(encoding="ascii").split()
        except OSError:  # it has ended
            continue
        for child in children:
            yield from _with_children(int(child))


def _proportional_kib(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)

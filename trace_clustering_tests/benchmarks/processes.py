"""Whole processes, measured from outside."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS_BETWEEN_SAMPLES = 0.5


@dataclass(frozen=True)
class Measurement:
    """Time, memory and output of a process.

    Attributes
    ----------
    seconds : float
        From its start to its end, interpreter and imports included.
    peak_mib : float
        Largest resident memory of the process or of one of its children, or of all of them together if that
        was more; memory that they share counts once.
    output : str
        What it printed.
    """

    seconds: float
    peak_mib: float
    output: str


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measurement:
    """Run a command to its end and measure it.

    Raises
    ------
    RuntimeError
        If the command fails; the message holds its output.
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
    return Measurement(seconds, max(usage.ru_maxrss, memory.peak_kib) / 1024, output)


class _Memory(threading.Thread):
    """Measures from time to time how much memory a process and its children have together."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.ended = threading.Event()
        self.peak_kib = 0

    def run(self) -> None:
        while not self.ended.wait(_SECONDS_BETWEEN_SAMPLES):
            together = sum(_read_proportional_kib(process) for process in _list_with_children(self._process))
            self.peak_kib = max(self.peak_kib, together)


def _list_with_children(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = task.read_text(encoding="ascii").split()
        except OSError:  # it has ended
            continue
        for child in children:
            yield from _list_with_children(int(child))


def _read_proportional_kib(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)

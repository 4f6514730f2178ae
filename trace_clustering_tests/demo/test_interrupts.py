"""Ctrl-C ends a process at once, whatever it does, and leaves no traceback of its children."""

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

# Each of them would swallow an interrupt, or not look at it.
SLEEPS_AND_CATCHES = """
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""
DAGSTER_HOLDS_INTERRUPTS_BACK = """
from dagster._utils.interrupts import capture_interrupts
with capture_interrupts():
    print("ready", flush=True)
    time.sleep(60)
"""
NATIVE_CODE = "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"

PROGRAM = """
import hashlib, subprocess, sys, time
from trace_clustering.explore.interrupts import end_on_interrupt
with end_on_interrupt(lambda: print("goodbye", flush=True)):
    sleeper = "import time; print('child', flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", sleeper])
    print(child.pid, flush=True)
"""


def indent(program: str) -> str:
    return "".join(f"    {line}\n" for line in program.strip().splitlines())


@pytest.mark.parametrize(
    "work",
    [SLEEPS_AND_CATCHES, DAGSTER_HOLDS_INTERRUPTS_BACK, NATIVE_CODE],
    ids=["caught", "held back", "native"],
)
def test_one_interrupt_ends_the_process_at_once(work: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + indent(work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group of its own, as a terminal gives to a command
    )
    assert process.stdout
    assert process.stderr
    child = int(process.stdout.readline())
    assert process.stdout.readline() == "child\n"
    if work is DAGSTER_HOLDS_INTERRUPTS_BACK:
        assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 130
    os.kill(child, signal.SIGTERM)  # it had no part in the interrupt
    assert process.stdout.read() == "goodbye\n"
    assert process.stderr.read() == ""


def test_after_the_block_an_interrupt_is_what_it_was() -> None:
    program = (
        "import os, signal\n"
        "from trace_clustering.explore.interrupts import end_on_interrupt\n"
        "with end_on_interrupt(lambda: print('goodbye')):\n"
        "    print('done')\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    signal.pause()\n"
        "except KeyboardInterrupt:\n"
        "    print('as before')\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (result.returncode, result.stdout, result.stderr) == (0, "done\nas before\n", "")

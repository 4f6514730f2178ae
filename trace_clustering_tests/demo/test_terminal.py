"""The demo on a real terminal: its progress can be read at any width, and Ctrl-C ends it at once."""

import os
import re
import sys
from pathlib import Path

import dagster as dg
import pytest

from trace_clustering.demo.run import DEMO_NIGHTS
from trace_clustering_tests.demo.terminal import run_on_terminal

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("trace-clustering")
FINISHED = re.compile(r"✓ \w+ \[\d+\.\d s\]")
FOUND = re.compile(r"  Found 2\d clusters by hdbscan; \d+ of 726 traces are noise")
GOODBYE = "Interrupted: nothing of it runs on; the same command goes on from here."


@pytest.mark.parametrize(
    ("columns", "phase", "finished"),
    [
        (80, "Starting Dagster", 0),
        (120, "Storing the vectors", 0),
        (200, "Starting the run", 0),
        (80, "Reducing 726 embeddings", 1),
        (200, "✓ projection_2d", 4),
    ],
)
def test_one_interrupt_ends_it_at_once_and_what_came_before_can_be_read(
    tmp_path: Path, columns: int, phase: str, finished: int
) -> None:
    environment = os.environ | {"DAGSTER_HOME": str(tmp_path), "TERM": "xterm-256color"}
    environment.pop("COLUMNS", None)  # it would win over the width of the terminal
    screen = run_on_terminal([COMMAND, "demo"], columns, environment, interrupt_at=phase)
    text = "\n".join(screen.lines)
    assert screen.exit_code == 130, text
    assert text.count(GOODBYE) == 1
    assert "Traceback" not in text
    assert screen.is_cursor_shown
    ticks = [line for line in screen.lines if "✓" in line]
    assert all(FINISHED.fullmatch(line) for line in ticks), ticks
    assert len(ticks) in (finished, finished + 1)
    if finished:
        messages = [line for line in screen.lines if line.startswith("  ")]
        assert not re.search(r"[{}\[]|None", "\n".join(messages))
        assert "  Reducing 726 embeddings of 384 dimensions by umap" in messages
        # How many depends on the nights before, whose topics take part.
        found = [line for line in messages if FOUND.fullmatch(line)]
        assert len(found) == (finished > 2)
        with dg.DagsterInstance.get() as instance:
            last, *nights_before = [run.status for run in instance.get_runs()]
            assert last == dg.DagsterRunStatus.CANCELED
            assert nights_before == [dg.DagsterRunStatus.SUCCESS] * (len(DEMO_NIGHTS) - 1)

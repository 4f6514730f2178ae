"""The command as a test types it."""

import os
import subprocess
import sys
from pathlib import Path

from trace_clustering.clickhouse.resource import ClickHouse

COMMAND = Path(sys.executable).with_name("trace-clustering")
RED = "\x1b[31m"  # makes a terminal print in red


def run(*arguments: object, **environment: object) -> subprocess.CompletedProcess[str]:
    """Run the command in the environment of this test, with some variables added."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=os.environ["DAGSTER_HOME"],
        env=os.environ | {name: str(value) for name, value in environment.items()},
    )


def output(*arguments: object, **environment: object) -> str:
    """Return what a command prints that succeeds."""
    result = run(*arguments, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refusal(*arguments: object, code: int = 1, **environment: object) -> str:
    """Return the error message of a command that fails without a traceback."""
    result = run(*arguments, **environment)
    assert result.returncode == code, result.stdout
    assert result.stdout == ""
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def engine(home: str | Path) -> ClickHouse:
    """Return the embedded engine that a command with this home uses by default."""
    return ClickHouse(dsn=f"chdb://{home}/trace_clustering_data/clickhouse")

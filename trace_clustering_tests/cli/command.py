"""The command as a test types it."""

import os
import subprocess
import sys
from pathlib import Path

from trace_clustering.clickhouse.resource import ClickHouse

COMMAND = Path(sys.executable).with_name("trace-clustering")
RED = "\x1b[31m"  # makes a terminal print in red


def run(*arguments: object, **environment: object) -> subprocess.CompletedProcess[str]:
    """Run the command with the environment of this test, and some variables more."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=os.environ["DAGSTER_HOME"],
        env=os.environ | {name: str(value) for name, value in environment.items()},
    )


def output(*arguments: object, **environment: object) -> str:
    """Return what a command that ends well prints."""
    result = run(*arguments, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refusal(*arguments: object, code: int = 1, **environment: object) -> str:
    """Return what a command says that fails in an orderly way."""
    result = run(*arguments, **environment)
    assert result.returncode == code, result.stdout
    assert result.stdout == ""
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def engine(home: str | Path) -> ClickHouse:
    """The embedded engine that a command with that home uses by default."""
    return ClickHouse(dsn=f"chdb://{home}/trace_clustering_data/clickhouse")

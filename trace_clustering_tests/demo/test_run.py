"""The demo, as a user runs it, and the command line of Dagster on what it leaves behind."""

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from trace_clustering.artifacts.parquet import from_parquet
from trace_clustering.environment import EXECUTOR
from trace_clustering_tests.artifacts.every_kind import write
from trace_clustering_tests.examples import ASSETS

pytestmark = pytest.mark.slow

TOOLS = Path(sys.executable).parent


def run(home: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: v for name, v in os.environ.items() if not name.startswith("TRACE_CLUSTERING")}
    return subprocess.run(
        [TOOLS / command[0], *command[1:]],
        cwd=home,
        env={**environment, "DAGSTER_HOME": str(home), **variables},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def demo(home: Path) -> subprocess.CompletedProcess[str]:
    return run(home, "trace-clustering", "demo")


def test_it_shows_progress_and_ends_with_the_clusters(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stderr
    lines = demo.stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("✓")][-1] == "emitted_cluster_event"
    assert {line.split()[1] for line in lines if line.startswith("✓")} == set(ASSETS)
    assert "Clustered 691 traces of the window that ends with 2025-01-08" in demo.stdout
    assert "Clustered 691 traces of the window that ends with 2025-01-15" in demo.stdout
    assert "112495_trace_20250123_000000: 726 traces" in demo.stdout
    assert "726  of them in the window that ends with 2025-01-22 taken, all" in demo.stdout
    assert "Outliers" in demo.stdout
    assert "Where to look next" in demo.stdout
    assert "Traceback" not in demo.stdout + demo.stderr


def artifacts(home: Path) -> dict[Path, bytes]:
    """Return the artifacts to the byte, apart from the id of the run that stored them."""
    paths = (home / "trace_clustering_data" / "artifacts").glob("*/2025-01-22/112495.parquet")
    return {path: write_without_run(path) for path in paths if path.parts[-3] in ASSETS[:-1]}


def write_without_run(path: Path) -> bytes:
    artifact = from_parquet(io.BytesIO(path.read_bytes()))
    assert artifact.provenance.dagster_run_id
    provenance = dataclasses.replace(artifact.provenance, dagster_run_id="run")
    return write(dataclasses.replace(artifact, provenance=provenance))


@pytest.mark.usefixtures("demo")
def test_the_command_line_of_dagster_makes_the_same_again_to_the_byte(home: Path) -> None:
    files = artifacts(home)
    before = run(home, "trace-clustering", "show", "--team-id", "112495", "--json").stdout
    again = run(
        home,
        *("dagster", "asset", "materialize", "-m", "trace_clustering.definitions"),
        *("--select", "*", "--partition", "2025-01-22|112495"),
        *("--config-json", json.dumps({"resources": {"llm": {"config": {"labeler": "keywords"}}}})),
        **{EXECUTOR: "multiprocess"},  # the demo had one process for all steps
    )
    assert again.returncode == 0, again.stderr[-3000:]
    assert "Multiprocess executor" in again.stderr
    assert "unchanged" in again.stderr
    assert run(home, "trace-clustering", "show", "--team-id", "112495", "--json").stdout == before
    assert len(files) == len(ASSETS) - 1
    assert artifacts(home) == files


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("asset", ASSETS)
def test_the_artifacts_open_in_pandas_and_duckdb(home: Path, asset: str) -> None:
    path = home / "trace_clustering_data" / "artifacts" / asset / "2025-01-22" / "112495.parquet"
    rows = len(pd.read_parquet(path))
    assert rows == duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall()[0][0]
    assert rows > 0

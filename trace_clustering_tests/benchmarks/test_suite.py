"""The suite measures processes correctly, and its command prints and saves a table."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import adjusted_rand_score

from trace_clustering_tests.benchmarks import our_recipe, plain_recipe
from trace_clustering_tests.benchmarks.__main__ import main
from trace_clustering_tests.benchmarks.processes import run
from trace_clustering_tests.examples import themed_vectors


@pytest.mark.parametrize("recipe", [plain_recipe, our_recipe])
def test_both_sides_find_the_groups_that_are_there(recipe: object) -> None:
    vectors = themed_vectors(outliers=0)
    labels = recipe.cluster(vectors, seed=42)
    assert adjusted_rand_score(np.repeat([0, 1, 2], 30), labels) == 1


def test_a_process_is_measured_from_outside() -> None:
    measured = run([sys.executable, "-c", "x = b'1' * 300_000_000; print(len(x))"])
    assert measured.output == "300000000\n"
    assert measured.peak_mib > 250
    assert measured.seconds > 0


def test_memory_is_that_of_a_process_and_those_it_started_together() -> None:
    code = "import time; x = b'1' * 200_000_000; time.sleep(1.5)"
    started = "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[1]])"
    measured = run([sys.executable, "-c", f"{started}; {code}; child.wait()", code])
    assert measured.peak_mib > 380


def test_a_process_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="failed with 3:\nno luck"):
        run([sys.executable, "-c", "print('no luck', flush=True); raise SystemExit(3)"])


@pytest.mark.slow
def test_the_command_prints_a_table_and_saves_the_figures(tmp_path: Path) -> None:
    saved = tmp_path / "figures.json"
    result = CliRunner().invoke(main, ["imports", "--runs", "1", "--save", str(saved)])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(saved.read_text())["rows"]
    assert row["plain"] > 0
    assert row["ratio"] == pytest.approx(row["ours"] / row["plain"])
    assert f"| code location | import | {row['plain']:.3g} s | {row['ours']:.3g} s |" in result.output

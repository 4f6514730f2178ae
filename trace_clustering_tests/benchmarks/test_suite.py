"""The suite measures processes correctly, and its command prints and saves a table."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import adjusted_rand_score

from trace_clustering_tests.benchmarks import our_recipe, plain_recipe, recurrence
from trace_clustering_tests.benchmarks.__main__ import main
from trace_clustering_tests.benchmarks.fuzzing import check_bytes
from trace_clustering_tests.benchmarks.processes import run
from trace_clustering_tests.benchmarks.reading import MAX_PEAK_MIB, reading
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


def test_clusters_are_looked_for_in_runs_on_the_same_traces_and_on_subsets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recurrence, "find_clusters", lambda data, _: (None, _find_halves_or_all(data)))
    fates = recurrence.trace_fates(np.arange(100.0)[:, None], seed=42)
    np.testing.assert_allclose(fates.scores, [0.9, 0.9])
    np.testing.assert_allclose(fates.same_traces, [1, 1])
    # A subset has one cluster of about 80 traces, of which each half is about one half.
    np.testing.assert_allclose(fates.other_traces.sum(), 1)


def test_a_band_holds_its_lower_bound_and_tells_who_came_back() -> None:
    scores = np.array([0.9, 0.8, 0.65, 0.1])
    fates = recurrence.Fates(scores, np.array([1, 0.9, 0.7, 0.6]), np.array([0.9, 0.7, 0.81, 0.2]))
    *bands, correlations = recurrence.tabulate(fates)
    assert [band.clusters for band in bands] == [2, 1, 0, 1]
    assert bands[0].format_cells() == ("from 80 %", "2", ".95", ".80", "50 %")
    assert bands[2].format_cells() == ("50 to 65 %", "0", "", "", "")
    assert correlations.same_traces == pytest.approx(1)
    assert correlations.other_traces == pytest.approx(0.8)


def test_recurrence_has_a_table_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made_up = [("made up", themed_vectors())]
    monkeypatch.setattr(recurrence, "load_data_sets", lambda: iter(made_up))
    saved = tmp_path / "figures.json"
    result = CliRunner().invoke(main, ["recurrence", "--save", str(saved)])
    assert result.exit_code == 0, result.output
    *bands, correlations = json.loads(saved.read_text())["rows"]
    assert sum(band["clusters"] for band in bands) == correlations["clusters"] >= 2 * 3
    assert "| stability | clusters | other seeds, same traces |" in result.output
    assert f"| from 80 % | {bands[0]['clusters']} | 1.00 |" in result.output


def test_large_files_are_written_read_and_measured(tmp_path: Path) -> None:
    rows = list(reading(1, tmp_path, size_bytes=1_000_000))
    assert [row.work for row in rows] == [
        "JSON Lines of chats",
        "one JSON array of chats",
        "one object of OTLP",
    ]
    for row in rows:
        assert row.traces > 20
        assert row.seconds > 0
        assert 0 < row.peak_mib < MAX_PEAK_MIB
        assert len(row.format_cells()) == len(row.COLUMNS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_memory_stays_flat_on_files_that_are_larger_than_a_record_may_be(tmp_path: Path) -> None:
    rows = list(reading(1, tmp_path, size_bytes=120_000_000))
    assert all(row.traces > 4_000 for row in rows)
    assert max(row.peak_mib for row in rows) < MAX_PEAK_MIB


@pytest.mark.parametrize("kind", range(5))
def test_the_fuzzer_reads_any_bytes(kind: int) -> None:
    for content in (b"", b"{}", b'{"messages": [{"role": "user", "content": 7}]}', b"\x1f\x8b", b"a,b\n1"):
        check_bytes(bytes([kind]) + content)


def _find_halves_or_all(vectors: np.ndarray) -> SimpleNamespace:
    """Find the halves of 100 vectors, and a single cluster in fewer."""
    labels = (vectors[:, 0] >= 50).astype(int) if len(vectors) == 100 else np.zeros(len(vectors), dtype=int)
    return SimpleNamespace(cluster_ids=labels, stabilities=np.full(2, 0.9))

"""What is measured: most cases compare the plain recipe and ours, in turns, in one go."""

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from trace_clustering_tests.benchmarks import vectors
from trace_clustering_tests.benchmarks.assignment import assignment
from trace_clustering_tests.benchmarks.fuzzing import fuzzing
from trace_clustering_tests.benchmarks.intervals import intervals
from trace_clustering_tests.benchmarks.levels import levels
from trace_clustering_tests.benchmarks.processes import Measurement, run
from trace_clustering_tests.benchmarks.reading import reading
from trace_clustering_tests.benchmarks.recurrence import recurrence
from trace_clustering_tests.benchmarks.stream_case import stream
from trace_clustering_tests.benchmarks.stream_trends import stream_trends

PLAIN, OURS = "plain_recipe", "our_recipe"


class Line(Protocol):
    """What a case yields: one line of a printed table, whose figures are saved."""

    COLUMNS: ClassVar[tuple[str, ...]]

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says."""

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""


@dataclass(frozen=True)
class Row:
    """One line of the comparison; `bar` is what the ratio (or, for quality, ours) has to keep to."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("work", "measure", "plain", "ours", "ratio", "bar")

    work: str
    measure: str
    plain: float
    ours: float
    unit: str
    bar: str = ""

    @property
    def ratio(self) -> float:
        """Our figure divided by that of the plain recipe."""
        return self.ours / self.plain if self.plain else float("nan")

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        plain, ours = (f"{value:.3g} {self.unit}" for value in (self.plain, self.ours))
        return self.work, self.measure, plain, ours, f"{self.ratio:.2f}", self.bar

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""
        return {**asdict(self), "ratio": self.ratio}


def small(runs: int, folder: Path) -> Iterator[Row]:
    """1,000 x 3,072: fresh process, compiled, memory."""
    yield from _compare_computation(1_000, runs, folder, bars=("<= 0.25", "<= 1.0"))


def large(runs: int, folder: Path) -> Iterator[Row]:
    """20,000 x 3,072: fresh process, memory."""
    yield from _compare_computation(20_000, runs, folder, bars=("<= 0.35", ""))


def growth(runs: int, folder: Path) -> Iterator[Row]:
    """10,000 to 40,000 x 3,072, ours alone: how much a doubling costs."""
    seconds = {}
    for n in (10_000, 20_000, 40_000):
        np.save(folder / "vectors.npy", vectors.make_groups(n, 3_072))
        seconds[n] = _median_seconds([_run_side(OURS, folder, 42, 1) for _ in range(runs)])
    for n in (10_000, 20_000):
        yield Row(f"{n:,} to {2 * n:,} x 3,072", "fresh process", seconds[n], seconds[2 * n], "s", "<= 2.3")


def materialize(runs: int, folder: Path) -> Iterator[Row]:
    """1,000 x 3,072 from ClickHouse to the event, as a user types it, against plain compute alone."""
    yield _compare_materialization(1_000, runs, folder, bar="<= 0.42")


def materialize_large(runs: int, folder: Path) -> Iterator[Row]:
    """20,000 x 3,072 from ClickHouse to the event, as a user types it, against plain compute alone."""
    yield _compare_materialization(20_000, runs, folder, bar="<= 0.31")


def huge(runs: int, folder: Path) -> Iterator[Row]:
    """100,000 x 3,072 from ClickHouse to the event, through Dagster, ours alone; loading is not timed."""
    environment = _make_loaded_home(folder, vectors.make_groups(100_000, 3_072))
    measured = [run(_build_materialize_command(max_samples=100_000), environment) for _ in range(runs)]
    minutes, gib = _median_seconds(measured) / 60, statistics.median(m.peak_mib for m in measured) / 1024
    yield Row("100,000 x 3,072", "dagster asset materialize", float("nan"), minutes, "min", "<= 12 min")
    yield Row("100,000 x 3,072", "peak memory", float("nan"), gib, "GiB", "<= 10 GiB")


def imports(runs: int, folder: Path) -> Iterator[Row]:
    """Loading the code location in a fresh process, against Dagster alone."""
    environment = {"DAGSTER_HOME": str(folder)}

    def time_import(module: str) -> float:
        timed = f"import time; started = time.perf_counter(); import {module}"
        code = f"{timed}; print(time.perf_counter() - started)"
        return float(run([sys.executable, "-c", code], environment).output)

    pairs = [(time_import("dagster"), time_import("trace_clustering.definitions")) for _ in range(runs)]
    plain, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    yield Row("code location", "import", plain, ours, "s", "<= 1.0 x plain + 0.3 s")


def stability(runs: int, folder: Path) -> Iterator[Row]:
    """Six runs with shuffled rows and other seeds: do they agree with each other, and with the truth?"""
    del runs
    for name, size, bar in (
        ("clinc35_1000", None, ">= 0.97"),
        ("banking77_3080", None, ">= 0.90"),
        ("clinc150_23700", 1_000, ">= 0.85"),
    ):
        data, truth = vectors.load_labelled_set(name)
        samples = 1 if size is None else 3
        agreement: dict[str, list[float]] = {PLAIN: [], OURS: []}
        quality: dict[str, list[float]] = {PLAIN: [], OURS: []}
        for sample in range(samples):
            rows = np.arange(len(data))
            if size is not None:
                rows = np.random.default_rng(sample).choice(len(data), size, replace=False)
            for recipe in (PLAIN, OURS):
                agree, right = _measure_agreement(recipe, data[rows], truth[rows], folder)
                agreement[recipe].append(agree)
                quality[recipe].append(right)
        work = name if size is None else f"{samples} samples of {size:,} of {name}"
        means = {recipe: statistics.mean(values) for recipe, values in agreement.items()}
        yield Row(work, "agreement of 6 runs", means[PLAIN], means[OURS], "ARI", bar)
        means = {recipe: statistics.mean(values) for recipe, values in quality.items()}
        yield Row(work, "agreement with the truth", means[PLAIN], means[OURS], "ARI", ">= plain")


CASES: dict[str, Callable[[int, Path], Iterator[Line]]] = {
    case.__name__: case
    for case in (
        *(small, materialize, imports, stability, recurrence, reading, fuzzing),
        *(stream, stream_trends, levels, intervals),
        *(large, materialize_large, growth, huge, assignment),
    )
}


def _compare_computation(n: int, runs: int, folder: Path, bars: tuple[str, str]) -> Iterator[Row]:
    np.save(folder / "vectors.npy", vectors.make_groups(n, 3_072))
    work = f"{n:,} x 3,072"
    _run_side(OURS, folder, 42, 1)  # fills the cache on disk
    plain, ours = _measure_in_turns(
        runs, lambda: _run_side(PLAIN, folder, 42, 1), lambda: _run_side(OURS, folder, 42, 1)
    )
    yield Row(
        work, "fresh process, cache on disk", _median_seconds(plain), _median_seconds(ours), "s", bars[0]
    )
    peaks = [statistics.median(m.peak_mib for m in side) for side in (plain, ours)]
    yield Row(work, "peak memory", *peaks, "MiB")
    if bars[1]:
        plain, ours = _measure_in_turns(
            runs, lambda: _run_side(PLAIN, folder, 42, 2), lambda: _run_side(OURS, folder, 42, 2)
        )
        second = [statistics.median(json.loads(m.output)[1] for m in side) for side in (plain, ours)]
        yield Row(work, "already compiled", *second, "s", bars[1])


def _compare_materialization(n: int, runs: int, folder: Path, bar: str) -> Row:
    data = vectors.make_groups(n, 3_072)
    np.save(folder / "vectors.npy", data)
    environment = _make_loaded_home(folder, data)
    plain, ours = _measure_in_turns(
        runs,
        lambda: _run_side(PLAIN, folder, 42, 1),
        lambda: run(_build_materialize_command(max_samples=n), environment),
    )
    seconds = _median_seconds(plain), _median_seconds(ours)
    return Row(f"{n:,} x 3,072", "dagster asset materialize", *seconds, "s", bar)


def _build_materialize_command(max_samples: int) -> list[str]:
    settings = {"resources": {"settings": {"config": {"max_samples": max_samples}}}}
    return [
        *(str(Path(sys.executable).with_name("dagster")), "asset", "materialize"),
        *("-m", "trace_clustering.definitions", "--select", "*", "--partition", "2025-01-22|1"),
        *("--config-json", json.dumps(settings)),
    ]


def _measure_agreement(recipe: str, data: np.ndarray, truth: np.ndarray, folder: Path) -> tuple[float, float]:
    """Return the mean adjusted Rand index of pairs of runs, and of runs and truth."""
    from sklearn.metrics import adjusted_rand_score

    found = []
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(data))
        np.save(folder / "vectors.npy", data[order])
        _run_side(recipe, folder, seed, 1)
        labels = np.empty(len(data), dtype=np.int64)
        labels[order] = np.load(folder / "labels.npy")
        found.append(labels)
    agree = statistics.mean(adjusted_rand_score(a, b) for a, b in combinations(found, 2))
    return agree, statistics.mean(adjusted_rand_score(truth, labels) for labels in found)


def _run_side(recipe: str, folder: Path, seed: int, repeats: int) -> Measurement:
    module = "trace_clustering_tests.benchmarks.side"
    files = str(folder / "vectors.npy"), str(folder / "labels.npy")
    return run([sys.executable, "-m", module, recipe, files[0], str(seed), str(repeats), files[1]])


def _measure_in_turns(
    runs: int, plain: Callable[[], Measurement], ours: Callable[[], Measurement]
) -> tuple[list[Measurement], list[Measurement]]:
    """Measure both sides alternately, so that other work of the machine slows both."""
    pairs = [(plain(), ours()) for _ in range(runs)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _median_seconds(measured: list[Measurement]) -> float:
    return statistics.median(m.seconds for m in measured)


def _make_loaded_home(folder: Path, data: np.ndarray) -> dict[str, str]:
    """Return the environment of a home whose ClickHouse holds the vectors as traces of team 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    home = Path(tempfile.mkdtemp(dir=folder))
    n, d = data.shape
    table = pa.table(
        {
            "trace_id": [f"trace-{number:06d}" for number in range(n)],
            "timestamp": pa.array(
                [1_737_331_200_000 + number for number in range(n)], pa.timestamp("ms", "UTC")
            ),
            "title": [f"Question {number}" for number in range(n)],
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(data.reshape(-1)), d),
        }
    )
    pq.write_table(table, home / "traces.parquet")
    environment = {"DAGSTER_HOME": str(home)}
    command = str(Path(sys.executable).with_name("trace-clustering"))
    run([command, "load", str(home / "traces.parquet"), "--team-id", "1"], environment)
    return {**environment, "PATH": os.environ["PATH"]}

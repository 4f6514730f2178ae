"""What a cluster's stability is worth: how much of the cluster comes back when everything is run again."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import click
import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from trace_clustering.algorithms.quality.stability import measure_recurrence
from trace_clustering_tests.benchmarks import vectors
from trace_clustering_tests.benchmarks.our_recipe import find_clusters

LABELLED_SETS = ("tau_airline_200", "banking77_3080", "clinc35_1000")
# Not the samples 0 to 2, which the case `stability` shows to whoever tunes the clustering.
SAMPLES = range(10, 18)
SAMPLE_SIZE = 1_000

BASE_SEEDS = (42, 43)
N_OTHER_SEEDS = 2
N_SUBSETS = 3
SHARE_OF_SUBSET = 0.8

# A cluster came back if it has more than this in common with the most similar one of the other run.
MIN_JACCARD_TO_COME_BACK = 0.8
# Each band reaches up to the one before it.
BANDS = (("from 80 %", 0.8), ("65 to 80 %", 0.65), ("50 to 65 %", 0.5), ("below 50 %", 0.0))


@dataclass(frozen=True, eq=False)
class Fates:
    """What became of k clusters in other runs.

    Attributes
    ----------
    scores : float64 array, shape (k,)
        Their `stabilities`.
    same_traces : float64 array, shape (k,)
        Jaccard index with the most similar cluster of runs on the same traces with other seeds, the mean.
    other_traces : float64 array, shape (k,)
        The same for runs on random 80 % of the traces; both clusters count without the traces left out.
    """

    scores: NDArray[np.float64]
    same_traces: NDArray[np.float64]
    other_traces: NDArray[np.float64]

    @classmethod
    def concatenate(cls, fates: list["Fates"]) -> "Fates":
        """Return the clusters of several runs as if they were of one."""
        return cls(
            np.concatenate([each.scores for each in fates]),
            np.concatenate([each.same_traces for each in fates]),
            np.concatenate([each.other_traces for each in fates]),
        )

    def select(self, chosen: NDArray[np.bool_]) -> "Fates":
        """Return the chosen clusters."""
        return Fates(self.scores[chosen], self.same_traces[chosen], self.other_traces[chosen])


@dataclass(frozen=True)
class Band:
    """One line of the table: means over the clusters whose score is in the band.

    The last line has rank correlations with the score in place of means. What cannot be told, for want of
    clusters, is None.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "stability",
        "clusters",
        "other seeds, same traces",
        "other random 80 % of the traces",
        "of which above .8",
    )

    stability: str
    clusters: int
    same_traces: float | None
    other_traces: float | None
    share_that_came_back: float | None

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        share = "" if self.share_that_came_back is None else f"{self.share_that_came_back:.0%}"
        means = _format_index(self.same_traces), _format_index(self.other_traces)
        return (self.stability, str(self.clusters), *means, share.replace("%", " %"))

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""
        return vars(self)


def recurrence(runs: int, folder: Path) -> Iterator[Band]:
    """Bands of stability, ours alone: how much of their clusters do other seeds and other traces find again?

    Clusters of all data sets and base seeds count alike. Those of two base seeds on the same traces are
    largely the same, so the table rests on fewer groups than it counts.
    """
    del runs, folder
    fates = []
    for name, data in load_data_sets():
        for seed in BASE_SEEDS:
            found = trace_fates(data, seed)
            fates.append(found)
            # The case takes many minutes, and its table comes last.
            click.echo(f"{name}, {len(data):,} traces, seed {seed}: {len(found.scores)} clusters", err=True)
    yield from tabulate(Fates.concatenate(fates))


def load_data_sets() -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Read the demo, the labelled sets and samples of the largest, one after the other."""
    yield "demo", vectors.demo()
    for name in LABELLED_SETS:
        yield name, vectors.real(name)[0]
    everything, _ = vectors.real("clinc150_23700")
    for sample in SAMPLES:
        rows = np.random.default_rng(sample).choice(len(everything), SAMPLE_SIZE, replace=False)
        yield f"sample {sample} of clinc150_23700", everything[rows]


def trace_fates(data: NDArray[np.float32], seed: int) -> Fates:
    """Cluster vectors, shape (n, d), then do so with other seeds, and with other seeds on other subsets.

    Seeds of the other runs count from 100 times the seed, so that two base seeds share none of them.
    """
    n = len(data)
    _, base = find_clusters(data, seed)
    first = 100 * seed
    same_traces = []
    for other in range(first, first + N_OTHER_SEEDS):
        same_traces.append((np.arange(n), find_clusters(data, other)[1].cluster_ids))
    other_traces = []
    for other in range(first + N_OTHER_SEEDS, first + N_OTHER_SEEDS + N_SUBSETS):
        drawn = np.random.default_rng(other).permutation(n)[: round(SHARE_OF_SUBSET * n)]
        rows = np.sort(drawn)
        other_traces.append((rows, find_clusters(data[rows], other)[1].cluster_ids))
    return Fates(
        base.stabilities.astype(np.float64),
        measure_recurrence(same_traces, base.cluster_ids),
        measure_recurrence(other_traces, base.cluster_ids),
    )


def tabulate(fates: Fates) -> Iterator[Band]:
    """Return a line for each band, and one with the rank correlations of the score with both means."""
    upper = np.inf
    for name, lower in BANDS:
        band = fates.select((fates.scores >= lower) & (fates.scores < upper))
        came_back = band.other_traces > MIN_JACCARD_TO_COME_BACK
        means = _mean(band.same_traces), _mean(band.other_traces), _mean(came_back)
        yield Band(name, len(band.scores), *means)
        upper = lower
    correlations = (
        _rank_correlation(fates.scores, fates.same_traces),
        _rank_correlation(fates.scores, fates.other_traces),
    )
    yield Band("rank correlation with it", len(fates.scores), *correlations, None)


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _rank_correlation(scores: NDArray[np.float64], means: NDArray[np.float64]) -> float | None:
    """Return Spearman's rank correlation; None if there is nothing to rank."""
    if len(np.unique(scores)) < 2 or len(np.unique(means)) < 2:
        return None
    return float(spearmanr(scores, means).statistic)


def _format_index(value: float | None) -> str:
    """Return two digits, as the README writes what is from 0 to 1."""
    return "" if value is None else f"{value:.2f}".replace("0.", ".", 1)

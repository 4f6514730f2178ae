"""How fast ClickHouse assigns the traces of a window, and how well that agrees with clustering them all."""

import dataclasses
import json
import resource
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.embedding_centroids import calculate_embedding_centroids
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering_tests.benchmarks import vectors
from trace_clustering_tests.benchmarks.our_recipe import find_clusters
from trace_clustering_tests.benchmarks.processes import run

SIZES = ((1_000_000, 384), (200_000, 3_072))
N_CLUSTERS = 40
N_TRACES = 20_000
SAMPLE_SIZES = (1_000, 5_000)
MIN_SHARE_OF_AGREEMENT = 0.9

# The groups of `make_centroids`, with noise that is another for every number of every trace.
_MAKE_VECTORS = """
INSERT INTO {{embeddings:Identifier}}
    (team_id, product, document_type, model_name, rendering, document_id, timestamp, inserted_at, embedding)
SELECT 1, 'llm-analytics', 'llm-trace-summary-detailed', 'm', 'batch-1', toString(generateUUIDv4(number)),
    toDateTime64('2025-01-16 00:00:00', 3, 'UTC') + number % 604800, now64(3),
    arrayMap(i -> toFloat32(sin((number % {k} + 1) * 12.9898 * (i + 1))
        + (cityHash64(number, i) % 1000) / 500. - 1), range({d}))
FROM numbers({n})
"""


@dataclass(frozen=True)
class AssignmentRow:
    """One line of the table of speed; `cpu_seconds` does not depend on what else the machine does."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("traces", "dimensions", "clusters", "seconds", "traces/s", "CPU seconds", "traces per CPU second"),
        "peak memory",
    )

    traces: int
    dimensions: int
    clusters: int
    seconds: float
    cpu_seconds: float
    peak_mib: float

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        rates = [
            cell for s in (self.seconds, self.cpu_seconds) for cell in (f"{s:.1f}", f"{self.traces / s:,.0f}")
        ]
        return (
            f"{self.traces:,}",
            f"{self.dimensions:,}",
            str(self.clusters),
            *rates,
            f"{self.peak_mib:,.0f} MiB",
        )

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""
        return asdict(self)


@dataclass(frozen=True)
class AgreementRow:
    """One line of the table of agreement, in adjusted Rand indices; outliers count as one group.

    Attributes
    ----------
    work : str
    sampled : float
        On the sampled traces alone: the clustering of the sample and that of all.
    assigned : float
        On all traces: those that were assigned and the clustering of all.
    of_two : float
        Two clusterings of all.
    belong : float
        Share of the traces beyond the sample that belong to a cluster.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("sample", "sample and all, on the sample", "assigned and all", "two clusterings of all"),
        *("share", "bar", "beyond the sample in a cluster"),
    )

    work: str
    sampled: float
    assigned: float
    of_two: float
    belong: float

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        figures = (f"{value:.2f}" for value in (self.sampled, self.assigned, self.of_two))
        share = f"{self.assigned / self.of_two:.2f}"
        return (self.work, *figures, share, f">= {MIN_SHARE_OF_AGREEMENT}", f"{self.belong:.2f}")

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""
        return asdict(self)


def assignment(runs: int, folder: Path) -> Iterator[AssignmentRow | AgreementRow]:
    """Traces assigned by the embedded engine, and their agreement with a clustering of them all."""
    for n, d in SIZES:
        yield measure_speed(n, d, runs, folder)
    everything, truth = vectors.load_labelled_set("clinc150_23700")
    drawn = np.sort(np.random.default_rng(0).permutation(len(everything))[:N_TRACES])
    yield from measure_agreement(f"of {N_TRACES:,}", everything[drawn], SAMPLE_SIZES)
    intents = np.random.default_rng(0).choice(sorted(set(truth) - {"oos"}), 35, replace=False)
    few = everything[np.isin(truth, intents)]
    yield from measure_agreement(f"of {len(few):,} of 35 intents", few, SAMPLE_SIZES[:1])


def measure_speed(n: int, d: int, runs: int, folder: Path) -> AssignmentRow:
    """Measure fresh processes that assign made-up traces in the embedded engine."""
    place = folder / f"clickhouse_{n}_{d}"
    module = [sys.executable, "-m", "trace_clustering_tests.benchmarks.assignment", str(place)]
    run([*module, "make", str(n), str(d)])
    measured = [run([*module, "assign", str(n), str(d)]) for _ in range(runs)]
    outputs = [json.loads(m.output) for m in measured]
    if any(output["by_cluster"] != [n // N_CLUSTERS] * N_CLUSTERS for output in outputs):
        raise RuntimeError(f"every cluster has {n // N_CLUSTERS} traces; assigned were {outputs}")
    seconds, cpu_seconds = (
        statistics.median(o[name] for o in outputs) for name in ("seconds", "cpu_seconds")
    )
    peak_mib = statistics.median(m.peak_mib for m in measured)
    return AssignmentRow(n, d, N_CLUSTERS, seconds, cpu_seconds, peak_mib)


def measure_agreement(
    name: str, data: NDArray[np.float32], sample_sizes: Sequence[int]
) -> Iterator[AgreementRow]:
    """Cluster everything twice and samples once, and compare; `data` has shape (n, d)."""
    from sklearn.metrics import adjusted_rand_score

    one, other = (find_clusters(data, seed)[1].cluster_ids for seed in (42, 43))
    of_two = adjusted_rand_score(one, other)
    for size in sample_sizes:
        rows = np.sort(np.random.default_rng(1).permutation(len(data))[:size])
        labels = find_clusters(data[rows], 42)[1].cluster_ids
        assigned = assign_like_clickhouse(data, *calculate_embedding_centroids(data[rows], labels))
        beyond = np.delete(assigned, rows)
        assigned[rows] = labels
        yield AgreementRow(
            f"{size:,} {name}",
            adjusted_rand_score(one[rows], labels),
            adjusted_rand_score(one, assigned),
            of_two,
            float((beyond != NOISE_CLUSTER_ID).mean()),
        )


def assign_like_clickhouse(
    data: NDArray[np.float32], centroids: NDArray[np.float32], radii: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the cluster of each vector, shape (n,), by the rule of `window_assignments.py`."""
    similarities = data @ centroids.T / np.linalg.norm(data, axis=1, keepdims=True)
    nearest = similarities.argmax(axis=1)
    return np.where(similarities.max(axis=1) >= radii[nearest], nearest, NOISE_CLUSTER_ID)


def make_centroids(d: int) -> NDArray[np.float32]:
    """Return the centres of the made-up groups, shape (k, d), of length 1."""
    waves = np.sin((np.arange(N_CLUSTERS)[:, None] + 1) * 12.9898 * (np.arange(d) + 1))
    return (waves / np.linalg.norm(waves, axis=1, keepdims=True)).astype(np.float32)


def _make_traces(place: Path, n: int, d: int) -> None:
    from trace_clustering.clickhouse.resource import ClickHouse

    with ClickHouse(dsn=f"chdb://{place}").open_session(1, timeout_seconds=3600) as session:
        statement = _MAKE_VECTORS.format(k=N_CLUSTERS, n=n, d=d)
        session._client.command(statement, {"embeddings": "document_embeddings"})


def _assign_traces(place: Path, d: int) -> None:
    """Assign the traces, print how long it took, and delete the result."""
    from trace_clustering.clickhouse.documents import DocumentSelection
    from trace_clustering.clickhouse.resource import ClickHouse
    from trace_clustering.clickhouse.run_clusters import delete_older_versions
    from trace_clustering.clickhouse.window_assignments import assign_window
    from trace_clustering_tests.posthog.cluster_events import ASSIGNMENTS, TOPICS

    centroids = make_centroids(d)
    clustered = dataclasses.replace(
        ASSIGNMENTS,
        embedding_centroids=centroids,
        radii=np.full(N_CLUSTERS, 0.5, dtype=np.float32),
        embedding_model="m",
    )
    topic_ids = np.array([f"topic-{i}" for i in range(N_CLUSTERS)], dtype=object)
    identities = dataclasses.replace(
        TOPICS.identities, cluster_ids=np.arange(N_CLUSTERS), topic_ids=topic_ids
    )
    with ClickHouse(dsn=f"chdb://{place}").open_session(1, timeout_seconds=3600) as session:
        before = _read_cpu_seconds()
        found = assign_window(session, clustered, identities, DocumentSelection())
        cpu_seconds = _read_cpu_seconds() - before
        by_cluster = [
            sum(n for c, n in zip(found.cluster_ids, found.traces, strict=True) if c == cluster)
            for cluster in range(N_CLUSTERS)
        ]
        delete_older_versions(session, clustered.provenance.run_id, 0)
    print(json.dumps({"seconds": found.seconds, "cpu_seconds": cpu_seconds, "by_cluster": by_cluster}))


def _read_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    _place, _work, _n, _d = sys.argv[1:]
    if _work == "make":
        _make_traces(Path(_place), int(_n), int(_d))
    else:
        _assign_traces(Path(_place), int(_d))

"""Plays a stream night by night: clusters, their topics, and what the next night knows of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.clusters.consensus_labels import find_consensus_labels
from trace_clustering.algorithms.clusters.hdbscan import calculate_min_cluster_size
from trace_clustering.algorithms.embedding_centroids import calculate_embedding_centroids
from trace_clustering.algorithms.space.neighbors import find_neighbors_of_embeddings
from trace_clustering.algorithms.space.normalize import normalize_l2
from trace_clustering.constants import DEFAULT_MIN_CLUSTER_SIZE_FRACTION, MAX_STABILITY_NEIGHBORS
from trace_clustering.topics.history import EarlierCluster, EarlierRun
from trace_clustering.topics.identity import CurrentCluster, Identities, find_identities
from trace_clustering.topics.votes import list_votes
from trace_clustering.traces.arrays import IntArray, StringArray
from trace_clustering.traces.window import Window
from trace_clustering_tests.benchmarks.stream import WINDOW_DAYS, Stream
from trace_clustering_tests.benchmarks.stream_nights import Night

FindLabels = Callable[[Night, StringArray, Sequence[EarlierRun]], NDArray[np.int64]]
FindIdentities = Callable[[Sequence[CurrentCluster], StringArray, Sequence[EarlierRun]], Identities]

_FIRST_DAY = datetime(2025, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class PlayedNight:
    """A night as the pipeline would have it.

    Attributes
    ----------
    night : int
        The last day of its window.
    rows : int64 array, shape (n,)
        The rows of the sample in the stream.
    labels : int64 array, shape (n,)
        The cluster of each of these; -1 is noise.
    identities : Identities
    run : EarlierRun
        What the next nights know of it.
    """

    night: int
    rows: IntArray
    labels: NDArray[np.int64]
    identities: Identities
    run: EarlierRun

    @property
    def topics(self) -> StringArray:
        """The topic of each trace, shape (n,); empty for noise."""
        of_cluster = [*(row.topic_id for row in self.identities.continuities), ""]
        return np.array(of_cluster, dtype=object)[self.labels]


def find_labels_alone(
    night: Night,
    trace_ids: StringArray,  # noqa: ARG001
    earlier: Sequence[EarlierRun],  # noqa: ARG001
) -> NDArray[np.int64]:
    """Cluster a night as if there had been none before it."""
    return find_consensus_labels(night.clusterings, _min_size(night))


def find_labels_with_history(stream: Stream) -> FindLabels:
    """Return what clusters the nights of a stream as the asset does: the newest earlier run has a say."""

    def find(night: Night, trace_ids: StringArray, earlier: Sequence[EarlierRun]) -> NDArray[np.int64]:
        if not earlier:
            return find_labels_alone(night, trace_ids, earlier)
        embeddings = stream.embeddings[night.rows]
        votes = list_votes(trace_ids, embeddings, earlier[0])[None]
        n_neighbors = min(1 + MAX_STABILITY_NEIGHBORS, len(embeddings))
        neighbors = find_neighbors_of_embeddings(normalize_l2(embeddings), n_neighbors)
        return find_consensus_labels(night.clusterings, _min_size(night), votes, neighbors.indices)

    return find


def play_stream(
    stream: Stream,
    nights: Iterable[Night],
    find_labels: FindLabels = find_labels_alone,
    find_topics: FindIdentities | None = None,
) -> Iterator[PlayedNight]:
    """Cluster night after night, each with the knowledge of all before it, newest first."""
    earlier: list[EarlierRun] = []
    for night in nights:
        trace_ids, embeddings = stream.trace_ids[night.rows], stream.embeddings[night.rows]
        labels = find_labels(night, trace_ids, earlier)
        centroids, radii = calculate_embedding_centroids(embeddings, labels)
        clusters = [
            CurrentCluster(cluster, trace_ids[labels == cluster], centroid)
            for cluster, centroid in enumerate(centroids)
        ]
        run_id = f"1_trace_{night.night:02d}"
        if find_topics is None:
            found = find_identities(clusters, trace_ids, earlier, scope=run_id)
        else:
            found = find_topics(clusters, trace_ids, earlier)
        known = [
            EarlierCluster(
                row.topic_id, cluster.cluster_id, cluster.trace_ids, cluster.centroid, float(radius)
            )
            for row, cluster, radius in zip(found.continuities, clusters, radii, strict=True)
        ]
        end = _FIRST_DAY + timedelta(days=night.night + 1)
        run = EarlierRun(run_id, Window(end - timedelta(days=WINDOW_DAYS), end), trace_ids, known)
        yield PlayedNight(night.night, night.rows, labels, found, run)
        earlier.insert(0, run)


def _min_size(night: Night) -> int:
    return calculate_min_cluster_size(len(night.rows), DEFAULT_MIN_CLUSTER_SIZE_FRACTION)

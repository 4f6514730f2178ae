"""Made-up runs: clusters of numbered traces, each around a direction of its own."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from trace_clustering.topics.history import EarlierCluster, EarlierRun
from trace_clustering.topics.identity import CurrentCluster, Identities, find_identities
from trace_clustering.traces.arrays import FloatArray, StringArray
from trace_clustering.traces.window import Window

# Of a cluster: the numbers of its traces, and its direction.
Members = Sequence[int]
_DIMENSIONS = 8
_RADIUS = 0.5
_FIRST_NIGHT = datetime(2025, 3, 1, tzinfo=UTC)


def name_traces(numbers: Members) -> StringArray:
    """Return the ids of numbered traces, in the order of the numbers."""
    return np.array([f"trace-{number:05d}" for number in sorted(numbers)], dtype=object)


def point_at(direction: int) -> FloatArray:
    """Return a unit vector; those of other directions are at right angles to it."""
    return np.eye(_DIMENSIONS, dtype=np.float32)[direction]


def make_clusters(
    members: Sequence[Members], directions: Sequence[int] | None = None
) -> list[CurrentCluster]:
    """Return clusters; cluster `i` lies in direction `i` unless told otherwise."""
    directions = directions or range(len(members))
    return [
        CurrentCluster(cluster, name_traces(numbers), point_at(direction))
        for cluster, (numbers, direction) in enumerate(zip(members, directions, strict=True))
    ]


def make_run(night: int, topics: Mapping[str, Members], noise: Members = ()) -> EarlierRun:
    """Return a run with a cluster for each topic; a topic lies in the direction of its place."""
    end = _FIRST_NIGHT + timedelta(days=night)
    clusters = [
        EarlierCluster(topic_id, number, name_traces(numbers), point_at(number), _RADIUS, f"About {topic_id}")
        for number, (topic_id, numbers) in enumerate(topics.items())
    ]
    everything = [number for numbers in topics.values() for number in numbers] + list(noise)
    return EarlierRun(
        f"1_trace_{night:02d}", Window(end - timedelta(days=7), end), name_traces(everything), clusters
    )


def continue_run(
    night: int, clusters: Sequence[CurrentCluster], identities: Identities, noise: Members = ()
) -> EarlierRun:
    """Return what the next night knows of clusters whose topics were found."""
    end = _FIRST_NIGHT + timedelta(days=night)
    known = [
        EarlierCluster(row.topic_id, row.cluster_id, cluster.trace_ids, cluster.centroid, _RADIUS)
        for row, cluster in zip(identities.continuities, clusters, strict=True)
    ]
    members = [cluster.trace_ids for cluster in clusters]
    trace_ids = np.array(sorted(np.concatenate([*members, name_traces(noise)])), dtype=object)
    return EarlierRun(f"1_trace_{night:02d}", Window(end - timedelta(days=7), end), trace_ids, known)


def identify(
    clusters: Sequence[CurrentCluster],
    earlier: Sequence[EarlierRun],
    noise: Members = (),
    scope: str = "1:now",
) -> Identities:
    """Find the topics of clusters whose traces, and those of noise, are the sample."""
    members = [cluster.trace_ids for cluster in clusters]
    trace_ids = np.array(sorted(np.concatenate([*members, name_traces(noise)])), dtype=object)
    return find_identities(clusters, trace_ids, earlier, scope=scope)

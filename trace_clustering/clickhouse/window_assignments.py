"""Assigns every trace of a window to the cluster whose centroid is nearest."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.topics import ClusterIdentities
from trace_clustering.clickhouse.run_clusters import identify_version, store_clusters
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import NOISE_CLUSTER_ID


@dataclass(frozen=True)
class AssignedWindow:
    """The numbers of traces by cluster and day.

    Attributes
    ----------
    cluster_ids, days, traces : list
        Row by row; -1 for traces that are near no cluster; naive days in UTC.
    version : int
        Version of the rows in ClickHouse.
    """

    cluster_ids: list[int]
    days: list[datetime]
    traces: list[int]
    version: int

    @property
    def assigned(self) -> int:
        """Number of traces that belong to a cluster."""
        return sum(
            n for cluster, n in zip(self.cluster_ids, self.traces, strict=True) if cluster != NOISE_CLUSTER_ID
        )


def assign_window(
    session: TeamSession, assignments: ClusterAssignments, identities: ClusterIdentities
) -> AssignedWindow:
    """Assign the traces of the window, and count them."""
    version = identify_version(assignments, identities)
    store_clusters(session, assignments, identities, version, assignments.embedding_model)
    days: Any = assignments.timestamps.astype("datetime64[D]").astype("datetime64[us]")
    counts = Counter(zip(assignments.cluster_ids.tolist(), days.tolist(), strict=True))
    rows = sorted(counts)
    return AssignedWindow(
        [cluster for cluster, _ in rows], [day for _, day in rows], [counts[row] for row in rows], version
    )

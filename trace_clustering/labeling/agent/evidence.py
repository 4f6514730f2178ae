"""What the agent can look at: clusters, their traces, their terms, and their neighbours side by side."""

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, Projection2D
from trace_clustering.text import plain_line
from trace_clustering.traces.summary import TraceSummary

NEIGHBOURS = 2
CONTRASTING_EXAMPLES = 2


@dataclass(frozen=True)
class Neighbour:
    """A cluster close by, and its traces that lie closest to the cluster it is a neighbour of."""

    cluster_id: int
    trace_ids: tuple[str, ...]


@dataclass(frozen=True)
class ClusterEvidence:
    """One cluster; `trace_ids` are in the order of rank, held-out members are not among them."""

    cluster_id: int
    size: int
    trace_ids: tuple[str, ...]
    terms: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True)
class Evidence:
    """All clusters of a run, noise last, and the summaries of the traces that may be looked at."""

    clusters: dict[int, ClusterEvidence]
    summaries: dict[str, TraceSummary]
    titles: dict[str, str]
    traces: int

    def title(self, trace_id: str) -> str:
        """Return the title of a trace as one plain line."""
        return self.titles.get(trace_id) or "Untitled"


def gather_evidence(
    assignments: ClusterAssignments,
    projection: Projection2D,
    summaries: Mapping[str, TraceSummary],
    terms: Mapping[int, list[str]],
    held_out: Container[str] = frozenset(),
) -> Evidence:
    """Collect what the agent may see, without the traces that are held out to verify its labels.

    Neighbours are the clusters with the nearest centroids in the clustering space. The examples that
    contrast with a cluster are those traces of a neighbour that lie nearest to its centre on the map.
    """
    visible: dict[int, np.ndarray] = {}
    for cluster in projection.clusters:
        rows = assignments.rank_members(cluster)
        visible[cluster] = rows[[trace not in held_out for trace in assignments.trace_ids[rows]]]
    sizes = projection.cluster_sizes()
    nearest = _nearest_clusters(assignments.centroids)
    clusters = {
        cluster: ClusterEvidence(
            cluster_id=cluster,
            size=sizes[cluster],
            trace_ids=tuple(str(trace) for trace in assignments.trace_ids[visible[cluster]]),
            terms=tuple(plain_line(term, 40) for term in terms[cluster]),
            neighbours=tuple(
                Neighbour(other, _closest(assignments, projection, visible[other], centre))
                for other in nearest.get(cluster, [])
            ),
        )
        for cluster, centre in zip(projection.clusters, projection.centroid_coordinates, strict=True)
    }
    seen = {trace: summary for trace, summary in summaries.items() if trace not in held_out}
    titles = {trace: plain_line(summary["title"]) for trace, summary in seen.items()}
    return Evidence(clusters, seen, titles, len(assignments))


def _nearest_clusters(centroids: np.ndarray) -> dict[int, list[int]]:
    """Return the nearest clusters of each cluster; noise has no centroid and so no neighbours."""
    distances = np.linalg.norm(centroids[:, None] - centroids[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    count = min(NEIGHBOURS, len(centroids) - 1)
    order = np.argsort(distances, axis=1, kind="stable")[:, : max(count, 0)]
    return {cluster: [int(other) for other in row] for cluster, row in enumerate(order)}


def _closest(
    assignments: ClusterAssignments, projection: Projection2D, rows: np.ndarray, centre: np.ndarray
) -> tuple[str, ...]:
    distances = np.linalg.norm(projection.coordinates[rows] - centre, axis=1)
    closest = rows[np.argsort(distances, kind="stable")[:CONTRASTING_EXAMPLES]]
    return tuple(str(trace) for trace in assignments.trace_ids[closest])


def hold_out(assignments: ClusterAssignments, per_cluster: int) -> dict[str, int]:
    """Choose members that the agent shall not see, spread over the ranks, and return their clusters.

    At most a quarter of a cluster is held out, and never the trace of rank 0.
    """
    chosen: dict[str, int] = {}
    for cluster in assignments.clusters():
        members = assignments.rank_members(cluster)
        count = min(per_cluster, len(members) // 4)
        ranks = [(number + 1) * len(members) // (count + 1) for number in range(count)]
        chosen |= {str(assignments.trace_ids[members[rank]]): cluster for rank in ranks}
    return chosen

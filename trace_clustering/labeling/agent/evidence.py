"""What the agent can look at: clusters, their traces, their terms, and their neighbours side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, Projection2D
from trace_clustering.text import plain_line
from trace_clustering.traces.summary import TraceSummary

MAX_NEIGHBOURS = 2
MAX_CONTRASTING_EXAMPLES = 2


@dataclass(frozen=True)
class Clustering:
    """The clusters that are to be labelled, and what is known of their traces.

    Attributes
    ----------
    assignments : ClusterAssignments
    projection : Projection2D
    summaries : mapping
        Summaries by trace id; some may be missing.
    terms : mapping
        By cluster, the terms that set it apart, best first.
    held_out : mapping
        Traces that the agent must not see, because its labels are verified with them, and their clusters.
    """

    assignments: ClusterAssignments
    projection: Projection2D
    summaries: Mapping[str, TraceSummary]
    terms: Mapping[int, list[str]]
    held_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Neighbour:
    """A cluster nearby, and those of its traces that lie nearest to the cluster whose neighbour it is."""

    cluster_id: int
    trace_ids: tuple[str, ...]


@dataclass(frozen=True)
class ClusterEvidence:
    """One cluster; `trace_ids` are in the order of rank and without the traces that are held out."""

    cluster_id: int
    size: int
    trace_ids: tuple[str, ...]
    terms: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True)
class Evidence:
    """All clusters of a run, noise last, and the summaries and titles of the traces that may be shown.

    Attributes
    ----------
    clusters : dict
        By cluster id.
    summaries, titles : dict
        By trace id; titles are plain lines.
    n_traces : int
        Number of all traces, those that are held out included.
    """

    clusters: dict[int, ClusterEvidence]
    summaries: dict[str, TraceSummary]
    titles: dict[str, str]
    n_traces: int

    def title(self, trace_id: str) -> str:
        """Return the title of a trace as one plain line."""
        return self.titles.get(trace_id) or "Untitled"


def gather_evidence(clustering: Clustering) -> Evidence:
    """Collect what the agent may see, without the traces that are held out.

    Neighbours are the clusters with the nearest centroids in the clustering space. The examples that
    contrast with a cluster are those traces of a neighbour that lie nearest to its centre on the map.
    """
    assignments, projection = clustering.assignments, clustering.projection
    visible: dict[int, np.ndarray] = {}
    for cluster in projection.clusters:
        rows = assignments.rank_members(cluster)
        visible[cluster] = rows[[trace not in clustering.held_out for trace in assignments.trace_ids[rows]]]
    sizes = projection.cluster_sizes()
    nearest = _find_nearest_clusters(assignments.centroids)
    clusters = {
        cluster: ClusterEvidence(
            cluster_id=cluster,
            size=sizes[cluster],
            trace_ids=tuple(str(trace) for trace in assignments.trace_ids[visible[cluster]]),
            terms=tuple(plain_line(term, 40) for term in clustering.terms[cluster]),
            neighbours=tuple(
                Neighbour(other, _find_contrasting_examples(clustering, visible[other], centre))
                for other in nearest.get(cluster, [])
            ),
        )
        for cluster, centre in zip(projection.clusters, projection.centroid_coordinates, strict=True)
    }
    summaries = {
        trace: summary for trace, summary in clustering.summaries.items() if trace not in clustering.held_out
    }
    titles = {trace: plain_line(summary["title"]) for trace, summary in summaries.items()}
    return Evidence(clusters, summaries, titles, len(assignments))


def _find_nearest_clusters(centroids: np.ndarray) -> dict[int, list[int]]:
    """Return the nearest clusters of each cluster; noise has no centroid and so no neighbours."""
    distances = np.linalg.norm(centroids[:, None] - centroids[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    count = min(MAX_NEIGHBOURS, len(centroids) - 1)
    order = np.argsort(distances, axis=1, kind="stable")[:, : max(count, 0)]
    return {cluster: [int(other) for other in row] for cluster, row in enumerate(order)}


def _find_contrasting_examples(
    clustering: Clustering, rows: np.ndarray, centre: np.ndarray
) -> tuple[str, ...]:
    """Return the traces, of some rows, that lie nearest to a point of the map."""
    distances = np.linalg.norm(clustering.projection.coordinates[rows] - centre, axis=1)
    closest = rows[np.argsort(distances, kind="stable")[:MAX_CONTRASTING_EXAMPLES]]
    return tuple(str(trace) for trace in clustering.assignments.trace_ids[closest])


def hold_out(assignments: ClusterAssignments, per_cluster: int) -> dict[str, int]:
    """Choose traces that the agent must not see, spread over the ranks, and return their clusters.

    At most a quarter of a cluster is held out, and never its trace of rank 0, the most typical one.
    """
    chosen: dict[str, int] = {}
    for cluster in assignments.clusters():
        members = assignments.rank_members(cluster)
        count = min(per_cluster, len(members) // 4)
        ranks = [(number + 1) * len(members) // (count + 1) for number in range(count)]
        chosen |= {str(assignments.trace_ids[members[rank]]): cluster for rank in ranks}
    return chosen

"""What the agent can look at: clusters, their traces, their terms, and their neighbours side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, Projection2D
from trace_clustering.labeling.parents import Group
from trace_clustering.text import clean_line
from trace_clustering.traces.summary import TraceSummary

MAX_NEIGHBOURS = 2
MAX_CONTRASTING_EXAMPLES = 2


@dataclass(frozen=True)
class HeldOutTrace:
    """A trace that verifies labels: the cluster it belongs to, and its summary."""

    cluster_id: int
    summary: TraceSummary

    @property
    def trace_id(self) -> str:
        """Id of the trace."""
        return self.summary["trace_id"]


@dataclass(frozen=True)
class Clustering:
    """The clusters that are to be labelled, and what is known of their traces.

    Attributes
    ----------
    assignments : ClusterAssignments
    projection : Projection2D
    members : mapping
        By cluster, the summaries of its members that may be shown, in the order of rank.
    terms : mapping
        By cluster, the terms that set it apart, best first.
    held_out : sequence of HeldOutTrace
        Traces that the agent must not see, because its labels are verified with them.
    groups : sequence of Group
        The groups of clusters, which get labels too.
    """

    assignments: ClusterAssignments
    projection: Projection2D
    members: Mapping[int, Sequence[TraceSummary]]
    terms: Mapping[int, list[str]]
    held_out: Sequence[HeldOutTrace] = ()
    groups: Sequence[Group] = ()


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
    groups : dict
        The groups of clusters by their ids.
    """

    clusters: dict[int, ClusterEvidence]
    summaries: dict[str, TraceSummary]
    titles: dict[str, str]
    n_traces: int
    groups: dict[int, Group] = field(default_factory=dict)

    def title(self, trace_id: str) -> str:
        """Return the title of a trace as one plain line."""
        return self.titles.get(trace_id) or "Untitled"


def gather_evidence(clustering: Clustering) -> Evidence:
    """Collect what the agent may see, without the traces that are held out.

    Neighbours are the clusters with the nearest centroids in the clustering space. The examples that
    contrast with a cluster are those traces of a neighbour that lie nearest to its centre on the map.
    """
    assignments, projection = clustering.assignments, clustering.projection
    hidden = {trace.trace_id for trace in clustering.held_out}
    visible: dict[int, np.ndarray] = {}
    for cluster in projection.clusters:
        rows = assignments.rank_members(cluster)
        visible[cluster] = rows[[trace not in hidden for trace in assignments.trace_ids[rows]]]
    sizes = assignments.cluster_sizes()
    nearest = _find_nearest_clusters(assignments.centroids)
    clusters = {
        cluster: ClusterEvidence(
            cluster_id=cluster,
            size=sizes[cluster],
            trace_ids=tuple(str(trace) for trace in assignments.trace_ids[visible[cluster]]),
            terms=tuple(clean_line(term, 40) for term in clustering.terms[cluster]),
            neighbours=tuple(
                Neighbour(other, _find_contrasting_examples(clustering, visible[other], centre))
                for other in nearest.get(cluster, [])
            ),
        )
        for cluster, centre in zip(projection.clusters, projection.centroid_coordinates, strict=True)
    }
    summaries = {
        summary["trace_id"]: summary for members in clustering.members.values() for summary in members
    }
    titles = {trace: clean_line(summary["title"]) for trace, summary in summaries.items()}
    groups = {group.group_id: group for group in clustering.groups}
    return Evidence(clusters, summaries, titles, len(assignments), groups)


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


def hold_out(
    members: Mapping[int, Sequence[TraceSummary]], per_cluster: int
) -> tuple[dict[int, list[TraceSummary]], list[HeldOutTrace]]:
    """Choose traces that the agent must not see, spread over the ranks.

    At most a quarter of a cluster is held out, and never its first trace, the most typical one.

    Parameters
    ----------
    members : mapping
        By cluster, the summaries of its members in the order of rank.
    per_cluster : int

    Returns
    -------
    visible : dict
        As `members`, without the traces that are held out.
    held_out : list of HeldOutTrace
    """
    visible: dict[int, list[TraceSummary]] = {}
    held_out: list[HeldOutTrace] = []
    for cluster, summaries in members.items():
        count = min(per_cluster, len(summaries) // 4)
        ranks = {(number + 1) * len(summaries) // (count + 1) for number in range(count)}
        visible[cluster] = [summary for rank, summary in enumerate(summaries) if rank not in ranks]
        held_out += [HeldOutTrace(cluster, summaries[rank]) for rank in sorted(ranks)]
    return visible, held_out

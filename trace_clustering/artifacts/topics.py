"""The artifacts about topics: the identity of clusters over time, all traces of the window, and figures."""

from dataclasses import dataclass
from typing import Any

from trace_clustering.artifacts.fields import Artifact, column, entry
from trace_clustering.traces.arrays import IntArray, StringArray, TimeArray


@dataclass(frozen=True, eq=False, kw_only=True)
class ClusterIdentities(Artifact):
    """The topic of every cluster, noise apart, and where it comes from.

    Attributes
    ----------
    cluster_ids : int64 array, shape (k,)
        From 0 to k-1.
    topic_ids : array of str, shape (k,)
        The identity that a cluster keeps from run to run.
    relations : array of str, shape (k,)
        `continued`, `split`, `merged`, `new` or `back`.
    earlier_run_ids : array of str, shape (k,)
        The run of the cluster that it continues; empty for a new topic.
    earlier_cluster_ids : int64 array, shape (k,)
        -1 for a new topic.
    shared_traces : int64 array, shape (k,)
        Number of traces that both clusters hold.
    from_topic_ids : list of list of str, length k
        Other topics that its traces come from, see `Continuity`.
    earlier_titles, earlier_descriptions, earlier_labelers : array of str, shape (k,)
        The label of the cluster that it continues; empty for a new topic.
    earlier_label_from_runs : list of str, length k
        The run that made this label; empty for a new topic.
    earlier_label_terms : list of list of str, length k
        The terms that set the cluster apart when the label was made.
    gone : list of dict
        The topics that no cluster continues, with the fields of `GoneTopic`.
    obeyed : list of list of str, length k
        What the team's file of topics says of each cluster: `merge`, `pin`, `ignore`.
    edits : dict
        `digest` of what the file says, and `unknown_topics`, which it names and no run knows. Empty if it
        says nothing.
    parents : list of dict
        The groups of clusters on two levels, with the fields of `Parent`; empty for few clusters.
    """

    cluster_ids: IntArray = column("cluster_id", "int64")
    topic_ids: StringArray = column("topic_id", "object")
    relations: StringArray = column("relation", "object")
    earlier_run_ids: StringArray = column("earlier_run_id", "object")
    earlier_cluster_ids: IntArray = column("earlier_cluster_id", "int64")
    shared_traces: IntArray = column("shared_traces", "int64")
    earlier_titles: StringArray = column("earlier_title", "object")
    earlier_descriptions: StringArray = column("earlier_description", "object")
    earlier_labelers: StringArray = column("earlier_labeler", "object")
    earlier_label_from_runs: list[str] = entry([])
    earlier_label_terms: list[list[str]] = entry([])
    obeyed: list[list[str]] = entry([])
    edits: dict[str, Any] = entry({})
    from_topic_ids: list[list[str]] = entry([])
    gone: list[dict[str, Any]] = entry([])
    parents: list[dict[str, Any]] = entry([])

    def __len__(self) -> int:
        return len(self.cluster_ids)

    def list_ignored(self) -> list[int]:
        """Return the clusters that must be in no news."""
        obeyed = zip(self.cluster_ids.tolist(), self.obeyed, strict=bool(self.obeyed))
        return [cluster for cluster, names in obeyed if "ignore" in names]


@dataclass(frozen=True, eq=False, kw_only=True)
class WindowAssignments(Artifact):
    """How many traces of the window belong to each cluster on each day; ClickHouse holds which.

    Attributes
    ----------
    cluster_ids : int64 array, shape (m,)
        -1 for traces that are near no cluster.
    days : array of datetime64[ms], shape (m,)
        The day of the traces, UTC.
    traces : int64 array, shape (m,)
        Number of traces of the cluster on the day.
    version : int
        Version of the rows in ClickHouse; 0 if none were written.
    coverage : dict
        How many traces there are at each stage, from the window to the clusters.
    """

    cluster_ids: IntArray = column("cluster_id", "int64")
    days: TimeArray = column("day", "datetime64[ms]")
    traces: IntArray = column("traces", "int64")
    version: int = entry(0)
    coverage: dict[str, int] = entry({})


@dataclass(frozen=True, eq=False, kw_only=True)
class ClusterMetrics(Artifact):
    """What the traces of each cluster cost and how they fare, and how the cluster changes.

    Attributes
    ----------
    cluster_ids : int64 array, shape (m,)
        Noise last if there is any.
    metrics : list of dict, length m
        Figures over all traces of the window that belong to the cluster; a figure that is unknown is null.
    changes : list of dict, length m
        Kind of change, share now and before; empty where nothing can be said.
    gone_changes : dict
        The same for topics that no cluster continues, by topic.
    """

    cluster_ids: IntArray = column("cluster_id", "int64")
    metrics: list[dict[str, Any]] = entry([])
    changes: list[dict[str, Any]] = entry([])
    gone_changes: dict[str, dict[str, Any]] = entry({})

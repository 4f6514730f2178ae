"""What is known of a team's earlier clusterings when the next one is made."""

from collections.abc import Sequence
from dataclasses import dataclass

from trace_clustering.traces.arrays import FloatArray, StringArray
from trace_clustering.traces.window import Window


@dataclass(frozen=True, eq=False)
class EarlierCluster:
    """A cluster of an earlier run.

    Attributes
    ----------
    topic_id : str
        The identity that it keeps from run to run.
    cluster_id : int
    trace_ids : array of str, shape (m,)
        Its members in the sample that was clustered, sorted.
    centroid : float32 array, shape (d,)
        Mean direction of the members' embeddings, of length 1.
    radius : float
        Smallest cosine similarity to the centroid at which a trace still counts as one of the topic.
    title, description, labeler : str
        Its label in the event of that run.
    label_from_run : str
        The run that made the label, if the run of the event had kept it; else empty.
    label_terms : sequence of str
        The terms that set the cluster apart when its label was made; empty if they are not known.
    """

    topic_id: str
    cluster_id: int
    trace_ids: StringArray
    centroid: FloatArray
    radius: float
    title: str = ""
    description: str = ""
    labeler: str = ""
    label_from_run: str = ""
    label_terms: Sequence[str] = ()


@dataclass(frozen=True)
class EarlierParent:
    """A group of clusters of an earlier run.

    Attributes
    ----------
    parent_id : str
        The identity that it keeps from run to run.
    level : int
        1 is the narrower, 2 the wider.
    topic_ids : tuple of str
        The topics of its clusters.
    title, description, labeler : str
        Its label in the event of that run.
    """

    parent_id: str
    level: int
    topic_ids: tuple[str, ...]
    title: str = ""
    description: str = ""
    labeler: str = ""


@dataclass(frozen=True, eq=False)
class EarlierRun:
    """An earlier clustering of the same team with the same `run_label`, whose event was written.

    Attributes
    ----------
    run_id : str
    window : Window
    trace_ids : array of str, shape (n,)
        All traces that were clustered, also those that were noise, sorted.
    clusters : sequence of EarlierCluster
        Noise is none of them.
    parents : sequence of EarlierParent
        The groups of these clusters; none for few clusters.
    """

    run_id: str
    window: Window
    trace_ids: StringArray
    clusters: Sequence[EarlierCluster]
    parents: Sequence[EarlierParent] = ()

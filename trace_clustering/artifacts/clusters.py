"""The artifacts about clusters: their members, the map and the labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from trace_clustering.artifacts.fields import Artifact, column, entry, matrix, vector
from trace_clustering.artifacts.traces import TraceArtifact
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.traces.arrays import FloatArray, IntArray, StringArray


@dataclass(frozen=True)
class ClusterLabel:
    """Title and description of one cluster."""

    title: str
    description: str


@dataclass(frozen=True, eq=False, kw_only=True)
class ClusterAssignments(TraceArtifact):
    """Which cluster each trace belongs to.

    Attributes
    ----------
    cluster_ids : int64 array, shape (n,)
        From 0 on; -1 is noise.
    probabilities : float32 array, shape (n,)
        Membership probabilities; 0 for noise.
    nearest_cluster_ids : int64 array, shape (n,)
        The cluster with the nearest centroid; -1 if there is no cluster.
    distances_to_nearest : float32 array, shape (n,)
        Distance to that centroid; 0 if there is no cluster.
    distances_to_centroid : float32 array, shape (n,)
        Distance to the centroid of the own cluster; for noise, to the nearest centroid.
    centroids : float32 array, shape (k, r)
        Mean of the members of cluster 0 .. k-1 in the clustering space. Noise has none.
    stabilities : float32 array, shape (k,)
        How likely another run finds the members of cluster 0 .. k-1 together, from 0 to 1; NaN if unknown:
        without an ensemble, and with k-means.
    size_deviations : float32 array, shape (k,)
        By how much single layouts find cluster 0 .. k-1 larger or smaller, relative to its size; NaN if
        unknown.
    rare_kinds : dict
        Number of kinds of traces that were `seen_once`, and `seen_twice`; empty if unknown.
    embedding_centroids : float32 array, shape (k, d)
        Mean direction of the members of cluster 0 .. k-1 among the embeddings, of length 1.
    radii : float32 array, shape (k,)
        Cosine similarity to that centroid which a trace must have at least to count as one of the cluster.
    edits : dict
        What the team's file of topics changed: `digest` of what it says, `topics` that it gives to clusters,
        `kept_by_pin`, the clusters that are there only since their topics are pinned, `merges`, by merged
        topic the one that it is a part of, and `known_sources`, the merged topics that a run had. Empty if it
        says nothing.
    earlier_run_ids : list of str or None
        The earlier runs whose topics may go on, newest first; None if the file does not say.
    """

    cluster_ids: IntArray = column("cluster_id", "int64", former_name="labels")
    probabilities: FloatArray = column("probability", "float32")
    nearest_cluster_ids: IntArray = column("nearest_cluster_id", "int64", former_name="nearest_clusters")
    distances_to_nearest: FloatArray = column("distance_to_nearest", "float32")
    distances_to_centroid: FloatArray = column("distance_to_centroid", "float32")
    centroids: FloatArray = matrix()
    stabilities: FloatArray = vector()
    size_deviations: FloatArray = vector(optional=True)
    rare_kinds: dict[str, int] = entry({})
    embedding_centroids: FloatArray = matrix(optional=True)
    radii: FloatArray = vector(optional=True)
    edits: dict[str, Any] = entry({})
    earlier_run_ids: list[str] | None = entry(None)

    @property
    def noise_share(self) -> float:
        """Share of the traces that belong to no cluster."""
        return float((self.cluster_ids == NOISE_CLUSTER_ID).mean()) if len(self) else 0.0

    @property
    def largest_cluster_share(self) -> float:
        """Share of the traces in the largest cluster."""
        clustered = self.cluster_ids[self.cluster_ids != NOISE_CLUSTER_ID]
        return float(np.bincount(clustered).max(initial=0)) / max(len(self), 1)

    def clusters(self) -> list[int]:
        """Return the ids of all clusters in ascending order, and noise last if there is any."""
        found = [int(cluster) for cluster in np.unique(self.cluster_ids)]
        return [c for c in found if c != NOISE_CLUSTER_ID] + [c for c in found if c == NOISE_CLUSTER_ID]

    def cluster_sizes(self) -> dict[int, int]:
        """Return the number of traces of every cluster, noise last if there is any."""
        return {cluster: int((self.cluster_ids == cluster).sum()) for cluster in self.clusters()}

    def stability(self, cluster_id: int) -> float | None:
        """Return the stability of a cluster; None if it is unknown, and for noise."""
        if cluster_id == NOISE_CLUSTER_ID or np.isnan(self.stabilities[cluster_id]):
            return None
        return round(float(self.stabilities[cluster_id]), 4)

    def rank_members(self, cluster_id: int) -> IntArray:
        """Return the rows of a cluster by rank: nearest to the centroid first; for noise, farthest first."""
        members = np.flatnonzero(self.cluster_ids == cluster_id)
        distances = self.distances_to_centroid[members]
        order = np.argsort(-distances if cluster_id == NOISE_CLUSTER_ID else distances, kind="stable")
        return members[order]


@dataclass(frozen=True, eq=False, kw_only=True)
class Projection2D(TraceArtifact):
    """The map.

    Attributes
    ----------
    cluster_ids : int64 array, shape (n,)
        As in the assignments; stored here too, so that the map can be drawn from this file alone.
    coordinates : float32 array, shape (n, 2)
    clusters : list of int, length m
        Ids of all clusters in ascending order, and noise last if there is any.
    centroid_coordinates : float32 array, shape (m, 2)
        Mean of the members' coordinates.
    """

    cluster_ids: IntArray = column("cluster_id", "int64", former_name="labels")
    coordinates: FloatArray = column("coordinates", "float32", ndim=2)
    clusters: list[int] = entry([], former_name="cluster_ids")
    centroid_coordinates: FloatArray = matrix()


@dataclass(frozen=True, eq=False, kw_only=True)
class ClusterLabels(Artifact):
    """Title and description of every cluster.

    Attributes
    ----------
    cluster_ids : int64 array, shape (m,)
    sizes : int64 array, shape (m,)
        Number of members of each cluster.
    titles, descriptions : array of str, shape (m,)
    labelers : array of str, shape (m,)
        Maker of each label: `agent`, `keywords`, `fallback` or `user`.
    accuracies : float32 array, shape (m,)
        Share of held-out members that a model assigned to their own cluster by its label; NaN if labels were
        not verified.
    labeling : dict
        How the labels were made: model, how the agent ended, requests, tokens, cost in US dollars, and how
        many labels of earlier runs were kept.
    label_from_runs : list of str, length m
        The earlier run that made each label; empty text if this one did. Empty in files of earlier versions.
    label_terms : list of list of str, length m
        The terms that set each cluster apart when its label was made. Empty in files of earlier versions.
    edits : dict
        `digest` of what the team's file of topics says. Empty if it says nothing.
    parents : list of dict
        The groups of clusters, the narrower level first: `id`, `level`, `title`, `description`, `labeler`,
        `clusters` (ids) and `traces` (their number).
    """

    cluster_ids: IntArray = column("cluster_id", "int64")
    sizes: IntArray = column("size", "int64")
    titles: StringArray = column("title", "object")
    descriptions: StringArray = column("description", "object")
    labelers: StringArray = column("labeler", "object")
    accuracies: FloatArray = column("accuracy", "float32", fill=np.nan)
    labeling: dict[str, Any] = entry({})
    label_from_runs: list[str] = entry([])
    label_terms: list[list[str]] = entry([])
    edits: dict[str, Any] = entry({})
    parents: list[dict[str, Any]] = entry([])

    @property
    def n_clusters(self) -> int:
        """Number of clusters; noise is none."""
        return int((self.cluster_ids != NOISE_CLUSTER_ID).sum())

    def cluster_sizes(self) -> dict[int, int]:
        """Return the number of traces of every cluster at the time when the labels were made."""
        return dict(zip(self.cluster_ids.tolist(), self.sizes.tolist(), strict=True))

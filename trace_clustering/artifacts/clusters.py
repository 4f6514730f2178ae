"""The clusters of a run: who belongs to them, where they lie on the map, what they are called."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trace_clustering.artifacts.fields import Artifact, column, matrix, vector
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
    labels : int64 array, shape (n,)
        Cluster ids from 0; -1 is noise.
    probabilities : float32 array, shape (n,)
        Membership probabilities; 0 for noise.
    nearest_clusters : int64 array, shape (n,)
        Id of the cluster with the nearest centroid; -1 if there is no cluster.
    distances_to_nearest : float32 array, shape (n,)
        Distance to that centroid; 0 if there is no cluster.
    distances_to_centroid : float32 array, shape (n,)
        Distance to the centroid of the own cluster; for noise, to the nearest centroid.
    centroids : float32 array, shape (k, r)
        Mean of the members of cluster 0 .. k-1 in the clustering space. Noise has none.
    stabilities : float32 array, shape (k,)
        How surely the members of cluster 0 .. k-1 are found together again, from 0 to 1; NaN where that is
        not known: without an ensemble, and by k-means.
    """

    labels: IntArray = column("int64")
    probabilities: FloatArray = column("float32")
    nearest_clusters: IntArray = column("int64")
    distances_to_nearest: FloatArray = column("float32")
    distances_to_centroid: FloatArray = column("float32")
    centroids: FloatArray = matrix()
    stabilities: FloatArray = vector()

    @property
    def noise_share(self) -> float:
        """Share of the traces that belong to no cluster."""
        return float((self.labels == NOISE_CLUSTER_ID).mean()) if len(self) else 0.0

    @property
    def largest_cluster_share(self) -> float:
        """Share of the traces in the largest cluster."""
        clustered = self.labels[self.labels != NOISE_CLUSTER_ID]
        return float(np.bincount(clustered).max(initial=0)) / max(len(self), 1)

    def cluster_ids(self) -> list[int]:
        """Return the ids of all clusters in ascending order, noise last if there is any."""
        found = [int(cluster) for cluster in np.unique(self.labels)]
        return [c for c in found if c != NOISE_CLUSTER_ID] + [c for c in found if c == NOISE_CLUSTER_ID]

    def stability(self, cluster_id: int) -> float | None:
        """Return how surely a cluster's members are found together again; None if unknown, and for noise."""
        if cluster_id == NOISE_CLUSTER_ID or np.isnan(self.stabilities[cluster_id]):
            return None
        return round(float(self.stabilities[cluster_id]), 4)

    def ranked_members(self, cluster_id: int) -> IntArray:
        """Return the rows of a cluster from rank 0 on: nearest to the centroid, for noise farthest first."""
        members = np.flatnonzero(self.labels == cluster_id)
        distances = self.distances_to_centroid[members]
        order = np.argsort(-distances if cluster_id == NOISE_CLUSTER_ID else distances, kind="stable")
        return members[order]


@dataclass(frozen=True, eq=False, kw_only=True)
class Projection2D(TraceArtifact):
    """The map.

    Attributes
    ----------
    labels : int64 array, shape (n,)
        Cluster ids, so that the file can be drawn by itself.
    coordinates : float32 array, shape (n, 2)
    cluster_ids : list of int, length m
        All clusters, noise last if there is any.
    centroid_coordinates : float32 array, shape (m, 2)
        Mean of the members' coordinates.
    """

    labels: IntArray = column("int64")
    coordinates: FloatArray = column("float32", ndim=2)
    cluster_ids: list[int]
    centroid_coordinates: FloatArray = matrix()

    def sizes(self) -> dict[int, int]:
        """Return the number of traces of every cluster."""
        return {cluster: int((self.labels == cluster).sum()) for cluster in self.cluster_ids}


@dataclass(frozen=True, eq=False, kw_only=True)
class ClusterLabels(Artifact):
    """Title and description of every cluster.

    Attributes
    ----------
    cluster_ids : int64 array, shape (m,)
    sizes : int64 array, shape (m,)
        Members of each cluster.
    titles, descriptions : array of str, shape (m,)
    labelers : array of str, shape (m,)
        What made each label: `agent`, `keywords` or `fallback`.
    accuracies : float32 array, shape (m,)
        Where labels were verified, the share of held-out members that a model assigned to their own cluster
        by its label; NaN elsewhere.
    labeling : dict
        How the labels came about: model, how the agent ended, requests, tokens, cost in US dollars.
    """

    cluster_ids: IntArray = column("int64")
    sizes: IntArray = column("int64")
    titles: StringArray = column("object")
    descriptions: StringArray = column("object")
    labelers: StringArray = column("object")
    accuracies: FloatArray = column("float32")
    labeling: dict[str, Any] = field(default_factory=dict)

    def members_per_cluster(self) -> dict[int, int]:
        """Return the number of traces of every cluster, as it was when the labels were made."""
        return dict(zip(self.cluster_ids.tolist(), self.sizes.tolist(), strict=True))

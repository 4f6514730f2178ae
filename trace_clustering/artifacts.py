"""The values that flow along the arrows of the graph, in the order in which they are made.

Arrays have one row per trace, in the same order in every artifact of a run: sorted by trace id.
Fields made with `column()` become columns of the stored file, everything else goes into its header.
"""

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from trace_clustering.constants import MIN_TRACES_FOR_CLUSTERING, NOISE_CLUSTER_ID

StringArray = NDArray[np.object_]
TimeArray = NDArray[np.datetime64]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def column(dtype: str, ndim: int = 1) -> Any:  # noqa: ANN401 - typed like dataclasses.field
    """Declare an array with one row per trace (or cluster) of the artifact."""
    return field(metadata={"column": True, "dtype": dtype, "ndim": ndim})


def matrix() -> Any:  # noqa: ANN401
    """Declare a small float32 matrix whose rows are not the rows of the artifact."""
    return field(metadata={"column": False, "dtype": "float32", "ndim": 2})


def vector() -> Any:  # noqa: ANN401
    """Declare a few float32 numbers, NaN among them, that are not about the rows of the artifact."""
    return field(metadata={"column": False, "dtype": "float32", "ndim": 1})


def iso_time(moment: datetime) -> str:
    """Return a moment as ISO 8601 text in UTC with a `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Window:
    """A span of time, aware and in UTC: `start <= timestamp < end`."""

    start: datetime
    end: datetime


class TraceSummary(TypedDict):
    """What an LLM wrote about one trace."""

    title: str
    flow_diagram: str
    bullets: list[str]
    interesting_notes: list[str]
    trace_timestamp: str
    trace_id: str


@dataclass(frozen=True)
class ClusterLabel:
    """Title and description of one cluster."""

    title: str
    description: str


@dataclass(frozen=True)
class Provenance:
    """Which team, window and settings an artifact stands for, and why it is empty if it is.

    Attributes
    ----------
    team_id : int
    window : Window
    settings : dict
        The settings that took effect up to and including the asset that made the artifact.
    shortage : str
        Why there was nothing to cluster; empty if there was.
    """

    team_id: int
    window: Window
    settings: dict[str, Any]
    shortage: str = ""

    @property
    def status(self) -> str:
        """`ok` or `insufficient_data`."""
        return "insufficient_data" if self.shortage else "ok"

    @property
    def run_id(self) -> str:
        """Identity of the clustering run: team, end of the window, and the label if there is one."""
        run_id = f"{self.team_id}_trace_{self.window.end:%Y%m%d_%H%M%S}"
        label = self.settings["run_label"]
        return f"{run_id}_{label}" if label else run_id

    def with_settings(self, settings: dict[str, Any]) -> Self:
        """Return the provenance of something made from this with further settings."""
        return dataclasses.replace(self, settings=self.settings | settings)

    def with_shortage(self, traces: int, traces_in_window: int) -> Self:
        """Return the provenance of an empty result, for a window that holds too few (matching) traces."""
        found = f"{traces} traces in the window"
        if self.settings.get("trace_filters"):
            found = f"{traces} of {traces_in_window} traces in the window satisfy trace_filters"
        reason = f"{found}, fewer than the {MIN_TRACES_FOR_CLUSTERING} that clustering needs"
        return dataclasses.replace(self, shortage=reason)

    def to_json(self) -> dict[str, Any]:
        """Return the header form, the inverse of `from_json`."""
        return {
            "team_id": self.team_id,
            "window_start": iso_time(self.window.start),
            "window_end": iso_time(self.window.end),
            "settings": self.settings,
            "shortage": self.shortage,
        }

    @classmethod
    def from_json(cls, header: dict[str, Any]) -> Self:
        """Rebuild the provenance from its header form."""
        window = Window(
            datetime.fromisoformat(header["window_start"]), datetime.fromisoformat(header["window_end"])
        )
        return cls(header["team_id"], window, header["settings"], header["shortage"])


@dataclass(frozen=True, eq=False, kw_only=True)
class Artifact:
    """Base of what an asset makes."""

    provenance: Provenance

    @classmethod
    def empty(cls, provenance: Provenance, **header: Any) -> Self:  # noqa: ANN401
        """Return the explicit result of having too little data: no rows, and the reason in the provenance."""
        arrays = {
            f.name: np.empty((0,) * f.metadata["ndim"], dtype=f.metadata["dtype"])
            for f in dataclasses.fields(cls)
            if f.metadata
        }
        return cls(provenance=provenance, **arrays, **header)


@dataclass(frozen=True, eq=False, kw_only=True)
class TraceArtifact(Artifact):
    """Something known about each trace of a run.

    Attributes
    ----------
    trace_ids : array of str, shape (n,)
        Sorted, unique.
    timestamps : array of datetime64[ms], shape (n,)
        When the embedded document was made, UTC.
    batch_run_ids : array of str, shape (n,)
        The summarization run that made the embedded document; empty if unknown.
    """

    trace_ids: StringArray = column("object")
    timestamps: TimeArray = column("datetime64[ms]")
    batch_run_ids: StringArray = column("object")

    def __len__(self) -> int:
        return len(self.trace_ids)

    def identity(self) -> dict[str, Any]:
        """Return what travels on to the artifacts made from this one."""
        return {name: getattr(self, name) for name in ("trace_ids", "timestamps", "batch_run_ids")}


@dataclass(frozen=True, eq=False, kw_only=True)
class Embeddings(TraceArtifact):
    """The sampled traces of a window and their vectors, as they are stored in ClickHouse.

    Attributes
    ----------
    vectors : float32 array, shape (n, d)
    traces_in_window : int
        How many traces the window held before sampling.
    """

    vectors: FloatArray = column("float32", ndim=2)
    traces_in_window: int


@dataclass(frozen=True, eq=False, kw_only=True)
class ReducedEmbeddings(TraceArtifact):
    """The clustering space.

    Attributes
    ----------
    points : float32 array, shape (n, r)
        With an ensemble, the layouts of its m members side by side.
    neighbors : int32 array, shape (n, k)
        Rows of each trace's nearest ones among the embeddings, itself first; nothing but itself without an
        ensemble.
    members : int
        How many layouts, m; 1 without an ensemble.
    """

    points: FloatArray = column("float32", ndim=2)
    neighbors: NDArray[np.int32] = column("int32", ndim=2)
    members: int = 1


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


@dataclass(frozen=True, eq=False, kw_only=True)
class EventReceipt(Artifact):
    """Proof of what was written to ClickHouse.

    Attributes
    ----------
    event_uuids, run_ids : array of str, shape (1,) or (0,)
    outcomes : array of str, same shape
        `emitted`, `replaced` or `unchanged`.
    payload_bytes : int64 array, same shape
        Size of the event's properties.
    """

    event_uuids: StringArray = column("object")
    run_ids: StringArray = column("object")
    outcomes: StringArray = column("object")
    payload_bytes: IntArray = column("int64")

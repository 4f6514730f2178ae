"""One clustering from several by evidence accumulation (Fred and Jain 2005)."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.clusters.consensus_labels import find_consensus_labels
from trace_clustering.algorithms.clusters.hdbscan import (
    ClusterSelection,
    DensityClusters,
    calculate_min_cluster_size,
    find_density_clusters,
)
from trace_clustering.algorithms.distances import calculate_cluster_means
from trace_clustering.algorithms.quality.sizes import measure_size_deviations
from trace_clustering.algorithms.quality.stability import (
    calculate_mean_co_associations,
    calculate_stabilities,
)
from trace_clustering.constants import (
    DEFAULT_HDBSCAN_MIN_SAMPLES,
    DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    DEFAULT_RANDOM_STATE,
    NOISE_CLUSTER_ID,
)

# To measure stability, one in this many points is left out at random.
_ONE_LEFT_OUT_IN = 3


@dataclass(frozen=True, eq=False)
class ConsensusResult:
    """The clusters on which most clusterings of n points agree.

    Attributes
    ----------
    labels : int64 array, shape (n,)
        Cluster ids 0 .. k-1, in the order of their first rows; -1 is noise.
    centroids : float32 array, shape (k, r)
        Mean of the members of each cluster.
    probabilities : float32 array, shape (n,)
        Mean co-association with the other members of the point's cluster; 0 for noise.
    stabilities : float32 array, shape (k,)
        From 0 to 1, see `calculate_stabilities`. 1 for copies of one point, since nothing takes them apart.
    size_deviations : float32 array, shape (k,)
        By how much single layouts find the clusters larger or smaller, see `measure_size_deviations`.
    selection : ClusterSelection
        The selection that most of the clusterings used.
    """

    labels: NDArray[np.int64]
    centroids: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    stabilities: NDArray[np.float32]
    size_deviations: NDArray[np.float32]
    selection: ClusterSelection


def perform_consensus_clustering(
    points: NDArray[np.float32],
    n_layouts: int,
    neighbors: NDArray[np.int32],
    min_cluster_size_fraction: float = DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    min_samples: int = DEFAULT_HDBSCAN_MIN_SAMPLES,
    random_state: int = DEFAULT_RANDOM_STATE,
    votes: NDArray[np.int64] | None = None,
) -> ConsensusResult:
    """Cluster every layout of an ensemble with HDBSCAN, and return the consensus of all layouts.

    `find_consensus_labels` makes the consensus. The rule for a collapse is applied to every layout
    separately. To measure stability, HDBSCAN clusters a random two thirds of the points of every layout once
    more.

    Parameters
    ----------
    points : array of shape (n, n_layouts * r)
        Layouts side by side, r columns each, from `lay_out_ensemble`.
    n_layouts : int
    neighbors : int32 array, shape (n, k)
        Nearest rows among the embeddings, the row itself first.
    min_cluster_size_fraction, min_samples, random_state
        As in `find_density_clusters`.
    votes : int64 array, shape (v, n), optional
        What earlier clusterings say, as in `find_consensus_labels`.

    Raises
    ------
    InvalidEmbeddingsError, InvalidSettingsError
        As `find_density_clusters` does.
    """
    n = len(points)

    def cluster(layout: NDArray[np.float32]) -> DensityClusters:
        return find_density_clusters(layout, min_cluster_size_fraction, min_samples, random_state)

    layouts = np.split(points, n_layouts, axis=1)
    found = [cluster(layout) for layout in layouts]
    random = np.random.default_rng(random_state)
    sampled_rows = [np.sort(random.permutation(n)[n // _ONE_LEFT_OUT_IN :]) for _ in layouts]
    samples = [
        (rows, cluster(layout[rows]).labels) for rows, layout in zip(sampled_rows, layouts, strict=True)
    ]
    clusterings = np.stack([result.labels for result in found])
    min_size = calculate_min_cluster_size(n, min_cluster_size_fraction)
    labels = find_consensus_labels(clusterings, min_size, votes, neighbors)
    return ConsensusResult(
        labels=labels,
        centroids=calculate_cluster_means(points, labels),
        probabilities=calculate_mean_co_associations(clusterings, labels),
        stabilities=np.where(
            _hold_only_copies(points, labels),
            np.float32(1),
            calculate_stabilities(samples, labels, neighbors),
        ),
        size_deviations=measure_size_deviations(clusterings, labels),
        selection=Counter(result.selection for result in found).most_common(1)[0][0],
    )


def _hold_only_copies(points: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether all members of a cluster are equal points, shape (k,)."""
    rows = np.flatnonzero(labels != NOISE_CLUSTER_ID)
    own = labels[rows]
    first = rows[np.unique(own, return_index=True)[1]]
    differs = (points[rows] != points[first[own]]).any(axis=1)
    return np.asarray(np.bincount(own[differs], minlength=len(first)) == 0)

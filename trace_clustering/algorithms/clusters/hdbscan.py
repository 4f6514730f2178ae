"""Clusters and noise by density."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.clusters.collapse import choose_labels, is_collapsed
from trace_clustering.algorithms.copies import Copies
from trace_clustering.algorithms.distances import calculate_cluster_means, calculate_pairwise_distances
from trace_clustering.algorithms.validation import require_points
from trace_clustering.constants import (
    DEFAULT_HDBSCAN_MIN_SAMPLES,
    DEFAULT_MAX_CLUSTER_SIZE_FRACTION,
    DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    DEFAULT_RANDOM_STATE,
    MIN_CLUSTER_SIZE,
    MIN_CLUSTER_SIZE_FRACTION_MAX,
    MIN_CLUSTER_SIZE_FRACTION_MIN,
    NOISE_CLUSTER_ID,
)
from trace_clustering.errors import InvalidSettingsError

# So many copies are each other's nearest neighbours: their neighbourhood holds nothing else.
MIN_COPIES_OF_OWN_CLUSTER = 16
# In more dimensions HDBSCAN's trees are no faster than the distances of all pairs.
_MAX_DIMENSIONS_FOR_TREES = 60


@dataclass(frozen=True)
class ClusterSelection:
    """The rule by which HDBSCAN takes clusters from its hierarchy.

    Attributes
    ----------
    method : {"eom", "leaf"}
        Excess of mass, or the leaves of the hierarchy: its smallest clusters.
    max_cluster_size : int or None
        Most points of a cluster; None for no limit.
    """

    method: Literal["eom", "leaf"] = "eom"
    max_cluster_size: int | None = None


@dataclass(frozen=True, eq=False)
class DensityClusters:
    """The clusters that HDBSCAN finds in n points.

    Attributes
    ----------
    labels : int64 array, shape (n,)
        Cluster ids 0 .. k-1; -1 is noise.
    probabilities : float32 array, shape (n,)
        Membership probabilities in [0, 1]; 0 for noise.
    selection : ClusterSelection
        How the clusters were selected.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    selection: ClusterSelection


@dataclass(frozen=True, eq=False)
class HDBSCANResult(DensityClusters):
    """Density clusters of n points and their centroids.

    Attributes
    ----------
    centroids : float32 array, shape (k, r)
        Mean of the members of each cluster.
    """

    centroids: NDArray[np.float32]

    @property
    def num_noise_points(self) -> int:
        """Number of points that belong to no cluster."""
        return int((self.labels == NOISE_CLUSTER_ID).sum())


def perform_hdbscan_clustering(
    points: NDArray[np.float32],
    min_cluster_size_fraction: float = DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    min_samples: int = DEFAULT_HDBSCAN_MIN_SAMPLES,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> HDBSCANResult:
    """Cluster points by density, and compute the centroids of the clusters.

    Parameters
    ----------
    points, min_cluster_size_fraction, min_samples, random_state
        As in `find_density_clusters`.

    Raises
    ------
    InvalidEmbeddingsError, InvalidSettingsError
        As `find_density_clusters` does.
    """
    found = find_density_clusters(points, min_cluster_size_fraction, min_samples, random_state)
    centroids = calculate_cluster_means(points, found.labels)
    return HDBSCANResult(found.labels, found.probabilities, found.selection, centroids)


def find_density_clusters(
    points: NDArray[np.float32],
    min_cluster_size_fraction: float = DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
    min_samples: int = DEFAULT_HDBSCAN_MIN_SAMPLES,
    random_state: int = DEFAULT_RANDOM_STATE,
) -> DensityClusters:
    """Cluster points by density with HDBSCAN (Campello, Moulavi and Sander 2013), excess of mass.

    Excess of mass prefers large clusters. If it finds fewer than three, or one that holds 70 % of the points,
    the leaves of the hierarchy and clusters of at most half of the points are tried too;
    `choose_labels` states the rule by which one of them is used instead. Copies (equal points) always share
    a cluster.

    Parameters
    ----------
    points : array of shape (n, r)
    min_cluster_size_fraction : float
        The smallest cluster holds `min(n, max(5, floor(n * fraction)))` points.
    min_samples : int
        Neighbours that a point of a dense region has; at most the size of the smallest cluster is used.
    random_state : int
        Seed of the sample on which `choose_labels` compares clusterings of many points. HDBSCAN itself is not
        random.

    Raises
    ------
    InvalidEmbeddingsError
        If there are no points, or values are not finite.
    InvalidSettingsError
        If the fraction is outside 0.00005 to 0.5.
    """
    require_points(points)
    if not MIN_CLUSTER_SIZE_FRACTION_MIN <= min_cluster_size_fraction <= MIN_CLUSTER_SIZE_FRACTION_MAX:
        raise InvalidSettingsError(
            f"min_cluster_size_fraction = {min_cluster_size_fraction}: "
            f"must be from {MIN_CLUSTER_SIZE_FRACTION_MIN:.5f} to {MIN_CLUSTER_SIZE_FRACTION_MAX}"
        )
    n = len(points)
    min_size = calculate_min_cluster_size(n, min_cluster_size_fraction)
    if min_size < 2:  # HDBSCAN refuses clusters of one point
        return DensityClusters(
            np.full(n, NOISE_CLUSTER_ID), np.zeros(n, dtype=np.float32), ClusterSelection()
        )
    copies = Copies.find(points)
    if copies.exist:
        return _cluster_with_copies(points, copies, min_size, min_samples, random_state)
    return _cluster_by_density(points, min_size, min_samples, random_state)


def _cluster_with_copies(
    points: NDArray[np.float32], copies: Copies, min_size: int, min_samples: int, random_state: int
) -> DensityClusters:
    """Cluster points some of which are copies: each copy counts, and copies share a cluster.

    HDBSCAN itself takes copies apart, since they are infinitely dense, and ties at distance 0 are broken by
    chance. So a point with at least as many copies as the smallest cluster has members, and at least 16, is a
    cluster by itself. Of the others, HDBSCAN gets all copies, but fewer than make a cluster. Those that are
    noise then are a cluster by themselves too if they have enough copies.
    """
    u, counts = len(copies.first_rows), copies.counts
    labels, probabilities = np.full(u, NOISE_CLUSTER_ID), np.zeros(u, dtype=np.float32)
    others = np.flatnonzero(counts < max(min_size, MIN_COPIES_OF_OWN_CLUSTER))
    kept = np.repeat(others, np.minimum(counts[others], min_size - 1))
    selection = ClusterSelection()
    if len(kept) >= min_size:
        found = _cluster_by_density(points[copies.first_rows[kept]], min_size, min_samples, random_state)
        first = np.searchsorted(kept, others)
        labels[others], probabilities[others] = found.labels[first], found.probabilities[first]
        selection = found.selection
    is_alone = (labels == NOISE_CLUSTER_ID) & (counts >= max(min_size, MIN_CLUSTER_SIZE))
    labels[is_alone] = labels.max() + 1 + np.arange(is_alone.sum())
    probabilities[is_alone] = 1
    # The copies of a point follow the first, so a cluster of nothing but others of them may be empty.
    found_ids = np.unique(labels[labels != NOISE_CLUSTER_ID])
    labels = np.where(labels == NOISE_CLUSTER_ID, labels, np.searchsorted(found_ids, labels))
    return DensityClusters(copies.repeat(labels), copies.repeat(probabilities), selection)


def _cluster_by_density(
    points: NDArray[np.float32], min_size: int, min_samples: int, random_state: int
) -> DensityClusters:
    """Cluster points with HDBSCAN, and try other selections if the first one is collapsed."""
    fit = partial(_fit_hdbscan, _prepare_input(points), min_size, min(min_samples, min_size))
    found = fit(ClusterSelection())
    if not is_collapsed(found.labels):
        return found
    half = max(min_size, math.floor(len(points) * DEFAULT_MAX_CLUSTER_SIZE_FRACTION))
    remedies = [fit(ClusterSelection("leaf")), fit(ClusterSelection("eom", half))]
    chosen = choose_labels(points, found.labels, [remedy.labels for remedy in remedies], random_state)
    return found if chosen is None else remedies[chosen]


def calculate_min_cluster_size(n: int, fraction: float) -> int:
    """Return the smallest allowed cluster of n points: a fraction of n, but at least five; at most n."""
    return min(n, max(MIN_CLUSTER_SIZE, math.floor(n * fraction)))


@dataclass(frozen=True, eq=False)
class _HDBSCANInput:
    """What HDBSCAN is given: coordinates of points, or the distances of all pairs."""

    values: NDArray[np.float64]
    metric: Literal["euclidean", "precomputed"]


def _prepare_input(points: NDArray[np.float32]) -> _HDBSCANInput:
    if points.shape[1] > _MAX_DIMENSIONS_FOR_TREES:
        return _HDBSCANInput(calculate_pairwise_distances(points), "precomputed")
    return _HDBSCANInput(points.astype(np.float64), "euclidean")


def _fit_hdbscan(
    prepared: _HDBSCANInput, min_size: int, min_samples: int, selection: ClusterSelection
) -> DensityClusters:
    """Find clusters of at least `min_size` points by the given selection."""
    import hdbscan

    model = hdbscan.HDBSCAN(
        min_cluster_size=min_size,
        min_samples=min_samples,
        metric=prepared.metric,
        cluster_selection_method=selection.method,
        max_cluster_size=selection.max_cluster_size or 0,
        core_dist_n_jobs=1,
    ).fit(prepared.values)
    return DensityClusters(model.labels_.astype(np.int64), model.probabilities_.astype(np.float32), selection)

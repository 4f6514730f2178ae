"""The remedy if HDBSCAN puts nearly all points into one or two clusters."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.quality.silhouette import Silhouette
from trace_clustering.constants import (
    DEGENERATE_DOMINANT_CLUSTER_FRACTION,
    DEGENERATE_MIN_CLUSTERS,
    NOISE_CLUSTER_ID,
)

# Mean silhouettes. After UMAP, two real topics reach 0.92 or more, collapsed nights at most 0.74. Below 0.25
# there is no substantial structure (Kaufman and Rousseeuw 1990, table 4).
MIN_SILHOUETTE_TO_STAY = 0.8
MIN_SILHOUETTE_OF_REMEDY = 0.25


def is_collapsed(labels: NDArray[np.int64]) -> bool:
    """Return whether there are fewer than three clusters, or one that holds at least 70 % of all points."""
    sizes = np.bincount(labels[labels != NOISE_CLUSTER_ID])
    return bool(
        len(sizes) < DEGENERATE_MIN_CLUSTERS
        or sizes.max() >= DEGENERATE_DOMINANT_CLUSTER_FRACTION * len(labels)
    )


def choose_labels(
    points: NDArray[np.float32],
    collapsed: NDArray[np.int64],
    remedies: Sequence[NDArray[np.int64]],
    random_state: int,
) -> int | None:
    """Choose between a collapsed clustering and other clusterings of the same points.

    The collapsed clustering stays if its clusters are clearly separated (mean silhouette of at least 0.8,
    noise counts as 0): then there are no more clusters in the data. Otherwise the remedy with the best mean
    silhouette is used, if it is not collapsed too and reaches 0.25; on ties, the first one.

    Parameters
    ----------
    points : array of shape (n, r)
    collapsed : int64 array, shape (n,)
    remedies : sequence of int64 arrays, shape (n,)
    random_state : int
        Seed of the sample on which `Silhouette` measures many points.

    Returns
    -------
    int or None
        Position of the remedy to use; None to keep the collapsed clustering.
    """
    candidates = [position for position, labels in enumerate(remedies) if not is_collapsed(labels)]
    if not candidates:
        return None
    silhouette = Silhouette(points, random_state)
    current = silhouette.compute_mean(collapsed)
    if current is not None and current >= MIN_SILHOUETTE_TO_STAY:
        return None
    scores = {position: silhouette.compute_mean(remedies[position]) for position in candidates}
    acceptable = {
        position: score
        for position, score in scores.items()
        if score is not None and score >= MIN_SILHOUETTE_OF_REMEDY
    }
    return max(acceptable, key=acceptable.__getitem__, default=None)

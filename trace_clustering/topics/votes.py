"""What an earlier clustering says of the traces that are clustered now."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.topics.history import NO_CLUSTER, EarlierRun
from trace_clustering.traces.arrays import FloatArray, IntArray, StringArray

_MAX_ROWS = 10_000


def list_votes(trace_ids: StringArray, embeddings: FloatArray, run: EarlierRun) -> IntArray:
    """Return the cluster of an earlier run that each of n traces belongs to; -1 if the run does not say.

    A trace that the run clustered is where it was then, or had no place. Any other one belongs to the nearest
    centroid, if it is within the radius of that cluster.

    Parameters
    ----------
    trace_ids : array of str, shape (n,)
    embeddings : float32 array, shape (n, d)
        Of any length; only directions count.
    run : EarlierRun
    """
    votes = run.find_clusters_of(trace_ids)
    unknown = np.flatnonzero(~run.holds(trace_ids))
    if len(run.clusters) == 0 or len(unknown) == 0:
        return votes
    centroids = np.stack([cluster.centroid for cluster in run.clusters])
    radii = np.array([cluster.radius for cluster in run.clusters])
    for start in range(0, len(unknown), _MAX_ROWS):  # all vectors of 100,000 traces twice may not fit
        rows = unknown[start : start + _MAX_ROWS]
        votes[rows] = _find_nearest(embeddings[rows], centroids, radii)
    return votes


def _find_nearest(vectors: FloatArray, centroids: FloatArray, radii: NDArray[np.float64]) -> IntArray:
    """Return the nearest centroid of each vector, if the vector is within its radius, else -1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    similarities = vectors @ centroids.T / np.maximum(lengths, np.finfo(np.float32).tiny)
    nearest = similarities.argmax(axis=1)
    within = similarities[np.arange(len(vectors)), nearest] >= radii[nearest]
    return np.where(within, nearest, NO_CLUSTER)

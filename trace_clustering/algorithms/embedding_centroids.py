"""Where clusters lie among the embeddings: comparable from run to run, unlike the clustering space."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.space.normalize import normalize_l2
from trace_clustering.constants import NOISE_CLUSTER_ID

# A trace is one of a topic if it is as near to the centroid as all but the farthest of the members. With this
# share, about as many traces beyond the sample belong to a cluster as in the sample, see topics/README.md.
_SHARE_OF_FAR_MEMBERS = 0.01

_TINY = float(np.finfo(np.float32).tiny)


def calculate_embedding_centroids(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean direction of the members of each cluster, and how far the cluster reaches from it.

    Parameters
    ----------
    embeddings : float32 array, shape (n, d)
        Of any length; only directions count.
    labels : int64 array, shape (n,)
        From 0 to k-1; -1 is noise, which has no centroid.

    Returns
    -------
    centroids : float32 array, shape (k, d)
        Of length 1.
    radii : float32 array, shape (k,)
        The cosine similarity to the centroid of the others that 99 % of the members have at least. A member
        is nearer to a centroid to which it contributes than an equal trace beyond the sample is.
    """
    k = int(labels.max(initial=NOISE_CLUSTER_ID)) + 1
    centroids = np.zeros((k, embeddings.shape[1]), dtype=np.float32)
    radii = np.zeros(k, dtype=np.float32)
    for cluster in range(k):
        members = normalize_l2(embeddings[labels == cluster]).astype(np.float64)
        total = members.sum(axis=0)
        centroids[cluster] = total / max(float(np.linalg.norm(total)), _TINY)
        radii[cluster] = np.quantile(_measure_without_oneself(members, total), _SHARE_OF_FAR_MEMBERS)
    return centroids, radii


def _measure_without_oneself(members: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosine similarity of each member to the sum of the others; 1 for one that is alone."""
    if len(members) == 1:
        return np.ones(1)
    products = members @ total - (members * members).sum(axis=1)
    squares = total @ total - 2 * (members @ total) + (members * members).sum(axis=1)
    similarities: NDArray[np.float64] = products / np.sqrt(np.maximum(squares, _TINY))
    return similarities

"""Where clusters lie among the embeddings: comparable from run to run, unlike the clustering space."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.space.normalize import normalize_l2
from trace_clustering.constants import NOISE_CLUSTER_ID

# A trace is one of a topic if it is as near to the centroid as all but the farthest of the members.
_SHARE_OF_FAR_MEMBERS = 0.05


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
        The cosine similarity to the centroid that 95 % of the members have at least.
    """
    k = int(labels.max(initial=NOISE_CLUSTER_ID)) + 1
    centroids = np.zeros((k, embeddings.shape[1]), dtype=np.float32)
    radii = np.zeros(k, dtype=np.float32)
    for cluster in range(k):
        members = normalize_l2(embeddings[labels == cluster])
        mean = members.mean(axis=0, dtype=np.float64)
        centroids[cluster] = mean / max(float(np.linalg.norm(mean)), np.finfo(np.float64).tiny)
        radii[cluster] = np.quantile(members @ centroids[cluster], _SHARE_OF_FAR_MEMBERS)
    return centroids, radii

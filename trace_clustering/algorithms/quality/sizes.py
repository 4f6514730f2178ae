"""How much the size of a cluster depends on the layout in which it is found."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.quality.stability import count_clusters, count_common_members


def measure_size_deviations(clusterings: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Measure by how much other clusterings of the same points find a cluster larger or smaller.

    The most similar cluster of each clustering, by the Jaccard index, is compared with the cluster.

    Parameters
    ----------
    clusterings : int64 array, shape (m, n)
        Cluster ids of n points in m clusterings; -1 is noise.
    labels : int64 array, shape (n,)
        The clusters that are compared with them.

    Returns
    -------
    float32 array, shape (k,)
        Root mean square of the relative differences. A cluster that a clustering does not find is 0 there.
    """
    n_clusters = count_clusters(labels)
    sizes = np.bincount(labels + 1, minlength=n_clusters + 1)[1:]
    squares = np.zeros(n_clusters)
    for found in clusterings:
        common = count_common_members(labels, found, n_clusters)
        sizes_found = np.bincount(found + 1, minlength=common.shape[1] + 1)[1:]
        if common.shape[1] == 0:
            squares += 1
            continue
        similarity = common / np.maximum(sizes[:, None] + sizes_found - common, 1)
        nearest = similarity.argmax(axis=1)
        matched = np.where(similarity.max(axis=1) > 0, sizes_found[nearest], 0)
        squares += (matched / np.maximum(sizes, 1) - 1) ** 2
    return np.sqrt(squares / max(len(clusterings), 1)).astype(np.float32)

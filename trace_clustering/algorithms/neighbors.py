"""Which rows are nearest to which, exactly."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.distances import ROUNDING, centred_points

# Numbers in a block of distances: 32 MB.
_BLOCK = 1 << 22


def nearest_neighbors(points: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the k nearest rows of every row by Euclidean distance, looking at all of them.

    Distances are the work of matrix multiplication, a block of rows at a time: in many dimensions no index
    is faster, and an approximate one would find other neighbours with another seed.

    Parameters
    ----------
    points : array of shape (n, d)
    k : int
        From 1 to n; the row itself is one of them.

    Returns
    -------
    indices : int32 array, shape (n, k)
        Rows from near to far, starting with the row itself. Of equally far ones the first come first.
    distances : float32 array, shape (n, k)
        Exactly 0 to the row itself, which UMAP relies on, and to its copies.

    Raises
    ------
    ValueError
        If k is not from 1 to n.
    """
    n = len(points)
    if not 1 <= k <= n:
        raise ValueError(f"k = {k}: must be from 1 to the {n} points")
    indices = np.empty((n, k), dtype=np.int32)
    distances = np.empty((n, k), dtype=np.float32)
    centred, squares = centred_points(points)
    rows_at_a_time = max(1, _BLOCK // n)
    for start in range(0, n, rows_at_a_time):
        rows = np.arange(start, min(start + rows_at_a_time, n))
        lengths = squares[rows, None] + squares
        found = lengths - 2 * (centred[rows] @ centred.T)
        found[found < ROUNDING * lengths] = 0
        # The bits of floats that are not negative are in their order: distance and row make one number.
        bits = np.sqrt(found).astype(np.float32).view(np.uint32)
        keys = (bits.astype(np.uint64) << np.uint64(32)) | np.arange(n, dtype=np.uint64)
        keys[np.arange(len(rows)), rows] = 0  # before any copy of it
        nearest = np.sort(np.partition(keys, k - 1, axis=1)[:, :k], axis=1)
        indices[rows] = nearest & np.uint64(0xFFFFFFFF)
        distances[rows] = (nearest >> np.uint64(32)).astype(np.uint32).view(np.float32)
        indices[rows, 0] = rows
    return indices, distances

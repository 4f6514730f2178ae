"""Which rows are nearest to which, looking at all of them."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.validation import require_points
from trace_clustering.processes.compiled_code import compiled

# Numbers in a block of products: 16 MB.
_BLOCK = 1 << 22
# Products in single precision order the nearest rows well enough to find as many more than are wanted.
_SPARE = 8


def nearest_neighbors(points: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the k nearest rows of every row by Euclidean distance.

    Candidates are the work of matrix multiplication, a block of rows at a time: in many dimensions no index
    is faster, and an approximate one would find other neighbours with another seed. Their distances are then
    computed exactly. Threads work on several blocks at once; the result does not depend on their number.

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
    InvalidEmbeddingsError
        If there are no points, or values are not finite.
    ValueError
        If k is not from 1 to n.
    """
    require_points(points)
    n = len(points)
    if not 1 <= k <= n:
        raise ValueError(f"k = {k}: must be from 1 to the {n} points")
    from threadpoolctl import threadpool_limits

    centred = _centred_and_scaled(points)
    halves = np.einsum("ij,ij->i", centred, centred) / 2
    rows_at_a_time = max(1, _BLOCK // n)
    keep_nearest, measure = compiled(_keep_nearest), compiled(_measure)

    def search(start: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        products = centred[start : start + rows_at_a_time] @ centred.T
        candidates = keep_nearest(products, halves, start, min(n, k + _SPARE))
        nearest: tuple[NDArray[np.int32], NDArray[np.float32]] = measure(points, candidates, start, k)
        return nearest

    with ThreadPoolExecutor(os.cpu_count()) as threads, threadpool_limits(1, user_api="blas"):
        found = list(threads.map(search, range(0, n, rows_at_a_time)))
    return np.concatenate([block[0] for block in found]), np.concatenate([block[1] for block in found])


def _centred_and_scaled(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the points around 0, where products are most exact, and so small that none overflows."""
    centred: NDArray[np.float32] = points - points.mean(axis=0, dtype=np.float64).astype(np.float32)
    largest = np.abs(centred).max(initial=0)
    if largest > 0:
        np.divide(centred, largest, out=centred)
    return centred


def _keep_nearest(
    products: NDArray[np.float32], halves: NDArray[np.float32], first: int, k: int
) -> NDArray[np.int32]:
    """Return the k nearest columns of each row; `halves` are half the squared lengths. Compiled."""
    kept = np.empty((len(products), k), dtype=np.int32)
    for row in range(len(products)):
        away = np.full(k, np.inf, dtype=np.float32)
        away[0] = -np.inf  # the row itself, whatever rounding says
        kept[row, 0] = first + row
        for column in range(products.shape[1]):
            # Half the squared distance, but for what is the same in the whole row.
            key = halves[column] - products[row, column]
            if key < away[k - 1] and column != first + row:
                place = k - 1
                while key < away[place - 1]:
                    away[place] = away[place - 1]
                    kept[row, place] = kept[row, place - 1]
                    place -= 1
                away[place] = key
                kept[row, place] = column
    return kept


def _measure(
    points: NDArray[np.float32], candidates: NDArray[np.int32], first: int, k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the k nearest of each row's candidates, and their distances. Compiled."""
    nearest = np.empty((len(candidates), k), dtype=np.int32)
    distances = np.empty((len(candidates), k), dtype=np.float32)
    squares = np.empty(candidates.shape[1])
    for row in range(len(candidates)):
        for place, candidate in enumerate(candidates[row]):
            square = 0.0
            for d in range(points.shape[1]):
                difference = np.float64(points[candidate, d]) - np.float64(points[first + row, d])
                square += difference * difference
            squares[place] = square
        by_row = np.argsort(candidates[row])
        order = by_row[np.argsort(squares[by_row], kind="mergesort")]
        place = 1
        nearest[row, 0], distances[row, 0] = first + row, 0
        for candidate in order:
            if place < k and candidates[row, candidate] != first + row:
                nearest[row, place] = candidates[row, candidate]
                distances[row, place] = np.sqrt(squares[candidate])
                place += 1
    return nearest, distances

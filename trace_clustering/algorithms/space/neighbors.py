"""Which rows are nearest to which, comparing every row with every other."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.validation import require_points
from trace_clustering.constants import DEFAULT_RANDOM_STATE
from trace_clustering.processes.compiled_code import compile_function
from trace_clustering.processes.cores import count_cores

_MAX_UNCOMPRESSED_ROWS = 5_000
_MAX_DECOMPOSED_ROWS = 10_000
_COMPRESSED_DIMENSIONS = 256
_ROWS_AT_A_TIME = 4_096
# A block of products holds this many numbers: 16 MB.
_PRODUCTS_AT_A_TIME = 1 << 22
# Products in single precision confuse rows that are almost equally far. So this many more candidates than
# neighbours are kept, until exact distances decide.
_SPARE_CANDIDATES = 8


class Neighbors(NamedTuple):
    """The k nearest rows of each of n rows, from near to far, starting with the row itself.

    Attributes
    ----------
    indices : int32 array, shape (n, k)
    distances : float32 array, shape (n, k)
    """

    indices: NDArray[np.int32]
    distances: NDArray[np.float32]


def find_neighbors_of_embeddings(
    embeddings: NDArray[np.float32],
    k: int,
    random_state: int = DEFAULT_RANDOM_STATE,
    rows: NDArray[np.int64] | None = None,
) -> Neighbors:
    """Find the k nearest embeddings of every embedding, shape (n, d); many wide ones are compressed first.

    Parameters, result and errors are those of `compress_for_search` and `find_nearest_neighbors`.
    """
    return find_nearest_neighbors(compress_for_search(embeddings, random_state, rows), k)


def compress_for_search(
    embeddings: NDArray[np.float32],
    random_state: int = DEFAULT_RANDOM_STATE,
    rows: NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """Project many wide rows on their 256 principal components, where searching neighbours takes less time.

    The components are those of at most 10,000 rows, spread evenly over all of them.

    Parameters
    ----------
    embeddings : array of shape (n, d)
    random_state : int
        Seed of the randomized decomposition.
    rows : int64 array, shape (m,), or None
        The rows that are used; None for all.

    Returns
    -------
    array of shape (m, 256)
        The embeddings themselves if there are at most 5,000 rows or 256 columns.
    """
    n, d = len(embeddings) if rows is None else len(rows), embeddings.shape[1]
    if n <= _MAX_UNCOMPRESSED_ROWS or d <= _COMPRESSED_DIMENSIONS:
        return embeddings if rows is None else embeddings[rows]
    from sklearn.decomposition import PCA

    used = np.arange(n) if rows is None else rows  # a copy of the used rows would double the memory
    sample = embeddings[used[np.linspace(0, n - 1, min(n, _MAX_DECOMPOSED_ROWS)).astype(np.int64)]]
    model = PCA(
        _COMPRESSED_DIMENSIONS,
        svd_solver="randomized",
        iterated_power=2,
        copy=False,
        random_state=random_state,
    ).fit(sample)
    compressed = np.empty((n, _COMPRESSED_DIMENSIONS), dtype=np.float32)

    def compress(start: int) -> None:
        block = slice(start, start + _ROWS_AT_A_TIME)  # in one call, the model would copy the whole matrix
        compressed[block] = model.transform(embeddings[used[block]])

    with ThreadPoolExecutor(count_cores()) as threads:
        list(threads.map(compress, range(0, n, _ROWS_AT_A_TIME)))
    return compressed


def find_nearest_neighbors(points: NDArray[np.float32], k: int) -> Neighbors:
    """Find the k nearest rows of every row by Euclidean distance.

    Matrix multiplication finds candidates, a block of rows at a time: in many dimensions no index is faster,
    and an approximate index would find other neighbours with another seed. The distances of the candidates
    are then computed exactly. Threads work on several blocks at once; the result does not depend on their
    number.

    Parameters
    ----------
    points : array of shape (n, d)
    k : int
        From 1 to n; the row itself is one of them.

    Returns
    -------
    Neighbors
        On ties, the row with the smaller index comes first. Distances are exactly 0 to the row itself, which
        UMAP relies on, and to its copies.

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

    scaled = _center_and_scale(points)
    half_squares = np.einsum("ij,ij->i", scaled, scaled) / 2
    rows_at_a_time = max(1, _PRODUCTS_AT_A_TIME // n)
    keep_nearest, measure = compile_function(_keep_nearest), compile_function(_measure_candidates)

    def search(start: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        products = scaled[start : start + rows_at_a_time] @ scaled.T
        candidates = keep_nearest(products, half_squares, start, min(n, k + _SPARE_CANDIDATES))
        nearest: tuple[NDArray[np.int32], NDArray[np.float32]] = measure(points, candidates, start, k)
        return nearest

    with ThreadPoolExecutor(count_cores()) as threads, threadpool_limits(1, user_api="blas"):
        blocks = list(threads.map(search, range(0, n, rows_at_a_time)))
    indices, distances = zip(*blocks, strict=True)
    return Neighbors(np.concatenate(indices), np.concatenate(distances))


def _center_and_scale(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the points around 0, where products are most exact, and so small that no product overflows."""
    centred: NDArray[np.float32] = points - points.mean(axis=0, dtype=np.float64).astype(np.float32)
    largest = np.abs(centred).max(initial=0)
    if largest > 0:
        np.divide(centred, largest, out=centred)
    return centred


def _keep_nearest(
    products: NDArray[np.float32], half_squares: NDArray[np.float32], first: int, k: int
) -> NDArray[np.int32]:
    """Return the k nearest columns of each row, given half of each column's squared length. Compiled."""
    kept = np.empty((len(products), k), dtype=np.int32)
    for row in range(len(products)):
        keys = np.full(k, np.inf, dtype=np.float32)
        keys[0] = -np.inf  # the row itself, whatever rounding says
        kept[row, 0] = first + row
        for column in range(products.shape[1]):
            # Half the squared distance without the row's own squared length, which does not change the order.
            key = half_squares[column] - products[row, column]
            if key < keys[k - 1] and column != first + row:
                place = k - 1
                while key < keys[place - 1]:
                    keys[place] = keys[place - 1]
                    kept[row, place] = kept[row, place - 1]
                    place -= 1
                keys[place] = key
                kept[row, place] = column
    return kept


def _measure_candidates(
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
        by_index = np.argsort(candidates[row])
        order = by_index[np.argsort(squares[by_index], kind="mergesort")]
        place = 1
        nearest[row, 0], distances[row, 0] = first + row, 0
        for candidate in order:
            if place < k and candidates[row, candidate] != first + row:
                nearest[row, place] = candidates[row, candidate]
                distances[row, place] = np.sqrt(squares[candidate])
                place += 1
    return nearest, distances

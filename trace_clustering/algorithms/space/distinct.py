"""Which embeddings are copies of one another: equal, or equal but for rounding."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.algorithms.copies import Copies
from trace_clustering.algorithms.validation import require_points
from trace_clustering.errors import InvalidEmbeddingsError
from trace_clustering.processes.compiled_code import compile_function

# Embeddings are copies up to this distance, as a share of their length. The same text embedded twice differs
# by rounding, to half precision at worst, which is less. One changed word moves it ten times as far.
MAX_DISTANCE_OF_COPIES = 5e-3
# Distances are kept in single precision, which ends at 3.4e38.
MAX_LENGTH = 1e37
# Copies are near each other in every direction. Most other embeddings are told apart by one of these few.
_N_DIRECTIONS = 8
# In a heap of embeddings that are almost copies, comparing all pairs would take hours.
_MAX_COMPARED = 64


def find_near_copies(embeddings: NDArray[np.float32]) -> Copies:
    """Find the embeddings, shape (n, d), that are equal to another one but for rounding.

    The embeddings are taken in the order of their length in a fixed direction. Each one is either a copy of a
    first of a kind before it, at most `MAX_DISTANCE_OF_COPIES` away, or is the first of a kind itself. So
    neither the order of the rows nor a seed decides, and a chain of embeddings, each near the next, does not
    become one kind.

    Raises
    ------
    InvalidEmbeddingsError
        If there are no embeddings, values are not finite, or an embedding is longer than `MAX_LENGTH`.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64))
    require_points(lengths)
    if lengths.max() > MAX_LENGTH:
        raise InvalidEmbeddingsError(
            f"An embedding has the length {lengths.max():.3g}, but distances can be computed only "
            f"up to {MAX_LENGTH:g}: set embedding_normalization to l2"
        )
    projections = _project_on_directions(embeddings)
    order = np.lexsort(projections.T[::-1])
    assign = compile_function(_assign_to_firsts)
    reach = lengths * MAX_DISTANCE_OF_COPIES
    return Copies.from_groups(assign(embeddings, projections, reach, order))


def _project_on_directions(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the lengths of embeddings in a few fixed directions, shape (n, 8)."""
    directions = np.random.default_rng(0).normal(size=(embeddings.shape[1], _N_DIRECTIONS))
    directions /= np.maximum(np.linalg.norm(directions, axis=0), np.finfo(np.float64).tiny)
    return embeddings @ directions.astype(np.float32)


def _assign_to_firsts(
    embeddings: NDArray[np.float32],
    projections: NDArray[np.float32],
    reach: NDArray[np.float64],
    order: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return for each row the row that is the first of its kind, maybe itself. Compiled."""
    n, d = embeddings.shape
    groups = np.empty(n, dtype=np.int64)
    firsts = np.empty(n, dtype=np.int64)
    n_firsts = 0
    for row in order:
        groups[row] = row
        place, n_compared = n_firsts - 1, 0
        while (
            place >= 0
            and n_compared < _MAX_COMPARED
            and projections[row, 0] - projections[firsts[place], 0] <= reach[row]
        ):
            first = firsts[place]
            place -= 1
            direction = 1
            while (
                direction < projections.shape[1]
                and abs(projections[row, direction] - projections[first, direction]) <= reach[row]
            ):
                direction += 1
            if direction < projections.shape[1]:
                continue
            n_compared += 1
            square, column = 0.0, 0
            while column < d and square <= reach[row] * reach[row]:
                for c in range(column, min(column + 64, d)):
                    difference = np.float64(embeddings[row, c]) - np.float64(embeddings[first, c])
                    square += difference * difference
                column += 64
            if square <= reach[row] * reach[row]:
                groups[row] = first
                break
        if groups[row] == row:
            firsts[n_firsts] = row
            n_firsts += 1
    return groups

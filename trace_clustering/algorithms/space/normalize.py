"""Vectors made comparable."""

import numpy as np
from numpy.typing import NDArray


def normalize_l2(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide each row by its Euclidean norm.

    Parameters
    ----------
    vectors : array of shape (n, d)

    Returns
    -------
    array of shape (n, d)
        Rows of length 1; zero rows stay zero.
    """
    # Squares of float32 overflow; these calls work in float64 without a second copy of the matrix in it.
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    norms[norms == 0] = 1
    normalized = np.empty(vectors.shape, dtype=np.float32)
    np.divide(vectors, norms[:, None], out=normalized, casting="same_kind")
    return normalized

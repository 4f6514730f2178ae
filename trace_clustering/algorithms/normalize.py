"""Vectors of unit length."""

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
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    norms[norms == 0] = 1
    normalized: NDArray[np.float32] = vectors / norms
    return normalized

"""Embeddings of one length, so that only their direction counts."""

import numpy as np
from numpy.typing import NDArray


def normalize_l2(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide each row by its Euclidean norm.

    Parameters
    ----------
    embeddings : array of shape (n, d)

    Returns
    -------
    array of shape (n, d)
        Rows of length 1; zero rows stay zero.
    """
    # Squares of float32 overflow. These calls compute in float64 without a float64 copy of the matrix.
    norms = np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64))
    norms[norms == 0] = 1
    normalized = np.empty(embeddings.shape, dtype=np.float32)
    np.divide(embeddings, norms[:, None], out=normalized, casting="same_kind")
    return normalized

"""The check that clustering and the search for neighbours make on their points."""

import numpy as np
from numpy.typing import NDArray

from trace_clustering.errors import InvalidEmbeddingsError


def require_points(points: NDArray[np.float32]) -> None:
    """Check that there are points, shape (n, r), and that all their values are finite.

    Raises
    ------
    InvalidEmbeddingsError
        If there are none, or some are NaN or infinite.
    """
    if len(points) == 0:
        raise InvalidEmbeddingsError("Cannot cluster empty embeddings array")
    if not np.isfinite(points).all():
        raise InvalidEmbeddingsError("Cannot cluster points that hold NaN or infinity")

"""Matches two sets one to one."""

import numpy as np
from numpy.typing import NDArray


def match_one_to_one(weights: NDArray[np.float64]) -> dict[int, int]:
    """Return the column that each row is matched with, so that the sum of the weights is largest (Kuhn 1955).

    Parameters
    ----------
    weights : float64 array, shape (k, t)
        0 or more. What has a weight of 0 is not matched.
    """
    from scipy.optimize import linear_sum_assignment

    pairs = zip(*(index.tolist() for index in linear_sum_assignment(weights, maximize=True)), strict=True)
    return {row: column for row, column in pairs if weights[row, column] > 0}

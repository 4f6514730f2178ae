"""Average linkage of groups that may hold many points from the start."""

import numpy as np
from numpy.typing import NDArray


def average_linkage(
    similarities: NDArray[np.float64], sizes: NDArray[np.int64], least: float
) -> NDArray[np.int64]:
    """Join groups as long as the mean similarity of their points is above a limit.

    The nearest-neighbour chain (Murtagh 1983) finds the joins of average linkage, which never lead to a
    larger similarity than those before them; so a group that is near nobody any more is finished.

    Parameters
    ----------
    similarities : array of shape (u, u)
        Mean similarity of the points of two groups. Overwritten.
    sizes : array of shape (u,)
        How many points each group holds.
    least : float
        Groups that are as similar as this, or less, stay apart.

    Returns
    -------
    array of shape (u,)
        For each given group, the first of those that it was joined with.
    """
    np.fill_diagonal(similarities, -np.inf)
    weights = sizes.astype(np.float64)
    joined = np.arange(len(sizes))
    open_groups = np.ones(len(sizes), dtype=bool)
    for start in range(len(sizes)):
        chain = [start]
        while open_groups[start]:
            last = chain[-1]
            nearest = int(similarities[last].argmax())
            if len(chain) > 1 and similarities[last, chain[-2]] >= similarities[last, nearest]:
                nearest = chain[-2]
            if similarities[last, nearest] <= least:  # only ever true of a chain of one
                open_groups[last] = False
                similarities[:, last] = -np.inf
                break
            if len(chain) == 1 or nearest != chain[-2]:
                chain.append(nearest)
                continue
            into, gone = sorted((last, nearest))
            both = np.average(similarities[[into, gone]], axis=0, weights=weights[[into, gone]])
            similarities[into] = similarities[:, into] = both
            similarities[into, into] = similarities[:, gone] = -np.inf
            weights[into] += weights[gone]
            joined[joined == gone] = into
            open_groups[gone] = False
            chain = chain[:-2] or [into]
    return joined

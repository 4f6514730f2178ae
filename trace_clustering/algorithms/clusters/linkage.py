"""Average linkage of groups that hold many points from the start, which scipy does not offer."""

import numpy as np
from numpy.typing import NDArray


def join_by_average_linkage(
    similarities: NDArray[np.float64], sizes: NDArray[np.int64], threshold: float
) -> NDArray[np.int64]:
    """Join groups as long as the mean similarity of their points is above a threshold.

    The algorithm is the nearest-neighbour chain (Murtagh 1983). A joined group is never more similar to a
    third group than the nearer of its two parts was, so a group without a neighbour above the threshold is
    finished.

    Parameters
    ----------
    similarities : array of shape (u, u)
        Mean similarity of the points of two groups. Overwritten.
    sizes : array of shape (u,)
        Number of points in each group.
    threshold : float
        Groups with this similarity or less are not joined.

    Returns
    -------
    array of shape (u,)
        For each given group, the first of the groups that it was joined with, or itself.
    """
    np.fill_diagonal(similarities, -np.inf)
    weights = sizes.astype(np.float64)
    joined_into = np.arange(len(sizes))
    open_groups = np.ones(len(sizes), dtype=bool)
    for start in range(len(sizes)):
        chain = [start]
        while open_groups[start]:
            last = chain[-1]
            nearest = int(similarities[last].argmax())
            if len(chain) > 1 and similarities[last, chain[-2]] >= similarities[last, nearest]:
                nearest = chain[-2]
            if similarities[last, nearest] <= threshold:  # only in a chain of one: similarities grow along it
                open_groups[last] = False
                similarities[:, last] = -np.inf
                break
            if len(chain) == 1 or nearest != chain[-2]:
                chain.append(nearest)
                continue
            kept, dropped = sorted((last, nearest))
            averaged = np.average(similarities[[kept, dropped]], axis=0, weights=weights[[kept, dropped]])
            similarities[kept] = similarities[:, kept] = averaged
            similarities[kept, kept] = similarities[:, dropped] = -np.inf
            weights[kept] += weights[dropped]
            joined_into[joined_into == dropped] = kept
            open_groups[dropped] = False
            chain = chain[:-2] or [kept]
    return joined_into

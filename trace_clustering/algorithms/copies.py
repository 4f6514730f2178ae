"""Traces that occur more than once: copies are one point with a weight, so that they share all results."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Copies:
    """Which of n rows are copies of one another; each group of copies is one of u kinds.

    Attributes
    ----------
    first_rows : int64 array, shape (u,)
        The first row of each kind, in ascending order.
    kinds : int64 array, shape (n,)
        The kind of each row.
    """

    first_rows: NDArray[np.int64]
    kinds: NDArray[np.int64]

    @classmethod
    def find(cls, rows: NDArray[np.float32]) -> Self:
        """Find the rows, shape (n, d), that are exactly equal."""
        groups = np.arange(len(rows))
        if rows.shape[1] > 0:
            # Few rows of real data share their first value. Only these are compared as a whole.
            _, first_values, sizes = np.unique(rows[:, 0], return_inverse=True, return_counts=True)
            shared = np.flatnonzero(sizes[first_values] > 1)
            whole = np.ascontiguousarray(rows[shared] + np.float32(0))  # turns -0 into 0
            packed = whole.view(np.dtype((np.void, whole.itemsize * whole.shape[1]))).ravel()
            _, first, same = np.unique(packed, return_index=True, return_inverse=True)
            groups[shared] = shared[first][same]
        return cls.from_groups(groups)

    @classmethod
    def from_groups(cls, groups: NDArray[np.int64]) -> Self:
        """Make copies of the rows that have the same number, shape (n,)."""
        _, first_rows, group_of = np.unique(groups, return_index=True, return_inverse=True)
        numbers = np.empty(len(first_rows), dtype=np.int64)
        order = np.argsort(first_rows)
        numbers[order] = np.arange(len(first_rows))
        return cls(first_rows[order].astype(np.int64), numbers[group_of])

    @property
    def exist(self) -> bool:
        """Whether any two rows are copies."""
        return len(self.first_rows) < len(self.kinds)

    @property
    def counts(self) -> NDArray[np.int64]:
        """The number of rows of each kind, shape (u,)."""
        return np.bincount(self.kinds, minlength=len(self.first_rows))

    @property
    def used_rows(self) -> NDArray[np.int64] | None:
        """The first row of each kind; None without copies: then all rows are used."""
        return self.first_rows if self.exist else None

    def take_first(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return the first row of each kind, shape (u, ...); the rows themselves if there are no copies."""
        return rows[self.first_rows] if self.exist else rows

    def repeat(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return for each of the n rows the value of its kind; the values themselves without copies."""
        return values[self.kinds] if self.exist else values

    def repeat_neighbors(self, neighbors: NDArray[np.int32], k: int) -> NDArray[np.int32]:
        """Return the k nearest of all n rows, copies included, given the nearest kinds of each kind.

        Parameters
        ----------
        neighbors : int32 array, shape (u, min(k, u) or more)
            Nearest kinds, the kind itself first.
        k : int
            From 1 to n.

        Returns
        -------
        int32 array, shape (n, k)
            Each row itself comes first, then its copies, then those of the nearest other kind, and so on.
        """
        if not self.exist:
            return neighbors[:, :k]
        by_kind = np.argsort(self.kinds, kind="stable").astype(np.int32)
        members = [rows[:k] for rows in np.split(by_kind, np.cumsum(self.counts)[:-1])]
        nearest = np.empty((len(self.kinds), k), dtype=np.int32)
        for kind, others in enumerate(neighbors):
            nearest[self.first_rows[kind]] = np.concatenate([members[other] for other in others[:k]])[:k]
        for row, kind in enumerate(self.kinds):
            others = nearest[self.first_rows[kind]]
            nearest[row] = np.append(row, others[others != row])[:k]
        return nearest

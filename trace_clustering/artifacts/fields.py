"""How an artifact declares its arrays, so that a file of it can be written and read by the declaration alone.

Fields made with `column()` become columns of the stored file, everything else goes into its header.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from trace_clustering.artifacts.provenance import Provenance


def column(dtype: str, ndim: int = 1) -> Any:  # noqa: ANN401 - typed like dataclasses.field
    """Declare an array with one row per trace (or cluster) of the artifact."""
    return field(metadata={"column": True, "dtype": dtype, "ndim": ndim})


def matrix() -> Any:  # noqa: ANN401
    """Declare a small float32 matrix whose rows are not the rows of the artifact."""
    return field(metadata={"column": False, "dtype": "float32", "ndim": 2})


def vector() -> Any:  # noqa: ANN401
    """Declare a few float32 numbers, NaN among them, that are not about the rows of the artifact."""
    return field(metadata={"column": False, "dtype": "float32", "ndim": 1})


@dataclass(frozen=True, eq=False, kw_only=True)
class Artifact:
    """Base of what an asset makes."""

    provenance: Provenance

    @classmethod
    def empty(cls, provenance: Provenance, **header: Any) -> Self:  # noqa: ANN401
        """Return the explicit result of having too little data: no rows, and the reason in the provenance."""
        arrays = {
            f.name: np.empty((0,) * f.metadata["ndim"], dtype=f.metadata["dtype"])
            for f in dataclasses.fields(cls)
            if f.metadata
        }
        return cls(provenance=provenance, **arrays, **header)

"""How an artifact declares what it stores, so that a file of it is written and read by the declaration alone.

Fields made with `column()` become columns of the stored file, everything else goes into its header.
"""

import dataclasses
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from trace_clustering.artifacts.provenance import Provenance

_STORED_AS = "stored_as"


@dataclass(frozen=True)
class StoredAs:
    """How a field is stored.

    Attributes
    ----------
    name : str
        Name of the column or of the key in the header; a column's name says what one of its values is.
    former_name : str
        Name in files of format 1.
    is_column : bool
    dtype : str
        Type of the array; empty for what is plain JSON.
    ndim : int
    fill : object
        Value of every row of a file that was made before the column existed; None if there is no such value.
    """

    name: str
    former_name: str
    is_column: bool = False
    dtype: str = ""
    ndim: int = 1
    fill: Any = None


def column(name: str, dtype: str, *, ndim: int = 1, former_name: str = "", fill: Any = None) -> Any:  # noqa: ANN401 - typed like dataclasses.field
    """Declare an array with one row per trace (or cluster) of the artifact."""
    return field(metadata={_STORED_AS: StoredAs(name, former_name, True, dtype, ndim, fill)})


def matrix() -> Any:  # noqa: ANN401
    """Declare a small float32 matrix whose rows are not the rows of the artifact."""
    return field(metadata={_STORED_AS: StoredAs("", "", False, "float32", 2)})


def vector() -> Any:  # noqa: ANN401
    """Declare a few float32 numbers, NaN among them, that are not about the rows of the artifact."""
    return field(metadata={_STORED_AS: StoredAs("", "", False, "float32", 1)})


def entry(default: Any, *, former_name: str = "") -> Any:  # noqa: ANN401
    """Declare an entry of the header that is plain JSON, with its value where a file does not have it."""
    return field(default_factory=lambda: copy(default), metadata={_STORED_AS: StoredAs("", former_name)})


def stored_as(declared: "dataclasses.Field[Any]") -> StoredAs:
    """Return how a field is stored; by default under its own name, as it always was."""
    found: StoredAs = declared.metadata.get(_STORED_AS, StoredAs("", ""))
    return dataclasses.replace(
        found, name=found.name or declared.name, former_name=found.former_name or declared.name
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Artifact:
    """Base of what an asset makes."""

    provenance: Provenance

    @classmethod
    def empty(cls, provenance: Provenance, **header: Any) -> Self:  # noqa: ANN401
        """Return the explicit result of having too little data: no rows, and the reason in the provenance."""
        arrays = {
            declared.name: np.empty((0,) * how.ndim, dtype=how.dtype)
            for declared in dataclasses.fields(cls)
            if (how := stored_as(declared)).dtype
        }
        return cls(provenance=provenance, **arrays, **header)

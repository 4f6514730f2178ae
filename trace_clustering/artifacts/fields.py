"""Declares how the fields of an artifact are stored, so that `parquet.py` needs no code for each artifact.

Fields made with `column()` become columns of the file; all other fields go into its header.
"""

import dataclasses
import hashlib
import json
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

from trace_clustering.artifacts.provenance import Provenance

_STORAGE = "storage"


@dataclass(frozen=True)
class FieldStorage:
    """How a field is stored.

    Attributes
    ----------
    name : str
        Name of the column or of the key in the header; columns are named in the singular, for one value.
    former_name : str
        Name in files of format 1.
    is_column : bool
    dtype : str
        Type of the array; empty for plain JSON.
    ndim : int
    fill : object
        Value of every row if a file lacks the column, because it is older; None if the column is required.
    """

    name: str
    former_name: str
    is_column: bool = False
    dtype: str = ""
    ndim: int = 1
    fill: Any = None


def column(name: str, dtype: str, *, ndim: int = 1, former_name: str = "", fill: Any = None) -> Any:  # noqa: ANN401 - typed like dataclasses.field
    """Declare an array with one row per trace (or cluster) of the artifact."""
    return field(metadata={_STORAGE: FieldStorage(name, former_name, True, dtype, ndim, fill)})


def matrix(*, optional: bool = False) -> Any:  # noqa: ANN401
    """Declare a small float32 matrix whose rows are not the rows of the artifact.

    If it is `optional`, older files may lack it; it is empty then.
    """
    return _declare_in_header(2, optional)


def vector(*, optional: bool = False) -> Any:  # noqa: ANN401
    """Declare a short float32 array whose values are not about the rows of the artifact; NaN is allowed.

    If it is `optional`, older files may lack it; it is empty then.
    """
    return _declare_in_header(1, optional)


def _declare_in_header(ndim: int, optional: bool) -> Any:  # noqa: ANN401
    metadata = {_STORAGE: FieldStorage("", "", False, "float32", ndim)}
    if not optional:
        return field(metadata=metadata)
    return field(default_factory=lambda: np.empty((0,) * ndim, dtype=np.float32), metadata=metadata)


def entry(default: Any, *, former_name: str = "") -> Any:  # noqa: ANN401
    """Declare an entry of the header that is plain JSON, and its value if a file lacks it."""
    return field(default_factory=lambda: copy(default), metadata={_STORAGE: FieldStorage("", former_name)})


def get_storage(declared: "dataclasses.Field[Any]") -> FieldStorage:
    """Return how a field is stored; without a declaration, in the header under its own name."""
    found: FieldStorage = declared.metadata.get(_STORAGE, FieldStorage("", ""))
    return dataclasses.replace(
        found, name=found.name or declared.name, former_name=found.former_name or declared.name
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Artifact:
    """Base of the values that the assets make and pass on."""

    provenance: Provenance

    @cached_property
    def digest(self) -> str:
        """Identity of the content: equal for artifacts of equal fields, whichever run made them.

        A stored artifact keeps the digest that it was stored with.
        """
        who = ("dagster_run_id", "settings_from")  # who stored it and set it, not what it is
        origin = {name: value for name, value in self.provenance.to_json().items() if name not in who}
        hashed = hashlib.blake2b(digest_size=16)
        hashed.update(_to_bytes([type(self).__name__, origin]))
        for declared in dataclasses.fields(self):
            value = getattr(self, declared.name)
            if isinstance(value, np.ndarray):
                hashed.update(_to_bytes([declared.name, value.dtype.str, value.shape]))
                hashed.update(_to_bytes(value.tolist()) if value.dtype == object else _view_bytes(value))
            elif declared.name != "provenance":
                hashed.update(_to_bytes([declared.name, value]))
        return hashed.hexdigest()

    def keep_digest(self, digest: str) -> None:
        """Set the digest that the artifact was stored with; another version may hash other fields."""
        vars(self)["digest"] = digest

    @classmethod
    def empty(cls, provenance: Provenance, **header: Any) -> Self:  # noqa: ANN401
        """Return the artifact for too little data: no rows, and the reason in the provenance."""
        arrays = {
            declared.name: np.empty((0,) * how.ndim, dtype=how.dtype)
            for declared in dataclasses.fields(cls)
            if (how := get_storage(declared)).dtype
        }
        return cls(provenance=provenance, **arrays, **header)


def _to_bytes(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(value, sort_keys=True).encode()


def _view_bytes(values: np.ndarray) -> memoryview:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data

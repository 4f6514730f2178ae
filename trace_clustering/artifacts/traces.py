"""The artifacts about the traces of a run, before they are clustered.

Arrays have one row per trace, in the same order in every artifact of a run: sorted by trace id.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trace_clustering.artifacts.fields import Artifact, column, entry
from trace_clustering.traces.arrays import FloatArray, IntArray, StringArray, TimeArray


@dataclass(frozen=True, eq=False, kw_only=True)
class TraceArtifact(Artifact):
    """Base of the artifacts with one row per trace.

    Attributes
    ----------
    trace_ids : array of str, shape (n,)
        Sorted, unique.
    timestamps : array of datetime64[ms], shape (n,)
        When the embedded document was made, UTC.
    trace_times : array of datetime64[us], shape (n,)
        When the trace itself began, UTC; NaT if its summary does not say so.
    batch_run_ids : array of str, shape (n,)
        The batch run that made the embedded document; empty if unknown.
    weights : int64 array, shape (n,)
        Number of traces of the same kind for which each stands; 1 unless duplicates were folded.
    embedding_model : str
        The model of all embeddings, as their table names it; empty if it does not.
    coverage : dict
        How many traces there were at each stage before this sample, and how many were left out for each
        reason.
    """

    trace_ids: StringArray = column("trace_id", "object")
    timestamps: TimeArray = column("timestamp", "datetime64[ms]")
    trace_times: TimeArray = column("trace_time", "datetime64[us]", fill=np.datetime64("NaT"))
    batch_run_ids: StringArray = column("batch_run_id", "object")
    weights: IntArray = column("weight", "int64", fill=1)
    embedding_model: str = entry("")
    coverage: dict[str, int] = entry({})

    def __len__(self) -> int:
        return len(self.trace_ids)

    def identity(self) -> dict[str, Any]:
        """Return the fields that an artifact made from this one takes over."""
        columns = ("trace_ids", "timestamps", "trace_times", "batch_run_ids", "weights")
        names = (*columns, "embedding_model", "coverage")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False, kw_only=True)
class Embeddings(TraceArtifact):
    """The sampled traces of a window and their embeddings, as they are stored in ClickHouse.

    Attributes
    ----------
    embeddings : float32 array, shape (n, d)
    traces_in_window : int
        Number of traces in the window before filtering and sampling.
    """

    embeddings: FloatArray = column("embedding", "float32", ndim=2, former_name="vectors")
    traces_in_window: int = entry(0)


@dataclass(frozen=True, eq=False, kw_only=True)
class ReducedEmbeddings(TraceArtifact):
    """The clustering space.

    Attributes
    ----------
    points : float32 array, shape (n, r)
        With an ensemble, its layouts side by side; r is the sum of their dimensions.
    neighbors : int32 array, shape (n, k)
        Rows of the k traces with the nearest embeddings, the trace itself first. Without an ensemble k is 1.
    n_layouts : int
        Number of layouts of the ensemble; 1 without an ensemble.
    """

    points: FloatArray = column("point", "float32", ndim=2)
    neighbors: NDArray[np.int32] = column("neighbors", "int32", ndim=2)
    n_layouts: int = entry(1, former_name="members")

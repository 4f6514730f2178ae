"""What is known about the traces of a run before they are clustered.

Arrays have one row per trace, in the same order in every artifact of a run: sorted by trace id.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trace_clustering.artifacts.fields import Artifact, column
from trace_clustering.traces.arrays import FloatArray, StringArray, TimeArray


@dataclass(frozen=True, eq=False, kw_only=True)
class TraceArtifact(Artifact):
    """Something known about each trace of a run.

    Attributes
    ----------
    trace_ids : array of str, shape (n,)
        Sorted, unique.
    timestamps : array of datetime64[ms], shape (n,)
        When the embedded document was made, UTC.
    batch_run_ids : array of str, shape (n,)
        The summarization run that made the embedded document; empty if unknown.
    """

    trace_ids: StringArray = column("object")
    timestamps: TimeArray = column("datetime64[ms]")
    batch_run_ids: StringArray = column("object")

    def __len__(self) -> int:
        return len(self.trace_ids)

    def identity(self) -> dict[str, Any]:
        """Return what travels on to the artifacts made from this one."""
        return {name: getattr(self, name) for name in ("trace_ids", "timestamps", "batch_run_ids")}


@dataclass(frozen=True, eq=False, kw_only=True)
class Embeddings(TraceArtifact):
    """The sampled traces of a window and their vectors, as they are stored in ClickHouse.

    Attributes
    ----------
    vectors : float32 array, shape (n, d)
    traces_in_window : int
        How many traces the window held before sampling.
    """

    vectors: FloatArray = column("float32", ndim=2)
    traces_in_window: int


@dataclass(frozen=True, eq=False, kw_only=True)
class ReducedEmbeddings(TraceArtifact):
    """The clustering space.

    Attributes
    ----------
    points : float32 array, shape (n, r)
        With an ensemble, the layouts of its m members side by side.
    neighbors : int32 array, shape (n, k)
        Rows of each trace's nearest ones among the embeddings, itself first; nothing but itself without an
        ensemble.
    members : int
        How many layouts, m; 1 without an ensemble.
    """

    points: FloatArray = column("float32", ndim=2)
    neighbors: NDArray[np.int32] = column("int32", ndim=2)
    members: int = 1

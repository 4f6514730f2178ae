"""The artifacts about the traces of one day, before the window that is clustered."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trace_clustering.artifacts.fields import Artifact, column, entry
from trace_clustering.traces.arrays import StringArray, TimeArray


@dataclass(frozen=True, eq=False, kw_only=True)
class DayArtifact(Artifact):
    """Base of the artifacts with one row per trace of a day.

    Attributes
    ----------
    trace_ids : array of str, shape (n,)
        Sorted, unique.
    moments : array of datetime64[us], shape (n,)
        When the trace ended, UTC.
    digests : array of str, shape (n,)
        Of the trace's content.
    automation : bool array, shape (n,)
        Whether no person started the trace.
    """

    trace_ids: StringArray = column("trace_id", "object")
    moments: TimeArray = column("moment", "datetime64[us]")
    digests: StringArray = column("digest", "object")
    automation: NDArray[np.bool_] = column("is_automation", "bool")

    def __len__(self) -> int:
        return len(self.trace_ids)


@dataclass(frozen=True, eq=False, kw_only=True)
class IngestedTraces(DayArtifact):
    """The traces to which something happened on a day, as they are stored."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TraceSummaries(DayArtifact):
    """The traces of a day that have a summary now."""


@dataclass(frozen=True, eq=False, kw_only=True)
class DocumentEmbeddings(DayArtifact):
    """The traces of a day that have a vector now.

    Attributes
    ----------
    model_name : str
        Model of the vectors.
    """

    model_name: str = entry("")

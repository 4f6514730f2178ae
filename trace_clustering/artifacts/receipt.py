"""What is known about the event once it is written."""

from dataclasses import dataclass

from trace_clustering.artifacts.fields import Artifact, column
from trace_clustering.traces.arrays import IntArray, StringArray


@dataclass(frozen=True, eq=False, kw_only=True)
class EventReceipt(Artifact):
    """Proof of what was written to ClickHouse.

    Attributes
    ----------
    event_uuids, run_ids : array of str, shape (1,) or (0,)
    outcomes : array of str, same shape
        `emitted`, `replaced` or `unchanged`.
    payload_bytes : int64 array, same shape
        Size of the event's properties.
    """

    event_uuids: StringArray = column("object")
    run_ids: StringArray = column("object")
    outcomes: StringArray = column("object")
    payload_bytes: IntArray = column("int64")

"""The artifact about the written event."""

from dataclasses import dataclass
from typing import Any

from trace_clustering.artifacts.fields import Artifact, column, entry
from trace_clustering.traces.arrays import IntArray, StringArray


@dataclass(frozen=True, eq=False, kw_only=True)
class EventReceipt(Artifact):
    """Proof of the event that was written to ClickHouse.

    Attributes
    ----------
    event_uuids, run_ids : array of str, shape (1,) or (0,)
    outcomes : array of str, same shape
        `emitted`, `replaced` or `unchanged`.
    payload_bytes : int64 array, same shape
        Size of the event's properties.
    reads_back : bool
        Whether ClickHouse returned the event as it was built.
    alerts : list of dict
        The topics that somebody should look at, with the fields of `Alert`.
    alerts_as_errors : list of str
        Kinds of alerts that are errors; others are warnings.
    notification : str
        What became of the message about the alerts, in words.
    """

    event_uuids: StringArray = column("event_uuid", "object")
    run_ids: StringArray = column("run_id", "object")
    outcomes: StringArray = column("outcome", "object")
    payload_bytes: IntArray = column("payload_bytes", "int64")
    reads_back: bool = entry(True)
    alerts: list[dict[str, Any]] = entry([])
    alerts_as_errors: list[str] = entry([])
    notification: str = entry("")

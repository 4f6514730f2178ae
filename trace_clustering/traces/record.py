"""A trace as a source gives it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trace_clustering.traces.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class TraceRecord:
    """One trace to load: summary, properties of its generation event, and embedding of shape (d,)."""

    trace_id: str
    timestamp: datetime
    title: str
    flow_diagram: str
    bullets: list[str]
    interesting_notes: list[str]
    properties: dict[str, Any]
    embedding: FloatArray

"""A trace as a source gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trace_clustering.traces.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class TraceRecord:
    """One trace to load.

    Attributes
    ----------
    trace_id : str
    timestamp : datetime
    title, flow_diagram, bullets, interesting_notes
        Its summary.
    properties : dict or None
        Those of its generation event; None if the trace has its own events.
    embedding : float32 array, shape (d,)
    """

    trace_id: str
    timestamp: datetime
    title: str
    flow_diagram: str
    bullets: list[str]
    interesting_notes: list[str]
    properties: dict[str, Any] | None
    embedding: FloatArray

    @property
    def summary_properties(self) -> Mapping[str, Any]:
        """What else the summary event says, as JSON by name."""
        return {}


@dataclass(frozen=True, eq=False)
class IngestedRecord(TraceRecord):
    """A trace that this project has read from a source, and summarized.

    Attributes
    ----------
    trace_digest : str
        Of the trace as it was when it was summarized.
    method : str
        What wrote the summary: `extract`, `given`, or `llm:` and the model.
    start : str
        When the trace began, ISO 8601; empty if unknown.
    """

    trace_digest: str = ""
    method: str = ""
    start: str = ""

    @property
    def summary_properties(self) -> Mapping[str, Any]:
        """Digest, method and start, as JSON by name."""
        return {
            "$ai_trace_digest": self.trace_digest,
            "$ai_summary_method": self.method,
            "trace_timestamp": self.start,
        }

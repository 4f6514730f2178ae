"""What an LLM wrote about a trace."""

from typing import TypedDict


class TraceSummary(TypedDict):
    """Title, texts and time of one trace.

    `trace_timestamp` is when the trace began, as the summary event has it: ISO 8601, or empty.
    """

    title: str
    flow_diagram: str
    bullets: list[str]
    interesting_notes: list[str]
    trace_timestamp: str
    trace_id: str

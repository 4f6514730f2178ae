"""What an LLM wrote about a trace."""

from typing import TypedDict


class TraceSummary(TypedDict):
    """What an LLM wrote about one trace."""

    title: str
    flow_diagram: str
    bullets: list[str]
    interesting_notes: list[str]
    trace_timestamp: str
    trace_id: str

"""A span: one row that a tracing tool records, for a model call, a tool, an agent or a step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from trace_clustering.sources.messages import Message
from trace_clustering.traces.trace import ModelCall, ToolCall


@dataclass(frozen=True)
class Span:
    """One row, in the words of all tools.

    Attributes
    ----------
    kind : {"model", "tool", "other"}
        Embeddings, retrievals and agents are other rows. A guardrail and a judge are tools: what models say
        below a tool is no part of the conversation.
    call : ModelCall
        With times, model, tokens and cost, as far as the row has them; of every kind of row.
    messages : list of Message
        What went in and what came out.
    tool : ToolCall or None
        Of a tool that the model called: its name, arguments, and result or error.
    is_automation : bool
        Whether no person asked for the trace.
    properties : mapping
        What else the row says of its trace, as JSON by name.
    version : datetime or None
        When the row was written; of several rows of one span, the newest counts.
    """

    span_id: str
    parent_id: str
    kind: Literal["model", "tool", "other"]
    name: str = ""
    call: ModelCall = field(default_factory=ModelCall)
    messages: list[Message] = field(default_factory=list)
    session_id: str = ""
    user_id: str = ""
    environment: str = ""
    tags: tuple[str, ...] = ()
    source_link: str = ""
    tool: ToolCall | None = None
    is_automation: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)
    version: datetime | None = None

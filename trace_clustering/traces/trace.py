"""A trace: one conversation or task of an LLM application, whatever source it comes from.

Whatever a source does not tell stays unknown: None for numbers, times and flags, and empty for texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from trace_clustering.traces.arrays import FloatArray
from trace_clustering.traces.summary import TraceSummary

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model called.

    Attributes
    ----------
    name : str
    arguments : str
        As the model wrote them, mostly JSON.
    result, error : str or None
        What the tool returned, or why it failed.
    call_id : str
    """

    name: str
    arguments: str = ""
    result: str | None = None
    error: str | None = None
    call_id: str = ""


@dataclass(frozen=True)
class Turn:
    """One message of a trace; the results of tools stand with their calls.

    The role `tool` is that of a result whose call is not in the trace.
    """

    role: Role
    text: str
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class ModelCall:
    """One request to a model.

    Attributes
    ----------
    span_id, model, provider : str
    start, end : datetime or None
        Aware, in UTC.
    input_tokens, output_tokens : int or None
        Input includes what a cache answered.
    cost : float or None
        US dollars.
    latency : float or None
        Seconds.
    is_error : bool or None
    error : str
    prompt_name, prompt_version : str
    """

    span_id: str = ""
    model: str = ""
    provider: str = ""
    start: datetime | None = None
    end: datetime | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    latency: float | None = None
    is_error: bool | None = None
    error: str = ""
    prompt_name: str = ""
    prompt_version: str = ""


@dataclass(frozen=True, eq=False)
class Trace:
    """One trace as every source gives it, and as everything that follows knows it.

    Attributes
    ----------
    trace_id : str
    session_id, user_id, name, environment : str
    start, end : datetime or None
        Aware, in UTC.
    turns : tuple of Turn
        Each message once, however often the calls repeat the conversation.
    calls : tuple of ModelCall
        In the order of time.
    input_tokens, output_tokens, cost, latency
        Of the whole trace, in the units of `ModelCall`.
    is_error : bool or None
    error : str
    tags : tuple of str
    is_automation : bool
        Whether no person started it: sub-agents, titles and other turns that a machine asked for.
    source : str
        Name of the format.
    source_link : str
        Address at which a person can look at the trace in the tool that recorded it.
    summary, embedding
        Where the source has them already; shape (d,).
    properties : mapping
        What else the source says of the trace, as JSON by name, for filters.
    """

    trace_id: str
    session_id: str = ""
    user_id: str = ""
    name: str = ""
    environment: str = ""
    start: datetime | None = None
    end: datetime | None = None
    turns: tuple[Turn, ...] = ()
    calls: tuple[ModelCall, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    latency: float | None = None
    is_error: bool | None = None
    error: str = ""
    tags: tuple[str, ...] = ()
    is_automation: bool = False
    source: str = ""
    source_link: str = ""
    summary: TraceSummary | None = None
    embedding: FloatArray | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were called, each once, in order."""
        return tuple(dict.fromkeys(call.model for call in self.calls if call.model))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that were called, in order."""
        return tuple(call for turn in self.turns for call in turn.tool_calls)

    def list_texts(self, role: Role) -> list[str]:
        """Return the texts of the turns of one role that have one, in order."""
        return [turn.text for turn in self.turns if turn.role == role and turn.text]

"""Traces for the tests, written by hand."""

from trace_clustering.traces.trace import ToolCall, Trace, Turn


def make_trace(*texts: str, tools: tuple[ToolCall, ...] = ()) -> Trace:
    """Return a conversation in which user and assistant take turns; the tools are those of a first answer."""
    turns = [Turn("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(texts)]
    turns[1:1] = [Turn("assistant", "", tools)] if tools else []
    return Trace("t1", turns=tuple(turns))


def call_tools(*names: str) -> tuple[ToolCall, ...]:
    """Return calls of tools with these names that succeeded."""
    return tuple(ToolCall(name, "{}", "ok") for name in names)

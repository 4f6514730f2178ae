"""Puts what the spans of tools tell to the calls of tools in a conversation."""

from collections.abc import Sequence
from dataclasses import replace

from trace_clustering.sources.span import Span
from trace_clustering.traces.trace import ToolCall, Turn


def add_tools(turns: tuple[Turn, ...], spans: Sequence[Span]) -> tuple[Turn, ...]:
    """Return the turns with the results and errors that only the spans of tools have.

    Where the conversation names no tool at all, the tools are an own turn, before the last answer.
    """
    tools = [span.tool for span in spans if span.tool is not None]
    if not tools:
        return turns
    if not any(turn.tool_calls for turn in turns):
        position = len(turns) - 1 if turns and turns[-1].role == "assistant" else len(turns)
        return (*turns[:position], Turn("assistant", "", tuple(tools)), *turns[position:])
    return tuple(
        replace(turn, tool_calls=tuple(_complete(call, tools) for call in turn.tool_calls)) for turn in turns
    )


def _complete(call: ToolCall, tools: list[ToolCall]) -> ToolCall:
    """Return the call with the result of its span, which is taken out of the list."""
    found = next((tool for tool in tools if tool.call_id and tool.call_id == call.call_id), None)
    if found is None:  # Of a source that does not keep the ids of calls, the next one of this name.
        nameless = (tool for tool in tools if not (tool.call_id and call.call_id))
        found = next((tool for tool in nameless if tool.name == call.name), None)
    if found is None:
        return call
    tools.remove(found)
    return replace(
        call,
        arguments=call.arguments or found.arguments,
        result=None if found.error else call.result if call.result is not None else found.result,
        error=call.error or found.error,
    )

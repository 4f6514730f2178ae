"""Puts what the spans of tools tell to the calls of tools in a conversation."""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from trace_clustering.sources.messages import Message
from trace_clustering.sources.span import Span
from trace_clustering.traces.trace import ToolCall, Turn


def add_tools(
    turns: tuple[Turn, ...], spans: Sequence[Span], whole: Iterable[Message] = ()
) -> tuple[Turn, ...]:
    """Return the turns with the results and errors that no later call of a model was told.

    Where the conversation names no tool at all, the tools are an own turn, before the last answer.

    Parameters
    ----------
    turns : tuple of Turn
    spans : sequence of Span
        Those of tools know what these gave back.
    whole : iterable of Message
        The whole conversation as the root recorded it, if it did.
    """
    tools = [span.tool for span in spans if span.tool is not None]
    told = [_read_result(message) for message in whole if message.role == "tool" and message.call_id]
    if tools and not any(turn.tool_calls for turn in turns):
        position = len(turns) - 1 if turns and turns[-1].role == "assistant" else len(turns)
        return (*turns[:position], Turn("assistant", "", tuple(tools)), *turns[position:])
    for found in (tools, told):
        turns = _complete_turns(turns, _Tools(found)) if found else turns
    return turns


def _complete_turns(turns: Sequence[Turn], tools: "_Tools") -> tuple[Turn, ...]:
    return tuple(
        replace(turn, tool_calls=tuple(tools.complete(call) for call in turn.tool_calls)) for turn in turns
    )


def _read_result(message: Message) -> ToolCall:
    result, error = (None, message.text) if message.is_error else (message.text, None)
    return ToolCall(message.tool_name, "", result, error, message.call_id)


class _Tools:
    """The tools that were recorded, each of which answers one call."""

    def __init__(self, tools: Sequence[ToolCall]) -> None:
        self._by_id: defaultdict[str, deque[ToolCall]] = defaultdict(deque)
        self._by_name: defaultdict[str, deque[ToolCall]] = defaultdict(deque)
        for tool in tools:
            if tool.call_id:
                self._by_id[tool.call_id].append(tool)
            else:
                self._by_name[tool.name].append(tool)

    def complete(self, call: ToolCall) -> ToolCall:
        """Return a call with what is recorded of it."""
        found = self._take(call)
        if found is None:
            return call
        return replace(
            call,
            arguments=call.arguments or found.arguments,
            result=None if found.error else call.result if call.result is not None else found.result,
            error=call.error or found.error,
        )

    def _take(self, call: ToolCall) -> ToolCall | None:
        if waiting := self._by_id.get(call.call_id):  # Some programs use an id twice.
            return waiting.popleft()
        # Where one of them does not keep the ids of calls, the next one of this name is meant.
        if waiting := self._by_name.get(call.name):
            return waiting.popleft()
        if call.call_id:
            return None
        named = (tools for tools in self._by_id.values() if tools and tools[0].name == call.name)
        waiting = next(named, None)
        return waiting.popleft() if waiting else None

"""Puts the messages of all calls of a trace together, each message once, and makes turns of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from trace_clustering.sources.merged_history import MergedHistory
from trace_clustering.sources.messages import Message, MessageReader
from trace_clustering.sources.same_message import is_same, is_telling
from trace_clustering.sources.tool_results import ToolResults
from trace_clustering.traces.trace import ToolCall, Turn


def merge_histories(calls: Iterable[Sequence[Message]]) -> list[Message]:
    """Return each message of a trace once, although later calls repeat what was said before.

    Parameters
    ----------
    calls : iterable of sequences of Message
        Of each call, in the order of time, what went in and what came out.
    """
    merged = MergedHistory()
    for messages in calls:
        merged.add(messages)
    return merged.messages


def read_exchange(given: object, made: object, reader: MessageReader | None = None) -> list[Message]:
    """Return the messages of what went into a step and what came out of it.

    With one reader for all steps of a trace, a history that they repeat is read once.
    Frameworks hand on their whole state, so that what comes out may begin with what went in, or what went in
    may end with what came out.
    """
    reader = reader or MessageReader()
    inputs, outputs = reader.read(given, "user"), reader.read(made, "assistant")
    before = [message for message in inputs if message.role != "system"]
    after = [message for message in outputs if message.role != "system"]
    for place in range(max(len(before) - len(after), 0), len(before)):
        pairs = zip(before[place:], after, strict=False)
        if (after[0].role == "user" or is_telling(after[0])) and all(
            is_same(one, other) for one, other in pairs
        ):
            return [*inputs, *after[len(before) - place :]]
    return [*inputs, *outputs]


def build_turns(messages: Iterable[Message]) -> tuple[Turn, ...]:
    """Return the turns of a conversation, with the result of each tool at its call."""
    turns: list[Turn] = []
    results = ToolResults()
    for message in messages:
        if message.role != "tool":
            results.add_calls(len(turns), message.tool_calls)
            turns.append(Turn(message.role, message.text, message.tool_calls))
        elif not results.answer(message):
            call = ToolCall(
                message.tool_name,
                result=None if message.is_error else message.text,
                error=message.text if message.is_error else None,
                call_id=message.call_id,
            )
            turns.append(Turn("tool", message.text, (call,) if call.name else ()))
    return tuple(
        replace(turn, tool_calls=results.fill(position, turn.tool_calls)) if turn.tool_calls else turn
        for position, turn in enumerate(turns)
    )

"""Puts the messages of all calls of a trace together, each message once, and makes turns of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from trace_clustering.sources.merged_history import MergedHistory
from trace_clustering.sources.messages import Message
from trace_clustering.sources.tool_results import ToolResults
from trace_clustering.traces.trace import ToolCall, Turn


def merge_histories(
    calls: Iterable[Sequence[Message]], others: Iterable[Sequence[Message]] = ()
) -> list[Message]:
    """Return each message of a trace once, although later calls repeat what was said before.

    Parameters
    ----------
    calls : iterable of sequences of Message
        Of each call, in the order of time, what went in and what came out.
    others : iterable of sequences of Message
        What steps around the calls recorded, in the order in which they ended. Of these, only the end that
        no call knows is added: an answer that was put together afterwards, a last thank-you.
    """
    merged = MergedHistory()
    for messages in calls:
        merged.add(messages)
    for messages in others:
        merged.add_end(messages)
    return merged.messages


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

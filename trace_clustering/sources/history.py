"""Puts the messages of all calls of a trace together, each message once."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from trace_clustering.sources.messages import Message
from trace_clustering.traces.trace import ToolCall, Turn


def merge_histories(calls: Iterable[Sequence[Message]]) -> list[Message]:
    """Return each message of a trace once, although later calls repeat what was said before.

    Parameters
    ----------
    calls : iterable of sequences of Message
        Of each call, in the order of time, what went in and what came out.
    """
    merged: list[Message] = []
    for messages in calls:
        merged += messages[_find_overlap(merged, messages) :] if merged else messages
    return merged


def build_turns(messages: Iterable[Message]) -> tuple[Turn, ...]:
    """Return the turns of a conversation, with the result of each tool at its call."""
    turns: list[Turn] = []
    for message in messages:
        if message.role != "tool":
            turns.append(Turn(message.role, message.text, message.tool_calls))
        elif not _attach_result(turns, message):
            call = ToolCall(message.tool_name or "", result=message.text, call_id=message.call_id)
            turns.append(Turn("tool", message.text, (call,) if call.name else ()))
    return tuple(turns)


def _find_overlap(merged: list[Message], messages: Sequence[Message]) -> int:
    """Return how many of the first messages are known: they end with what was merged last."""
    keys, known = [_get_key(m) for m in messages], [_get_key(m) for m in merged]
    for end in range(len(keys), 0, -1):
        length = min(end, len(known))
        if keys[end - length : end] == known[-length:]:
            return end
    seen = set(known)
    return next((i for i, key in enumerate(keys) if key not in seen), len(keys))


def _get_key(message: Message) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    calls = tuple((call.name, "".join(call.arguments.split())) for call in message.tool_calls)
    return message.role, message.text.strip(), calls


def _attach_result(turns: list[Turn], message: Message) -> bool:
    for position in range(len(turns) - 1, -1, -1):
        calls = turns[position].tool_calls
        for index, call in enumerate(calls):
            is_meant = call.call_id == message.call_id if message.call_id else True
            if is_meant and call.result is None and call.error is None:
                answered = replace(call, **{"error" if message.is_error else "result": message.text})
                others = (*calls[:index], answered, *calls[index + 1 :])
                turns[position] = replace(turns[position], tool_calls=others)
                return True
    return False

"""Conversations drawn at random, as calls that repeat them whole, trimmed, or without their tools."""

import random

import pytest

from trace_clustering.sources.history import merge_histories
from trace_clustering.sources.messages import Message
from trace_clustering.traces.trace import ToolCall

SHORT = ("yes", "no", "ok", "thanks")
ANSWERS = ("Done.", "Anything else?", "I have looked, and all is well with this order.")


def draw_conversation(draw: random.Random, has_ids: bool) -> list[Message]:
    """Return what people, models and tools said; much of it is said several times."""
    said = [Message("user", f"I need help with order {draw.random()}")]
    for turn in range(draw.randint(1, 10)):
        for _ in range(draw.choice((0, 0, 1, 2, 6))):
            call_id = f"c{len(said)}" if has_ids else ""
            arguments = draw.choice(("{}", f'{{"n": {len(said)}}}'))
            text = draw.choice(("", "Let me check."))
            said.append(Message("assistant", text, (ToolCall("find", arguments, call_id=call_id),)))
            found = draw.choice(("found", "nothing", f"row {len(said)}"))
            said.append(Message("tool", found, call_id=call_id, tool_name="find"))
        said.append(Message("assistant", draw.choice((*ANSWERS, f"It comes on day {turn} of the month."))))
        said.append(Message("user", draw.choice((*SHORT, f"Please look at order {turn}, it is late"))))
    return said[:-1]


def trim(message: Message) -> Message:
    if message.role != "assistant" or len(message.text) <= 30:
        return message
    text = f"{message.text[:25]}…"
    return Message(message.role, text, message.tool_calls)


def leave_out_tools(history: list[Message]) -> list[Message]:
    """Return a history without the tools of earlier turns."""
    last = max(index for index, message in enumerate(history) if message.role == "user")
    is_tool = [bool(message.tool_calls) or message.role == "tool" for message in history]
    return [m for index, m in enumerate(history) if index > last or not is_tool[index]]


def write_calls(said: list[Message], kind: str) -> list[list[Message]]:
    """Return the calls in which a conversation was held: to each answer, what was said before."""
    calls = []
    for index, answer in enumerate(said):
        if answer.role == "assistant":
            history = said[:index]
            history = leave_out_tools(history) if "without tools" in kind else history
            history = [trim(message) for message in history] if "trimmed" in kind else history
            system = [Message("system", f"Call {index}")] if "system" in kind else []
            calls.append([*system, *history, answer])
    return calls


@pytest.mark.parametrize("has_ids", [True, False])
@pytest.mark.parametrize(
    "kind", ["whole", "system", "trimmed", "without tools", "system, trimmed, without tools"]
)
def test_every_conversation_is_found_again(kind: str, has_ids: bool) -> None:
    for seed in range(100):
        said = draw_conversation(random.Random(seed), has_ids)  # noqa: S311 - no secret

        merged = merge_histories(write_calls(said, kind))

        assert [message for message in merged if message.role != "system"] == said, seed

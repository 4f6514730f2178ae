"""The messages of the next request: as many as fit, and always in an order that the endpoint accepts."""

import json
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    ToolCall,
    ToolMessage,
    convert_to_openai_messages,
)

from trace_clustering.labeling.fitted_json import compact, cut

MOST_CALLS = 20  # of one answer
_LONGEST_TEXT = 2_000
_LONGEST_ID = 64
_NOTHING = "(no answer)"  # some endpoints refuse a message without any content
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")


def orderly(answer: AIMessage) -> tuple[AIMessage, dict[str, str]]:
    """Return an answer as it may be sent back to any endpoint, and what was wrong with its calls.

    Every call gets an id, a name of allowed characters and arguments that are a JSON object. Calls beyond
    the first 20 are dropped.

    Returns
    -------
    AIMessage
    dict
        By the id of a call: why its arguments could not be read.
    """
    calls: list[ToolCall] = []
    unreadable: dict[str, str] = {}
    for call in [*answer.tool_calls, *answer.invalid_tool_calls][:MOST_CALLS]:
        name = _NOT_IN_A_NAME.sub("_", call["name"] or "")[:64] or "unknown"
        identity = call["id"] or ""
        if not 0 < len(identity) <= _LONGEST_ID or any(identity == other["id"] for other in calls):
            identity = f"call_{uuid.uuid4().hex[:24]}"
        try:
            arguments = _plain_json(call["args"])
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            unreadable[identity] = "the arguments are not a JSON object; call the tool again with one"
            arguments = {}
        calls.append(ToolCall(name=name, args=arguments, id=identity))
    text = cut(_plain_text(answer.text), _LONGEST_TEXT) or ("" if calls else _NOTHING)
    return AIMessage(content=text, tool_calls=calls), unreadable


def request_messages(
    opening: Sequence[BaseMessage],
    turns: Sequence[BaseMessage],
    stand_in: Callable[[int], str],
    room: int,
) -> list[BaseMessage]:
    """Return the opening and the latest turns, as many as fit into `room` characters.

    A turn is an answer of the model and all that was said to it; it stays or goes as a whole.

    Parameters
    ----------
    opening : sequence of messages
        Always sent.
    turns : sequence of messages
        Begins with an answer of the model.
    stand_in : callable
        Given a number of characters, says what stands for the turns that are left out.
    room : int
        Characters of all messages, as JSON.
    """
    longest_answer = room // 3
    left = room - sum(map(size, opening))
    kept: list[list[BaseMessage]] = []
    groups = _grouped([_shortened(message, longest_answer) for message in turns])
    for number, group in enumerate(reversed(groups)):
        needed = sum(map(size, group))
        reserve = 0 if number == len(groups) - 1 else longest_answer // 2
        if needed > left - reserve and kept:
            break
        kept.append(group)
        left -= needed
    latest = [message for group in reversed(kept) for message in group]
    if len(kept) == len(groups):
        return [*opening, *latest]
    # The titles may need escaping, so that they take up to twice their length.
    return [*opening, HumanMessage(stand_in(max((left - 200) // 2, 0))), *latest]


def size(message: BaseMessage) -> int:
    """Return the characters that a message takes in a request."""
    return len(json.dumps(convert_to_openai_messages(message), ensure_ascii=False)) + 1


def _grouped(turns: Sequence[BaseMessage]) -> list[list[BaseMessage]]:
    groups: list[list[BaseMessage]] = []
    for message in turns:
        if isinstance(message, AIMessage):
            groups.append([])
        groups[-1].append(message)
    return groups


def _shortened(message: BaseMessage, room: int) -> BaseMessage:
    """Return an answer that is very long without its arguments; what they did is in the tools' answers."""
    if not isinstance(message, AIMessage) or size(message) <= room:
        return message
    calls = [
        ToolCall(
            name=call["name"], args={} if len(compact(call["args"])) > 200 else call["args"], id=call["id"]
        )
        for call in message.tool_calls
    ]
    return AIMessage(content=message.content, tool_calls=calls)


def answered(call: ToolCall, text: str) -> ToolMessage:
    """Return the message that answers a call."""
    return ToolMessage(content=text, tool_call_id=call["id"] or "")


def _plain_json(arguments: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return arguments as JSON that any endpoint can read: no NaN, no lone surrogates."""
    value = json.loads(arguments) if isinstance(arguments, str) else arguments
    return json.loads(_plain_text(json.dumps(value, ensure_ascii=False, allow_nan=False)))


def _plain_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")

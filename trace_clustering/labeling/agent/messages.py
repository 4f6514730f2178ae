"""The messages of the next request: as many as fit, in a form and an order that any endpoint accepts."""

import json
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage

from trace_clustering.labeling.endpoint.request_size import measure_message
from trace_clustering.labeling.json_answers import dump_json, replace_surrogates, shorten

MAX_CALLS = 20  # in one answer
_MAX_TEXT_LENGTH = 2_000
# What OpenAI allows; other endpoints follow it.
_MAX_CALL_ID_LENGTH = 64
_MAX_NAME_LENGTH = 64
_FORBIDDEN_IN_NAME = re.compile(r"[^A-Za-z0-9_-]")
# Arguments up to this length are sent again even if the answer as a whole is too long.
_MAX_KEPT_ARGUMENTS_LENGTH = 200
_NO_ANSWER = "(no answer)"  # some endpoints refuse a message without any content


def normalize_answer(answer: AIMessage) -> tuple[AIMessage, dict[str, str]]:
    """Return an answer in a form that any endpoint takes back, and the faults of its calls.

    Every call gets an id, a name of allowed characters and arguments that are a JSON object. Calls beyond
    the first `MAX_CALLS` are dropped.

    Returns
    -------
    AIMessage
    dict
        By the id of a call: why its arguments cannot be read.
    """
    calls: list[ToolCall] = []
    unreadable: dict[str, str] = {}
    for call in [*answer.tool_calls, *answer.invalid_tool_calls][:MAX_CALLS]:
        name = _FORBIDDEN_IN_NAME.sub("_", call["name"] or "")[:_MAX_NAME_LENGTH] or "unknown"
        call_id = call["id"] or ""
        if not 0 < len(call_id) <= _MAX_CALL_ID_LENGTH or any(call_id == other["id"] for other in calls):
            call_id = f"call_{uuid.uuid4().hex[:24]}"
        try:
            arguments = _parse_arguments(call["args"])
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            unreadable[call_id] = "the arguments are not a JSON object; call the tool again with one"
            arguments = {}
        calls.append(ToolCall(name=name, args=arguments, id=call_id))
    text = shorten(replace_surrogates(answer.text), _MAX_TEXT_LENGTH) or ("" if calls else _NO_ANSWER)
    return AIMessage(content=text, tool_calls=calls), unreadable


def select_messages(
    opening: Sequence[BaseMessage],
    messages: Sequence[BaseMessage],
    write_stand_in: Callable[[int], str],
    room: int,
) -> list[BaseMessage]:
    """Return the opening and the latest turns, as many as fit into `room` characters.

    A turn is an answer of the model and the messages that reply to it. It is sent as a whole or not at all,
    because endpoints refuse a tool call without its answer. The last turn is always sent.

    Parameters
    ----------
    opening : sequence of messages
        Always sent.
    messages : sequence of messages
        All that followed; begins with an answer of the model.
    write_stand_in : callable
        Given a number of characters, returns the text in place of the turns that are left out.
    room : int
        Characters of all messages, as JSON.
    """
    max_answer = room // 3
    left = room - sum(map(measure_message, opening))
    kept: list[list[BaseMessage]] = []
    turns = _split_into_turns([_drop_long_arguments(message, max_answer) for message in messages])
    for number, turn in enumerate(reversed(turns)):
        needed = sum(map(measure_message, turn))
        stand_in = 0 if number == len(turns) - 1 else max_answer // 2
        if needed > left - stand_in and kept:
            break
        kept.append(turn)
        left -= needed
    latest = [message for turn in reversed(kept) for message in turn]
    if len(kept) == len(turns):
        return [*opening, *latest]
    # Escaped titles take up to twice their length; the text around them takes less than 200 characters.
    return [*opening, HumanMessage(write_stand_in(max((left - 200) // 2, 0))), *latest]


def make_tool_message(call: ToolCall, text: str) -> ToolMessage:
    """Return the message that answers a call."""
    return ToolMessage(content=text, tool_call_id=call["id"] or "")


def _split_into_turns(messages: Sequence[BaseMessage]) -> list[list[BaseMessage]]:
    turns: list[list[BaseMessage]] = []
    for message in messages:
        if isinstance(message, AIMessage):
            turns.append([])
        turns[-1].append(message)
    return turns


def _drop_long_arguments(message: BaseMessage, max_answer: int) -> BaseMessage:
    """Return an answer of more than `max_answer` characters without its long arguments.

    The model loses little by it: the answers of the tools say what the arguments did.
    """
    if not isinstance(message, AIMessage) or measure_message(message) <= max_answer:
        return message
    calls = [
        ToolCall(
            name=call["name"],
            args={} if len(dump_json(call["args"])) > _MAX_KEPT_ARGUMENTS_LENGTH else call["args"],
            id=call["id"],
        )
        for call in message.tool_calls
    ]
    return AIMessage(content=message.content, tool_calls=calls)


def _parse_arguments(arguments: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return arguments as JSON that any endpoint can read: no NaN, no lone surrogates."""
    value = json.loads(arguments) if isinstance(arguments, str) else arguments
    return json.loads(replace_surrogates(json.dumps(value, ensure_ascii=False, allow_nan=False)))

"""The messages of the next request: as many as fit, in a form and an order that any endpoint accepts."""

import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage

from trace_clustering.labeling.agent.tools.registry import TOOLS, read_arguments
from trace_clustering.llm.endpoint.answers import Answer
from trace_clustering.llm.endpoint.request_size import measure_message
from trace_clustering.llm.endpoint.wire import CALL_FIELDS, FIELDS, ITEMS
from trace_clustering.llm.json_answers import dump_json, replace_surrogates, shorten
from trace_clustering.llm.reading import match_name
from trace_clustering.llm.text_calls import find_calls

MAX_CALLS = 20  # in one answer
_MAX_TEXT_LENGTH = 2_000
# Some endpoints put more than an id into it, such as the signature of a thought.
_VALID_CALL_ID = re.compile(r"[!-~]{1,10000}")
# What OpenAI allows; other endpoints follow it.
_MAX_NAME_LENGTH = 64
_ID_LENGTH = 9  # the only one that templates of Mistral take
_FORBIDDEN_IN_NAME = re.compile(r"[^A-Za-z0-9_-]")
# Arguments up to this length are sent again even if the answer as a whole is too long.
_MAX_KEPT_ARGUMENTS_LENGTH = 200
NO_OBJECT = "this is not a JSON object; call the tool again with arguments that are a JSON object"
_RESULT_LEFT_OUT = "this result is too long for the endpoint; call the tool again, and it will be shorter"
_NO_ANSWER = "(no answer)"  # some endpoints refuse a message without any content


def normalize_answer(answer: Answer) -> tuple[AIMessage, dict[str, str]]:
    """Return an answer in a form that any endpoint takes back, and the faults of its calls.

    Every call gets an id, a name of allowed characters and arguments that are a JSON object. Calls beyond
    the first `MAX_CALLS` are dropped. What else the endpoint put on its answer stays on it.

    Returns
    -------
    AIMessage
    dict
        By the id of a call: why its arguments cannot be read.
    """
    calls: list[ToolCall] = []
    unreadable: dict[str, str] = {}
    fields_of_calls: dict[str, dict[str, Any]] = {}
    in_text = [] if answer.calls else find_calls(answer.text, TOOLS)
    for call in [*answer.calls, *in_text][:MAX_CALLS]:
        name = match_name(call.name, TOOLS)
        call_id = call.call_id
        if not _VALID_CALL_ID.fullmatch(call_id) or any(call_id == other["id"] for other in calls):
            call_id = uuid.uuid4().hex[:_ID_LENGTH]
        arguments: dict[str, Any] = {}
        try:
            arguments = read_arguments(name, call.arguments)
        except (ValueError, RecursionError):
            unreadable[call_id] = NO_OBJECT
        name = _FORBIDDEN_IN_NAME.sub("_", name)[:_MAX_NAME_LENGTH] or "unknown"
        calls.append(ToolCall(name=name, args=arguments, id=call_id))
        fields_of_calls[call_id] = call.fields
    said = "" if in_text else shorten(replace_surrogates(answer.text), _MAX_TEXT_LENGTH)
    text = said or ("" if calls else _NO_ANSWER)
    own = {FIELDS: answer.fields, CALL_FIELDS: fields_of_calls, ITEMS: answer.items}
    return AIMessage(content=text, tool_calls=calls, additional_kwargs=own), unreadable


def select_messages(
    opening: Sequence[BaseMessage],
    messages: Sequence[BaseMessage],
    write_stand_in: Callable[[int], str],
    room: int,
) -> list[BaseMessage]:
    """Return the opening and the latest turns, as many as fit into `room` characters.

    A turn is an answer of the model and the messages that reply to it. It is sent as a whole or not at all,
    because endpoints refuse a tool call without its answer. The last turn is always sent, without its longest
    results if it is too long.

    Parameters
    ----------
    opening : sequence of messages
        Always sent; the last one is the user's.
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
        whole = turn if kept else _drop_long_results(turn, left)
        needed = sum(map(measure_message, whole))
        stand_in = 0 if number == len(turns) - 1 else max_answer // 2
        if needed > left - stand_in and kept:
            break
        kept.append(whole)
        left -= needed
        if whole is not turn:
            break
    latest = [message for turn in reversed(kept) for message in turn]
    if len(kept) == len(turns):
        return [*opening, *latest]
    # Escaped titles take up to twice their length; the text around them takes less than 200 characters. They
    # stand in the last message of the opening, because some endpoints refuse two of the user in a row.
    stand_in_text = write_stand_in(max((left - 200) // 2, 0))
    return [*opening[:-1], HumanMessage(f"{opening[-1].text}\n\n{stand_in_text}"), *latest]


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


def _drop_long_results(turn: list[BaseMessage], room: int) -> list[BaseMessage]:
    """Return a turn in at most `room` characters, if that can be done by leaving out results of tools."""
    excess = sum(map(measure_message, turn)) - room
    if excess <= 0:
        return turn
    kept = list(turn)
    results = [number for number, message in enumerate(turn) if isinstance(message, ToolMessage)]
    for number in sorted(results, key=lambda number: measure_message(turn[number]), reverse=True):
        if excess <= 0:
            break
        message = turn[number]
        kept[number] = message.model_copy(update={"content": dump_json({"error": _RESULT_LEFT_OUT})})
        excess -= measure_message(message) - measure_message(kept[number])
    return kept


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
    return AIMessage(content=message.content, tool_calls=calls, additional_kwargs=message.additional_kwargs)

"""Messages and requests as they stand on the wire, for chat completions and for the responses API.

An answer of the model is an `AIMessage`. What the endpoint put on it is kept under three names in
`additional_kwargs`: `FIELDS`, the unknown fields of the message; `CALL_FIELDS`, those of its calls, by id;
`ITEMS`, the output of the responses API.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

FIELDS = "fields"
CALL_FIELDS = "call_fields"
ITEMS = "items"

_ROLES = {"system": "system", "human": "user", "ai": "assistant", "tool": "tool"}


def write_message(message: BaseMessage, left_out: Collection[str] = ()) -> dict[str, Any]:
    """Return a message of a chat completion; an answer has the endpoint's own fields on it.

    Parameters
    ----------
    message : BaseMessage
    left_out : collection of str
        Fields of the endpoint's own that it does not take back.
    """
    written: dict[str, Any] = {"role": _ROLES[message.type], "content": message.text}
    if isinstance(message, ToolMessage):
        written["tool_call_id"] = message.tool_call_id
    if isinstance(message, AIMessage):
        own = message.additional_kwargs
        written |= _drop(own.get(FIELDS, {}), left_out)
        if message.tool_calls:
            fields = own.get(CALL_FIELDS, {})
            written["tool_calls"] = [
                _write_call(call, _drop(fields.get(call["id"], {}), left_out)) for call in message.tool_calls
            ]
            written["content"] = written["content"] or None
    return written


def write_items(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return messages as the input of the responses API."""
    items: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            items.append(
                {"type": "function_call_output", "call_id": message.tool_call_id, "output": message.text}
            )
            continue
        # Reasoning that is not encrypted is stored at the endpoint, which was asked not to store anything.
        own = message.additional_kwargs.get(ITEMS, []) if isinstance(message, AIMessage) else []
        items += [item for item in own if item.get("type") == "reasoning" and item.get("encrypted_content")]
        if message.text:
            items.append({"role": _ROLES[message.type], "content": message.text})
        for call in message.tool_calls if isinstance(message, AIMessage) else []:
            arguments = json.dumps(call["args"], ensure_ascii=False)
            items.append(
                {
                    "type": "function_call",
                    "call_id": call["id"],
                    "name": call["name"],
                    "arguments": arguments,
                }
            )
    return items


def write_tools_of_responses(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return tools as the responses API declares them."""
    return [{"type": "function", "strict": False, **tool["function"]} for tool in tools]


def list_own_fields(messages: Sequence[BaseMessage]) -> set[str]:
    """Return the names of all fields that the endpoint put on its answers."""
    names: set[str] = set()
    for message in messages:
        names |= message.additional_kwargs.get(FIELDS, {}).keys()
        for fields in message.additional_kwargs.get(CALL_FIELDS, {}).values():
            names |= fields.keys()
    return names - {"content", "function"}


def _write_call(call: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": json.dumps(call["args"], ensure_ascii=False)}
    own = {name: value for name, value in fields.items() if name != "function"}
    return {
        "id": call["id"],
        "type": "function",
        "function": {**function, **fields.get("function", {})},
        **own,
    }


def _drop(fields: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in left_out}

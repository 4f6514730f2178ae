"""Calls of tools and their results, as vendors write them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from trace_clustering.sources.messages.texts import to_text
from trace_clustering.traces.trace import ToolCall

Item = Mapping[str, Any]

# What holds the call or the result, while its id may stand beside it.
_CALL_HOLDERS: Final = (
    *("tool_call", "function", "functionCall", "function_call", "toolUse", "toolInvocation", "custom"),
)
_RESULT_HOLDERS: Final = ("functionResponse", "function_response", "toolResult", "tool_call_result")
# An `id` of its own comes last: in OpenAI's Responses it is that of the item, not of the call.
_IDS: Final = (*("call_id", "tool_call_id", "toolCallId", "toolUseId", "tool_use_id", "id", "tool_call.id"),)
_NAMES: Final = ("name", "toolName", "tool_name", "tool_call.function.name")
_ARGUMENTS: Final = (
    *("arguments", "input", "args", "parameters", "tool_args", "tool_call.function.arguments"),
)
_RESULTS: Final = ("content", "response", "result", "output", "outputs", "action")


def is_call(item: object) -> bool:
    """Return whether an item without a role is the call of a tool."""
    if not isinstance(item, Mapping):
        return False
    if isinstance(function := item.get("function"), Mapping):
        return "arguments" in function
    return ("toolName" in item or "tool_name" in item) and any(name in item for name in _ARGUMENTS)


def read_calls(calls: object) -> list[ToolCall]:
    """Return the calls of a list, or of one call."""
    items = calls if isinstance(calls, list | tuple) else [calls] if calls else []
    return [read_call(item) for item in items if item]


def read_call(call: object) -> ToolCall:
    """Return the call of a tool; what is no object is its name."""
    if not isinstance(call, Mapping):
        return ToolCall(to_text(call))
    inner = hold(call, _CALL_HOLDERS)
    name = to_text(find(inner, _NAMES))
    kind = str(call.get("type") or "")
    if not name and kind.startswith("tool-"):  # The AI SDK names the part after the tool.
        name = kind.removeprefix("tool-")
    error = find(inner, ("errorText", "error"))
    result = find(inner, ("output", "result"))
    return ToolCall(
        name or kind.removesuffix("_call"),
        to_text(find(inner, _ARGUMENTS)),
        None if result is None else to_text(read_output(result)[0]),
        to_text(error) if error else None,
        to_text(find(inner, _IDS)),
    )


def read_output(value: object) -> tuple[object, bool]:
    """Return what a tool gave back, and whether that is an error."""
    if isinstance(value, Mapping):
        kind = value.get("type")
        if "value" in value and isinstance(kind, str):  # The AI SDK
            return value["value"], kind.startswith("error")
        if set(value) == {"error"}:  # Gemini
            return value["error"], True
    return value, False


def drop_repeated(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """Return each call once: LangChain gives it as a block and in a list of calls."""
    found: dict[object, ToolCall] = {}
    for position, call in enumerate(calls):
        key = call.call_id or position
        if key in found:
            call = replace(found[key], arguments=found[key].arguments or call.arguments)
        found[key] = call
    return tuple(found.values())


def find(item: Item, names: Iterable[str]) -> Any:  # noqa: ANN401 - any JSON
    """Return the first of these values that is there."""
    return next((item[name] for name in names if item.get(name) is not None), None)


def find_filled(item: Item, names: Iterable[str]) -> Any:  # noqa: ANN401 - any JSON
    """Return the first of these values that is neither empty nor nought."""
    return next((item[name] for name in names if item.get(name)), None)


def hold(item: Item, holders: Sequence[str]) -> Item:
    """Return an item with what it holds under these names, of which a later one may be within another."""
    for name in holders:
        if isinstance(inner := item.get(name), Mapping):
            item = {**item, **inner}
    return item

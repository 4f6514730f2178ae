"""What an endpoint answered, read from the body itself: nothing is lost that only this endpoint knows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Fields of a message that are read, or that requests do not have. All others go back as they came.
_READ_FIELDS = frozenset(
    {"role", "content", "tool_calls", "function_call", "refusal", "annotations", "audio"}
)
_READ_FIELDS_OF_CALL = frozenset({"id", "type", "function", "index", "name", "arguments"})
_NAMES_OF_COUNTS = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
_MAX_COUNT = 1e9  # more is no count
_TEXT_PARTS = frozenset({"text", "output_text"})


@dataclass(frozen=True)
class Call:
    """A tool call as it came in.

    Attributes
    ----------
    name : str
    arguments : JSON
        Mostly a text that holds JSON.
    call_id : str
        Empty if the endpoint gave none.
    fields : dict
        What else stood on the call, such as a thought signature.
    """

    name: str
    arguments: Any
    call_id: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """An answer of a model.

    Attributes
    ----------
    text : str
    calls : list of Call
    fields : dict
        What else stood on the message, such as the model's reasoning.
    items : list of dict
        The output of the responses API, as it came; empty for chat completions.
    tokens : (int, int) or None
        Prompt and completion tokens; None if the endpoint did not count them.
    """

    text: str
    calls: list[Call] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)
    tokens: tuple[int, int] | None = None


def read_answer(body: str) -> Answer:
    """Read the body of a chat completion, or of a response of the responses API.

    Raises
    ------
    ValueError
        If the body is neither; the message is what the endpoint says, if it says something.
    """
    content = json.loads(body.removeprefix("\ufeff"))
    if not isinstance(content, dict):
        raise ValueError(f"it is a {type(content).__name__}")
    if error := content.get("error"):
        raise ValueError(str(error.get("message", error) if isinstance(error, dict) else error))
    if isinstance(content.get("output"), list):
        return _read_response(content)
    choices = content.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise ValueError("it holds no message")
    fields = _select_fields(message, _READ_FIELDS)
    if isinstance(parts := message.get("content"), list) and any(_is_no_text(part) for part in parts):
        fields["content"] = parts
    calls = message.get("tool_calls") or message.get("function_call") or []
    return Answer(
        text=_read_text(message.get("content")),
        calls=[_read_call(call) for call in (calls if isinstance(calls, list) else [calls])],
        fields=fields,
        tokens=read_tokens(content.get("usage")),
    )


def _read_response(content: Mapping[str, Any]) -> Answer:
    items = [item for item in content["output"] if isinstance(item, dict)]
    texts = [_read_text(item.get("content")) for item in items if item.get("type") == "message"]
    calls = [
        Call(str(item.get("name") or ""), item.get("arguments"), _read_id(item.get("call_id")))
        for item in items
        if item.get("type") == "function_call"
    ]
    tokens = read_tokens(content.get("usage"))
    return Answer("".join(texts), calls, items=items, tokens=tokens)


def _read_call(call: Any) -> Call:  # noqa: ANN401 - any JSON
    if not isinstance(call, dict):
        return Call("", call)
    function = call.get("function")
    inner = function if isinstance(function, dict) else call
    fields = _select_fields(call, _READ_FIELDS_OF_CALL)
    if inner is function and (more := _select_fields(function, _READ_FIELDS_OF_CALL)):
        fields["function"] = more
    return Call(str(inner.get("name") or ""), inner.get("arguments"), _read_id(call.get("id")), fields)


def _read_id(value: Any) -> str:  # noqa: ANN401 - any JSON
    return value if isinstance(value, str) else ""


def _select_fields(source: Mapping[str, Any], read: frozenset[str]) -> dict[str, Any]:
    """Return the fields that are not read and hold something."""
    return {
        name: value for name, value in source.items() if name not in read and value not in (None, "", [], {})
    }


def _read_text(content: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the text of a content, which is a text or a list of parts."""
    if isinstance(content, list):
        return "".join(
            part if isinstance(part, str) else str(part.get("text") or "")
            for part in content
            if not _is_no_text(part)
        )
    return content if isinstance(content, str) else ""


def _is_no_text(part: Any) -> bool:  # noqa: ANN401 - any JSON
    return not isinstance(part, str) and not (isinstance(part, dict) and part.get("type") in _TEXT_PARTS)


def read_tokens(usage: Any) -> tuple[int, int] | None:  # noqa: ANN401 - any JSON
    """Return prompt and completion tokens that an endpoint counted; None if it counted none."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = (_read_count(usage, names) for names in _NAMES_OF_COUNTS)
    return (prompt, completion) if prompt or completion else None


def _read_count(usage: Mapping[str, Any], names: Sequence[str]) -> int:
    counts = [usage[name] for name in names if isinstance(usage.get(name), int | float)]
    return next((int(count) for count in counts if 0 < count < _MAX_COUNT), 0)

"""Reads the messages of a model call in the shapes that vendors and frameworks give them.

OpenAI's chats, Anthropic's blocks, the parts of OpenTelemetry and of Gemini, LangChain's messages, and plain
text. What is none of these is one message whose text is its JSON.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from trace_clustering.traces.trace import Role, ToolCall

_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "tool": "tool",
    "function": "tool",
    "function_call_output": "tool",
    "observation": "tool",
}
_LISTS: Final = ("messages", "chat_history", "history", "contents", "input", "prompt", "prompts")


@dataclass(frozen=True)
class Message:
    """A message as a call holds it; of the role `tool`, the result of the call `call_id`.

    `is_guess` tells that the source names no role, so that the message may be anything: a prompt, a state.
    """

    role: Role
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    tool_name: str = ""
    is_error: bool = False
    is_guess: bool = False


def read_messages(value: object, role: Role = "user") -> list[Message]:
    """Return the messages that a value holds; `role` is that of a message that names none.

    Text that is JSON is read as what it holds. Nothing is lost: of a value of an unknown shape, the text is
    its JSON.
    """
    value = parse_json_text(value)
    if value is None or value == "" or value == [] or value == {}:
        return []
    if isinstance(value, str):
        return [Message(role, value, is_guess=True)]
    if isinstance(value, list):
        if all(isinstance(item, list) for item in value):  # LangChain gives batches
            return [message for item in value for message in read_messages(item, role)]
        if any(_is_message(item) for item in value):
            return [message for item in value for message in _read_message(item, role)]
        return _read_message({"content": value}, role)
    if isinstance(value, dict):
        if _is_message(value):
            return _read_message(value, role)
        for name in _LISTS:
            if isinstance(value.get(name), list):
                return read_messages(value[name], role)
    return [Message(role, to_text(value), is_guess=True)]


def parse_json_text(value: object) -> object:
    """Return what a text holds that is a JSON object or array; any other value as it is."""
    if isinstance(value, str) and value[:1] in '[{"' and value[-1:] in ']}"' and len(value) > 1:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def to_text(value: object) -> str:
    """Return a value as text: texts as they are, others as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and (
        str(value.get("role", value.get("from", value.get("type", "")))).lower() in _ROLES
    )


def _read_message(item: object, default: Role) -> list[Message]:
    if not isinstance(item, dict):
        return [Message(default, to_text(item))] if item else []
    role = _ROLES.get(str(item.get("role", item.get("from", item.get("type", "")))).lower(), default)
    content = next((item[n] for n in ("content", "parts", "value", "text") if item.get(n) is not None), None)
    found = _Content()
    found.read(content)
    calls = [*found.calls, *(_read_call(call) for call in item.get("tool_calls") or [])]
    if role == "tool":
        call_id = str(item.get("tool_call_id") or item.get("call_id") or "")
        return [*found.results] or [
            Message("tool", found.text, (), call_id, str(item.get("name") or ""), bool(item.get("is_error")))
        ]
    messages = list(found.results)
    if found.text or calls or not messages:
        messages.append(Message(role, found.text, tuple(calls)))
    return messages


class _Content:
    """Collects the texts, calls and results of a message's content."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.calls: list[ToolCall] = []
        self.results: list[Message] = []

    @property
    def text(self) -> str:
        return "\n".join(text for text in self._texts if text)

    def read(self, content: object) -> None:
        if isinstance(content, list):
            for part in content:
                self._read_part(part)
        elif content is not None:
            self._texts.append(to_text(content))

    def _read_part(self, part: object) -> None:
        if not isinstance(part, dict):
            self._texts.append(to_text(part))
            return
        kind = str(part.get("type", ""))
        if kind in ("tool_use", "tool_call", "function_call", "tool-call"):
            self.calls.append(_read_call(part))
        elif kind in ("tool_result", "tool_call_response", "tool-result", "function_call_output"):
            self.results.append(_read_result(part))
        elif kind in ("reasoning", "thinking", "redacted_thinking"):
            return
        elif (text := part.get("text", part.get("content"))) is not None:
            self._texts.append(to_text(text))
        elif kind:
            self._texts.append(f"[{kind}]")


def _read_result(part: dict[str, Any]) -> Message:
    content = _Content()
    content.read(next((part[n] for n in ("content", "response", "result", "output") if n in part), None))
    call_id = str(part.get("tool_use_id") or part.get("id") or part.get("call_id") or "")
    return Message("tool", content.text, (), call_id, str(part.get("name") or ""), bool(part.get("is_error")))


def _read_call(call: Any) -> ToolCall:  # noqa: ANN401 - any JSON
    if not isinstance(call, dict):
        return ToolCall(to_text(call))
    inner = call.get("function")
    function: dict[str, Any] = inner if isinstance(inner, dict) else call
    arguments = next((function[n] for n in ("arguments", "input", "args") if n in function), "")
    return ToolCall(
        str(function.get("name") or ""),
        to_text(arguments),
        call_id=str(call.get("id") or call.get("call_id") or ""),
    )

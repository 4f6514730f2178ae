"""A message of a conversation, and whose it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from trace_clustering.traces.trace import Role, ToolCall

_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "customer": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "agent": "assistant",
    "tool": "tool",
    "function": "tool",
    "tool-response": "tool",
    "toolresponse": "tool",
    "ipython": "tool",
    "observation": "tool",
    "functionexecutionresult": "tool",
}
# Where a message says whose it is. Only the first of these says nothing else.
_ROLE_NAMES: Final = ("role", "_role", "from", "sender", "source", "messageType", "message_type", "type")


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


def get_role(word: object) -> Role | None:
    """Return the role that a word stands for, as in `user`, `HumanMessage` and `AIMessageChunk`."""
    if isinstance(word, Mapping):  # Semantic Kernel
        word = word.get("label", word.get("value"))
    if not isinstance(word, str):
        return None
    plain = word.strip().lower()
    return _ROLES.get(plain) or _ROLES.get(plain.removesuffix("chunk").removesuffix("message"))


def find_role(item: Mapping[str, Any]) -> Role | None:
    """Return whose message this is; None if it is no message, or that of nobody we know."""
    if isinstance(item.get("function"), Mapping):  # The definition of a tool, or a call of it.
        return get_role(item.get("role"))
    return next((role for name in _ROLE_NAMES if (role := get_role(item.get(name)))), None)

"""The content of a message: text, or a list of parts of which each is text, a call, a result or a medium."""

from collections.abc import Mapping
from typing import Any, Final

from trace_clustering.sources.messages.calls import (
    Item,
    find,
    hold,
    read_call,
    read_output,
)
from trace_clustering.sources.messages.message import Message
from trace_clustering.sources.messages.texts import name_medium, parse_json_text, to_text
from trace_clustering.traces.trace import ToolCall

_CALLS: Final = frozenset(
    (
        *("tool_use", "tool_call", "function_call", "custom_tool_call", "server_tool_use", "mcp_tool_use"),
        *("mcp_call", "tool_invocation", "web_search_call", "file_search_call", "code_interpreter_call"),
        *("computer_call", "local_shell_call", "image_generation_call", "dynamic_tool", "functioncall"),
    )
)
_RESULTS: Final = frozenset(
    (
        *("tool_result", "tool_call_response", "function_call_output", "custom_tool_call_output"),
        *("computer_call_output", "local_shell_call_output", "mcp_tool_result", "web_search_tool_result"),
        *("code_execution_tool_result", "tool_return", "retry_prompt", "tool_response", "functionresult"),
    )
)
_HIDDEN: Final = ("reasoning", "thinking", "thought", "step_start", "step_finish")
_TEXTS: Final = frozenset(
    (
        *("text", "input_text", "output_text", "user_prompt", "system_prompt", "refusal", "textcontent"),
        *("summary_text", "json", "message"),
    )
)
_MEDIA: Final = frozenset(
    ("image", "audio", "video", "file", "document", "blob", "uri", "binary", "media", "url")
)
# Parts without a kind are told by the key that holds them.
_CALL_KEYS: Final = ("functionCall", "function_call", "toolUse", "tool_call", "toolInvocation")
_RESULT_KEYS: Final = ("functionResponse", "function_response", "toolResult", "tool_call_result")
_HIDDEN_KEYS: Final = ("reasoningContent", "reasoning_content", "thought_signature", "thoughtSignature")
_MEDIA_KEYS: Final = (
    *("inlineData", "inline_data", "fileData", "file_data", "image", "image_url", "audio", "video"),
    *("document",),
)
_TEXT_KEYS: Final = ("text", "content", "refusal", "transcript", "value", "json", "code", "output")
_UNTOLD_TEXT_KEYS: Final = ("text", "content", "json")  # of a part that says not what it is
_IDS_OF_RESULTS: Final = (*("tool_use_id", "tool_call_id", "toolCallId", "toolUseId", "call_id", "id"),)
_WITHIN_RESULTS: Final = ("content", "response", "result", "output", "outputs")


def get_kind(part: Item) -> str:
    """Return the kind of a part in one spelling: `tool_call` for `tool-call`; empty if it has none."""
    kind = find(part, ("type", "part_kind", "block_type", "content_type", "$type"))
    return kind.rpartition(".")[2].lower().replace("-", "_") if isinstance(kind, str) else ""


def is_part(value: object) -> bool:
    """Return whether a value is a part of a content, by its kind or its key."""
    if not isinstance(value, Mapping):
        return False
    kind = get_kind(value)
    if kind in _CALLS or kind in _RESULTS or kind in _TEXTS or kind.startswith(_HIDDEN):
        return True
    if _is_medium(kind):
        return True
    keys = (*_CALL_KEYS, *_RESULT_KEYS, *_HIDDEN_KEYS, *_MEDIA_KEYS)
    return set(value) == {"text"} or any(isinstance(value.get(key), Mapping) for key in keys)


class Content:
    """Collects the texts, calls and results of a message's content."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.calls: list[ToolCall] = []
        self.results: list[Message] = []

    @property
    def text(self) -> str:
        """All texts, one below the other."""
        return "\n".join(text for text in self._texts if text)

    def read(self, content: object) -> None:
        """Add what a content holds."""
        if isinstance(content, str) and content[:2] == "[{":
            content = _parse_parts(content)
        if isinstance(content, list | tuple):
            for part in content:
                self._read_part(part)
        elif isinstance(content, Mapping):
            self._read_part(content)
        elif content is not None:
            self.add_text(content)

    def add_text(self, text: object) -> None:
        """Add a text, or anything as text."""
        self._texts.append(to_text(text))

    def _read_part(self, part: object) -> None:
        if not isinstance(part, Mapping):
            self.add_text(part)
            return
        kind = get_kind(part)
        if kind in _RESULTS or _has(part, _RESULT_KEYS):
            self.results.append(read_result(part))
        elif kind in _CALLS or kind.startswith("tool_") or _has(part, _CALL_KEYS):
            self.calls.append(read_call(part))
        elif _is_hidden(part, kind):
            return
        elif isinstance(part.get("parts"), list):
            self.read(part["parts"])
        elif isinstance(inner := part.get("message_content"), Mapping):  # OpenInference
            self._read_part(inner)
        else:
            self._read_text(part, kind)

    def _read_text(self, part: Item, kind: str) -> None:
        medium = next((name for name in _MEDIA_KEYS if name in part), "")
        if kind not in _TEXTS and (medium or _is_medium(kind)):
            self._texts.append(_name_part(part, kind or medium))
            if isinstance(transcript := find(part, ("transcript",)), str):
                self._texts.append(transcript)
        elif (text := find(part, _TEXT_KEYS if kind else _UNTOLD_TEXT_KEYS)) is not None:
            if isinstance(text, list | Mapping) and kind != "json":
                self.read(text)
            else:
                self.add_text(text)
        elif kind and kind not in _TEXTS:
            self._texts.append(f"[{kind}]")
        elif not kind:
            self.add_text(part)


def read_result(part: Item) -> Message:
    """Return the result of a tool that stands in a content, or beside messages."""
    inner = hold(part, _RESULT_KEYS)
    output, is_error = read_output(find(inner, _WITHIN_RESULTS))
    kind = get_kind(part)
    origin = inner.get("origin")
    ids = origin if isinstance(origin, Mapping) else inner  # Haystack
    return Message(
        "tool",
        read_result_text(output),
        call_id=to_text(find(ids, _IDS_OF_RESULTS)),
        tool_name=to_text(find(ids, ("name", "toolName", "tool_name"))),
        is_error=is_error or has_failed(inner) or kind == "retry_prompt",
    )


def read_result_text(output: object) -> str:
    """Return the text of what a tool gave back: the texts of its parts, or its JSON."""
    parts = output if isinstance(output, list) else [output]
    if not parts or not all(is_part(part) for part in parts):
        return to_text(output)
    content = Content()
    content.read(parts)
    return content.text


def has_failed(item: Item) -> bool:
    """Return whether a result says that its tool failed."""
    flags = (item.get(name) for name in ("is_error", "isError", "error"))
    return any(flag is True for flag in flags) or item.get("status") in ("error", "failed")


def _parse_parts(text: str) -> object:
    """Return the list of parts that a text is; the text itself if it is none."""
    parsed = parse_json_text(text)
    return parsed if isinstance(parsed, list) and all(is_part(part) for part in parsed) else text


def _is_hidden(part: Item, kind: str) -> bool:
    return (
        any(word in kind for word in _HIDDEN)
        or part.get("thought") is True  # Gemini
        or (not kind and any(name in part for name in _HIDDEN_KEYS) and "text" not in part)
    )


def _is_medium(kind: str) -> bool:
    return not _MEDIA.isdisjoint(kind.removesuffix("content").split("_"))


def _has(part: Item, names: tuple[str, ...]) -> bool:
    return any(isinstance(part.get(name), Mapping) for name in names)


def _name_part(part: Item, kind: str) -> str:
    inner: Any = next((part[name] for name in _MEDIA_KEYS if isinstance(part.get(name), Mapping)), part)
    names = ("modality", "mime_type", "mimeType", "mediaType", "media_type")
    known = to_text(find(part, names) or find(inner, names))
    return name_medium(known) if name_medium(known) != "[file]" else name_medium(kind)

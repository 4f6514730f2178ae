"""ChatGPT's export, `conversations.json`: of a tree of messages, the branch at `current_node` counts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.chat import Said, build_chat, find_id
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.messages import Message, read_messages, to_text
from trace_clustering.sources.values import make_json, quote_value, read_mapping, read_name, read_time
from trace_clustering.traces.trace import ToolCall, Trace

_IDS: Final = ("id", "conversation_id")
_CONTENTS: Final = ("parts", "text", "result", "content")
# What the model thinks to itself, and what the person or the model once wrote into the settings.
_UNSAID: Final = ("thoughts", "reasoning_recap", "user_editable_context", "model_editable_context")
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def _recognize(record: Record) -> bool:
    return "mapping" in record and ("current_node" in record or "title" in record)


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    nodes = read_mapping(record.get("mapping"))
    if not nodes and record.get("mapping"):
        raise BadValueError(f"mapping must be an object of messages, not {quote_value(record['mapping'])}")
    path = _find_path(nodes, read_name(record.get("current_node")))
    if not path:
        return
    part = {
        "title": record.get("title"),
        "start": record.get("create_time"),
        "end": record.get("update_time"),
        "link": next((record[name] for name in _IDS if record.get(name)), None),
        "messages": path,
    }
    yield find_id(record, _IDS, path), make_json(part)


def _find_path(nodes: Mapping[str, Any], leaf: str) -> list[Mapping[str, Any]]:
    """Return the messages from the first to the one where the conversation stands."""
    if leaf not in nodes:
        leaf = max(nodes, key=lambda name: (_get_time(nodes[name]), name), default="")
    path, seen = [], set()
    while leaf in nodes and leaf not in seen:
        seen.add(leaf)
        node = read_mapping(nodes[leaf])
        if isinstance(message := node.get("message"), Mapping):
            path.append(message)
        leaf = read_name(node.get("parent"))
    return path[::-1]


def _get_time(node: object) -> datetime:
    message = read_mapping(read_mapping(node).get("message"))
    return read_time(message.get("create_time"), "create_time") or _EARLIEST


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    record = parts[-1]
    said = [one for message in record["messages"] for one in _read_node(message)]
    if not said:
        return
    link = read_name(record.get("link"))
    trace = Trace(
        trace_id,
        name=to_text(record.get("title")),
        start=read_time(record.get("start"), "create_time"),
        end=read_time(record.get("end"), "update_time"),
        source="chatgpt",
        source_link=f"https://chatgpt.com/c/{quote(link, safe='', errors='replace')}" if link else "",
    )
    yield build_chat(trace, said)


def _read_node(message: Mapping[str, Any]) -> list[Said]:
    """Return what one node says; the recipient of a call is the tool, and hidden nodes are no turns."""
    author, metadata = read_mapping(message.get("author")), read_mapping(message.get("metadata"))
    role = read_name(author.get("role"))
    recipient = read_name(message.get("recipient")) or "all"
    content = read_mapping(message.get("content"))
    is_call = role == "assistant" and recipient != "all"
    is_hidden = bool(metadata.get("is_visually_hidden_from_conversation"))
    if content.get("content_type") in _UNSAID or (is_hidden and role != "tool" and not is_call):
        return []
    time = read_time(message.get("create_time"), "create_time")
    model = read_name(metadata.get("model_slug")) if role == "assistant" else ""
    text = _read_text(content)
    if is_call:
        return [Said(Message("assistant", "", (ToolCall(recipient, text),)), time, model)]
    if not text.strip():
        return []
    found = read_messages([{"role": role, "content": text, "name": author.get("name")}])
    return [Said(one, time, model) for one in found]


def _read_text(content: Mapping[str, Any]) -> str:
    value = next((content[name] for name in _CONTENTS if content.get(name)), "")
    parts = value if isinstance(value, list) else [value]
    return "\n".join(text for part in parts if (text := _read_part(part)))


def _read_part(part: object) -> str:
    if isinstance(part, Mapping):
        kind = read_name(part.get("content_type")) or "attachment"
        return to_text(part.get("text")) or f"[{kind.removesuffix('_asset_pointer')}]"
    return to_text(part)


CHATGPT: Final = Format(
    name="chatgpt",
    title="ChatGPT's export",
    recognizes=_recognize,
    split=_split,
    build=_build,
)

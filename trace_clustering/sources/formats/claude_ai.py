"""The export of claude.ai, `conversations.json`: `{"uuid", "name", "chat_messages": [...]}`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from trace_clustering.sources.formats.chat import Said, build_chat, find_id, parse_list, read_list
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.messages import read_messages, to_text
from trace_clustering.sources.values import make_json, read_mapping, read_name, read_time
from trace_clustering.traces.trace import Trace

_IDS: Final = ("uuid", "id")


def _recognize(record: Record) -> bool:
    return parse_list(record.get("chat_messages")) is not None


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    messages = _find_path(
        read_list(record, "chat_messages"), read_name(record.get("current_leaf_message_uuid"))
    )
    if not messages:
        return
    part = {
        "name": record.get("name"),
        "model": record.get("model"),
        "user": read_mapping(record.get("account")).get("uuid"),
        "start": record.get("created_at"),
        "end": record.get("updated_at"),
        "link": record.get("uuid"),
        "messages": messages,
    }
    yield find_id(record, _IDS, messages), make_json(part)


def _find_path(messages: list[Any], leaf: str) -> list[Any]:
    """Return the branch where the conversation stands; all messages where they do not name their parents."""
    by_id = {read_name(message.get("uuid")): message for message in messages}
    parents = {name: read_name(message.get("parent_message_uuid")) for name, message in by_id.items()}
    if len(by_id) < len(messages) or not any(parent in by_id for parent in parents.values()):
        return messages
    if leaf not in by_id:
        leaf = max(by_id, key=lambda name: (to_text(by_id[name].get("created_at")), name))
    path, seen = [], set()
    while leaf in by_id and leaf not in seen:
        seen.add(leaf)
        path.append(by_id[leaf])
        leaf = parents[leaf]
    return path[::-1]


def _build(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    record = parts[-1]
    model = read_name(record.get("model"))
    said = [one for message in record["messages"] for one in _read_message(message, model)]
    if not said:
        return
    link = read_name(record.get("link"))
    trace = Trace(
        trace_id,
        user_id=read_name(record.get("user")),
        name=to_text(record.get("name")),
        start=read_time(record.get("start"), "created_at"),
        end=read_time(record.get("end"), "updated_at"),
        source="claude_ai",
        source_link=f"https://claude.ai/chat/{quote(link, safe='', errors='replace')}" if link else "",
    )
    yield build_chat(trace, said)


def _read_message(message: Mapping[str, Any], model: str) -> list[Said]:
    """Return what a message says; after the result of a tool within it, the model was called again."""
    role = message.get("sender")
    time = read_time(message.get("created_at"), "chat_messages.created_at")
    runs: list[list[Any]] = [[]]
    for block in parse_list(message.get("content")) or []:
        is_result = isinstance(block, Mapping) and block.get("type") == "tool_result"
        if is_result:
            runs += [[block], []]
        else:
            runs[-1].append(block)
    found = [one for run in runs if run for one in read_messages([{"role": role, "content": run}])]
    found = [one for one in found if one.text or one.tool_calls or one.role == "tool"]
    if not found and (text := to_text(message.get("text")) or _read_attachments(message)):
        found = read_messages([{"role": role, "content": text}])
    return [Said(one, time, model if one.role == "assistant" else "") for one in found]


def _read_attachments(message: Mapping[str, Any]) -> str:
    """Return what a person attached to a message that says nothing else: mostly a long text."""
    attached = [*(parse_list(message.get("attachments")) or []), *(parse_list(message.get("files")) or [])]
    files = [read_mapping(item) for item in attached]
    return "\n".join(
        to_text(file.get("extracted_content")) or f"[{read_name(file.get('file_name'))}]" for file in files
    )


CLAUDE_AI: Final = Format(
    name="claude_ai",
    title="the export of claude.ai",
    recognizes=_recognize,
    split=_split,
    build=_build,
)

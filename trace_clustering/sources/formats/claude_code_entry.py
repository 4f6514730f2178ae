"""A record of Claude Code: cut to what a trace needs, and read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.chat import read_usage
from trace_clustering.sources.values import (
    make_json,
    quote_value,
    read_mapping,
    read_name,
    read_number,
    read_time,
)

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_KEPT: Final = (
    *("type", "subtype", "uuid", "parentUuid", "logicalParentUuid", "timestamp", "agentId", "isSidechain"),
    *("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly", "origin", "promptSource", "forkedFrom"),
    *("isApiErrorMessage", "costUSD", "durationMs", "cwd", "gitBranch"),
    *("customTitle", "aiTitle", "agentName", "summary", "tag"),
)
_NAMES: Final = ("customTitle", "aiTitle", "agentName", "summary", "tag")
_SPOKEN: Final = ("user", "assistant")
# Of a block, what is not a file or a thought.
_BLOCK: Final = ("type", "text", "id", "name", "input", "tool_use_id", "content", "is_error")
_IDS: Final = ("id", "tool_use_id")
_SYNTHETIC: Final = "<synthetic>"


@dataclass(frozen=True, eq=False)
class Entry:
    """A record that stands in a branch.

    Attributes
    ----------
    uuid, parent : str
    is_joined : bool
        Whether it goes on from what was said before it, if its parent is not there.
    role : {"user", "assistant", ""}
        Empty for records in which nobody speaks, but through which a branch runs.
    is_side : bool
        Whether a sub-agent speaks.
    is_machine : bool
        Whether its texts are not those of the person, although the role is `user`.
    is_synthetic : bool
        Whether Claude Code itself wrote the answer, and no model.
    blocks : list of dict
        Those of the message.
    message_id : str
        The same in all records of one answer of the model.
    """

    uuid: str
    parent: str
    is_joined: bool
    role: Literal["user", "assistant", ""]
    time: datetime | None
    is_side: bool
    agent: str
    is_machine: bool
    is_synthetic: bool
    is_error: bool
    blocks: list[dict[str, Any]]
    message_id: str
    model: str
    usage: Mapping[str, Any]
    cost: float | None
    latency: float | None
    folder: str
    git_branch: str

    def get_order(self) -> tuple[datetime, str]:
        """Return what sorts entries by time, and always alike."""
        return self.time or _EARLIEST, self.uuid


def cut_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a trace needs of a record; nothing if it belongs to no session.

    Files, thoughts and the details of tools' results are left out: a session may hold many megabytes of them.

    Raises
    ------
    BadValueError
        If its time, its message or a number cannot be read.
    """
    if not read_name(record.get("sessionId")):
        return {}
    part = {name: record[name] for name in _KEPT if record.get(name) is not None}
    if prompt := _read_queued_prompt(record):
        part |= {"type": "user", "message": {"content": _cut_blocks(prompt)}}
    elif record.get("type") in _SPOKEN:
        message = record.get("message")
        if not isinstance(message, Mapping):
            raise BadValueError(f"message must be an object, not {quote_value(message)}")
        kept = {name: message.get(name) for name in ("id", "model", "usage")}
        part["message"] = {**kept, "content": _cut_blocks(message.get("content"))}
    if "message" in part and not part.get("uuid"):
        raise BadValueError("uuid is missing")
    if not part.get("uuid") and not any(name in part for name in _NAMES):
        return {}
    if "parentUuid" in record and record["parentUuid"] is None:
        part["isRoot"] = True
    read_time(record.get("timestamp"), "timestamp")
    read_number(record.get("costUSD"), "costUSD")
    read_number(record.get("durationMs"), "durationMs")
    read_usage(read_mapping(part.get("message", {}).get("usage")))
    return dict(make_json(part))


def read_entry(part: Mapping[str, Any]) -> Entry:
    """Return the entry of a record that was cut."""
    message = read_mapping(part.get("message"))
    is_compaction = part.get("subtype") == "compact_boundary" or bool(part.get("isCompactSummary"))
    parent = read_name(part.get("parentUuid")) or read_name(part.get("logicalParentUuid"))
    milliseconds = read_number(part.get("durationMs"), "durationMs")
    return Entry(
        uuid=read_name(part.get("uuid")),
        parent=parent,
        is_joined=is_compaction or not part.get("isRoot"),
        role=_read_role(part),
        time=read_time(part.get("timestamp"), "timestamp"),
        is_side=bool(part.get("isSidechain")),
        agent=read_name(part.get("agentId")),
        is_machine=_is_machine(part),
        is_synthetic=message.get("model") == _SYNTHETIC or bool(part.get("isApiErrorMessage")),
        is_error=bool(part.get("isApiErrorMessage")),
        blocks=message.get("content") or [],
        message_id=read_name(message.get("id")),
        model=read_name(message.get("model")),
        usage=read_mapping(message.get("usage")),
        cost=read_number(part.get("costUSD"), "costUSD"),
        latency=None if milliseconds is None else milliseconds / 1000,
        folder=read_name(part.get("cwd")),
        git_branch=read_name(part.get("gitBranch")),
    )


def _read_role(part: Mapping[str, Any]) -> Literal["user", "assistant", ""]:
    # What a fork of a session copies was said in the session from which it comes.
    if "message" not in part or part.get("forkedFrom"):
        return ""
    return "user" if part.get("type") == "user" else "assistant"


def _is_machine(part: Mapping[str, Any]) -> bool:
    if any(part.get(name) for name in ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly")):
        return True
    origin = read_mapping(part.get("origin")).get("kind")
    return part.get("promptSource") == "system" or origin not in (None, "human")


def _read_queued_prompt(record: Mapping[str, Any]) -> object:
    """Return what a person said while the model was at work, which is kept as an attachment."""
    attachment = read_mapping(record.get("attachment"))
    if attachment.get("type") == "queued_command" and attachment.get("commandMode") in (None, "prompt"):
        return attachment.get("prompt")
    return None


def _cut_blocks(content: object) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    blocks = content if isinstance(content, list) else []
    return [_cut_block(block) for block in blocks if isinstance(block, Mapping)]


def _cut_block(block: Mapping[str, Any]) -> dict[str, Any]:
    cut = {name: block[name] for name in _BLOCK if name in block}
    cut |= {name: read_name(cut[name]) for name in _IDS if name in cut}
    if isinstance(cut.get("content"), list):
        cut["content"] = _cut_blocks(cut["content"])
    return cut

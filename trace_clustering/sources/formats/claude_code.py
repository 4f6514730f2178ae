"""Claude Code: session folders, where each line is a record and a session may lie in several files.

The records of a session make one trace, and each of its sub-agents another one. Of these records, `summary`
lines are left out, because they name no session.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from trace_clustering.sources.formats.claude_code_branch import find_branch, find_root
from trace_clustering.sources.formats.claude_code_entry import Entry, cut_record, read_entry
from trace_clustering.sources.formats.claude_code_turns import build_session
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.messages import to_text
from trace_clustering.sources.values import read_name
from trace_clustering.traces.trace import Trace

_SOURCE: Final = "claude_code"
# Records that belong to no branch; some name the session, others nothing.
_APART: Final = frozenset(
    (
        *("custom-title", "ai-title", "agent-name", "tag", "last-prompt", "queue-operation", "mode"),
        *("permission-mode", "pr-link", "file-history-snapshot", "agent-color", "agent-setting"),
        *("worktree-state", "saved_hook_context", "content-replacement", "attribution-snapshot"),
    )
)
# In the order in which they count as the title.
_TITLES: Final = ("customTitle", "aiTitle", "summary", "agentName")


def _recognize(record: Record) -> bool:
    if "sessionId" in record:
        return "parentUuid" in record or read_name(record.get("type")) in _APART
    if record.get("type") == "summary":
        return "leafUuid" in record
    return record.get("type") == "file-history-snapshot" and "snapshot" in record


def _split(record: Record) -> Iterable[tuple[str, Record]]:
    session = read_name(record.get("sessionId"))
    part = cut_record(record)
    if part:
        yield session, part


def _build(session: str, parts: Sequence[Record]) -> Iterable[Trace]:
    entries = {entry.uuid: entry for entry in map(read_entry, parts) if entry.uuid}
    ordered = sorted(entries.values(), key=Entry.get_order)
    main = [entry for entry in ordered if not entry.is_side]
    trace = build_session(Trace(session, session_id=session, source=_SOURCE), find_branch(main))
    if trace.turns:
        yield _name_trace(trace, parts)
    for agent, found in _group_agents([entry for entry in ordered if entry.is_side]).items():
        own = Trace(f"{session}:{agent}", session_id=session, source=_SOURCE, is_automation=True)
        trace = build_session(own, find_branch(found))
        if trace.turns:
            yield trace


def _group_agents(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each sub-agent by its id, or by that of its first entry where none has a name."""
    by_id = {entry.uuid: entry for entry in entries}
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.agent or find_root(entry, by_id), []).append(entry)
    return groups


def _name_trace(trace: Trace, parts: Sequence[Record]) -> Trace:
    """Return a trace with the newest of its titles, one that a person gave before others, and its tags."""
    titles = [part[name] for name in _TITLES for part in reversed(parts) if part.get(name)]
    tags = dict.fromkeys(read_name(part["tag"]) for part in parts if part.get("tag"))
    return replace(trace, name=to_text(next(iter(titles), "")), tags=tuple(tags))


CLAUDE_CODE: Final = Format(
    name=_SOURCE,
    title="Claude Code sessions",
    recognizes=_recognize,
    split=_split,
    build=_build,
    is_spread=True,
)

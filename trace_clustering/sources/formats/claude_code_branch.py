"""Finds the branch at which a session of Claude Code stands; those that were left are left out."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from trace_clustering.sources.formats.claude_code_entry import Entry


def find_branch(entries: Sequence[Entry]) -> list[Entry]:
    """Return what was said from the first entry to the newest one, in the order of the conversation.

    Parameters
    ----------
    entries : sequence of Entry
        In the order of time.
    """
    spoken = [entry for entry in entries if entry.role]
    if not spoken:
        return []
    parents = {entry.parent for entry in entries}
    # Of entries with the same time, the one on which nothing follows.
    leaf = max(spoken, key=lambda entry: (entry.get_order()[0], entry.uuid not in parents, entry.uuid))
    branch = [entry for entry in _walk_back(entries, spoken, leaf) if entry.role]
    return branch + _find_siblings(branch, spoken)


def find_root(entry: Entry, by_id: dict[str, Entry]) -> str:
    """Return the id of the first entry of a branch."""
    seen: set[str] = set()
    while entry.parent in by_id and entry.uuid not in seen:
        seen.add(entry.uuid)
        entry = by_id[entry.parent]
    return entry.uuid


def _walk_back(entries: Sequence[Entry], spoken: Sequence[Entry], leaf: Entry) -> list[Entry]:
    """Return the entries from the root to the leaf.

    A compaction begins a new tree, and a line of a file may be missing: then what was said before goes on.
    """
    by_id = {entry.uuid: entry for entry in entries}
    times = [entry.get_order()[0] for entry in spoken]
    path: list[Entry] = []
    seen: set[str] = set()
    entry: Entry | None = leaf
    while entry is not None and entry.uuid not in seen:
        seen.add(entry.uuid)
        path.append(entry)
        before = by_id.get(entry.parent)
        if before is None and entry.is_joined and entry.time:
            earlier = bisect_left(times, entry.time)
            before = spoken[earlier - 1] if earlier else None
        entry = before
    return path[::-1]


def _find_siblings(branch: Sequence[Entry], spoken: Iterable[Entry]) -> list[Entry]:
    """Return what belongs to a branch beside its chain.

    Tools that run side by side make forks: parts of one answer, and results of its calls.
    """
    known = {entry.uuid for entry in branch}
    answers = {entry.message_id for entry in branch if entry.message_id}
    others = [entry for entry in spoken if entry.uuid not in known]
    parts = [entry for entry in others if entry.role == "assistant" and entry.message_id in answers]
    calls = {block.get("id") for entry in [*branch, *parts] for block in entry.blocks if block.get("id")}
    return parts + [
        entry
        for entry in others
        if entry.role == "user" and any(block.get("tool_use_id") in calls for block in entry.blocks)
    ]

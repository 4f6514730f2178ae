"""Builds the turns and model calls of a branch of a session of Claude Code."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from trace_clustering.sources.formats.chat import read_usage
from trace_clustering.sources.formats.claude_code_entry import Entry
from trace_clustering.sources.formats.claude_code_words import clean_text, is_machine_prompt, read_command
from trace_clustering.sources.history import build_turns
from trace_clustering.sources.messages import Message, read_messages
from trace_clustering.sources.spans import add_known
from trace_clustering.traces.trace import ModelCall, Trace


def build_session(trace: Trace, branch: Sequence[Entry]) -> Trace:
    """Return a trace with what was said in a branch.

    A trace in which no person says anything is automation.
    """
    answers = _group_answers(branch)
    turns = build_turns(_list_messages(branch, answers))
    calls = tuple(call for group in answers.values() if (call := _build_call(group)))
    times = [entry.time for entry in branch if entry.time]
    users = [turn.text for turn in turns if turn.role == "user"]
    first = branch[0] if branch else None
    origin = {"cwd": first.folder, "git_branch": first.git_branch} if first else {}
    return replace(
        trace,
        start=min(times, default=None),
        end=max(times, default=None),
        turns=turns,
        calls=calls,
        input_tokens=add_known(call.input_tokens for call in calls),
        output_tokens=add_known(call.output_tokens for call in calls),
        cost=add_known(call.cost for call in calls),
        is_error=any(call.is_error for call in calls) if calls else None,
        error=next((call.error for call in calls if call.error), ""),
        is_automation=trace.is_automation or all(map(is_machine_prompt, users)),
        properties={name: value for name, value in origin.items() if value},
    )


def _group_answers(branch: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each answer; a model's answer is spread over an entry for each block."""
    groups: dict[str, list[Entry]] = {}
    for entry in branch:
        if entry.role == "assistant":
            groups.setdefault(entry.message_id or entry.uuid, []).append(entry)
    return groups


def _list_messages(branch: Sequence[Entry], answers: dict[str, list[Entry]]) -> Iterator[Message]:
    """Yield each answer where its first entry stands, and each result of a known call once."""
    open_calls = {block.get("id") for group in answers.values() for entry in group for block in entry.blocks}
    for position, entry in enumerate(branch):
        if entry.role == "user":
            for message in _read_user(branch, position):
                if message.role != "tool" or message.call_id in open_calls:
                    open_calls.discard(message.call_id)
                    yield message
            continue
        group = answers[entry.message_id or entry.uuid]
        if group[0] is entry and not entry.is_synthetic:
            yield from read_messages([{"role": "assistant", "content": _merge_blocks(group)}])


def _merge_blocks(group: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return the texts and calls of an answer, each once, however often it was recorded."""
    merged: list[dict[str, Any]] = []
    for entry in group:
        for block in entry.blocks:
            if block.get("type") == "server_tool_use":
                block = {**block, "type": "tool_use"}
            if block.get("type") in ("text", "tool_use") and block not in merged:
                merged.append(block)
    return merged


def _read_user(branch: Sequence[Entry], position: int) -> list[Message]:
    """Return what a person says, and the results of tools, which have the same role."""
    entry = branch[position]
    blocks = []
    for block in entry.blocks:
        if block.get("type") == "tool_result":
            blocks.append(block)
        elif not entry.is_machine:
            text = str(block.get("text") or "")
            cleaned = clean_text(text)
            if not cleaned and _is_answered(branch, position):
                cleaned = read_command(text)
            if cleaned or "text" not in block:
                blocks.append({**block, **({"text": cleaned} if cleaned else {})})
    return [one for one in read_messages([{"role": "user", "content": blocks}]) if one.text or one.call_id]


def _is_answered(branch: Sequence[Entry], position: int) -> bool:
    """Return whether the model answers next: only then a command was meant for it, not for the program."""
    for entry in branch[position + 1 :]:
        if entry.role == "assistant":
            return not entry.is_synthetic
        if not entry.is_machine:
            return False
    return False


def _build_call(group: Sequence[Entry]) -> ModelCall | None:
    """Return the model call of an answer; None if no model was called. Each entry repeats the usage."""
    first = group[0]
    if first.is_synthetic and not first.is_error:
        return None
    usages = [read_usage(entry.usage) for entry in group if not entry.is_synthetic]
    text = "\n".join(str(block.get("text") or "") for block in first.blocks)
    return ModelCall(
        span_id=first.message_id,
        model="" if first.is_synthetic else first.model,
        end=max((entry.time for entry in group if entry.time), default=None),
        # While an answer is written its count grows.
        input_tokens=max((tokens for tokens, _ in usages if tokens is not None), default=None),
        output_tokens=max((tokens for _, tokens in usages if tokens is not None), default=None),
        cost=max((entry.cost for entry in group if entry.cost is not None), default=None),
        latency=max((entry.latency for entry in group if entry.latency is not None), default=None),
        is_error=first.is_error,
        error=text if first.is_error else "",
    )

"""What went wrong in a trace, as far as the trace itself says it."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from trace_clustering.documents.fillers import may_close
from trace_clustering.documents.wrappers import unwrap_text
from trace_clustering.text import clean_line
from trace_clustering.traces.trace import Trace

MAX_NOTES: Final = 8
MAX_NOTE_LENGTH: Final = 240


def list_notes(trace: Trace) -> list[str]:
    """Return errors of the trace, its calls and its tools, and whether the task was left unfinished."""
    notes = [*_list_trace_errors(trace), *_list_call_errors(trace), *_list_tool_errors(trace)]
    if is_unanswered(trace):
        notes.append("The last message of the user was not answered")
    lines = (clean_line(note, MAX_NOTE_LENGTH) for note in notes)
    return list(dict.fromkeys(lines))[:MAX_NOTES]


def is_unanswered(trace: Trace) -> bool:
    """Return whether a conversation ends with something that the user asked."""
    if not trace.turns or trace.turns[-1].role != "user":
        return False
    has_answers = any(turn.role == "assistant" for turn in trace.turns)
    last = unwrap_text(trace.turns[-1].text)
    return has_answers and bool(last) and not may_close(last)


def _list_trace_errors(trace: Trace) -> list[str]:
    if trace.error:
        return [f"Error: {trace.error}"]
    has_reason = any(c.error for c in trace.calls) or any(c.error for c in trace.tool_calls)
    return ["The trace is marked as failed"] if trace.is_error and not has_reason else []


def _list_call_errors(trace: Trace) -> list[str]:
    errors = [c.error or "no reason is given" for c in trace.calls if c.error or c.is_error]
    others = [error for error in errors if error != trace.error]
    return [f"A model call failed{_write_times(n)}: {text}" for text, n in _count(others)]


def _list_tool_errors(trace: Trace) -> list[str]:
    failed = [(call.name, call.error) for call in trace.tool_calls if call.error is not None]
    first = dict(reversed(failed))
    return [
        f"{name or 'A tool'} failed{_write_times(n)}{f': {first[name]}' if first[name] else ''}"
        for name, n in _count(name for name, _ in failed)
    ]


def _count(values: Iterable[str]) -> list[tuple[str, int]]:
    return list(Counter(values).items())


def _write_times(count: int) -> str:
    return "" if count == 1 else f" {count} times"

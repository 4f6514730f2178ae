"""The flow of a trace: the tools that were called, in order, with repeats folded."""

from collections.abc import Sequence
from typing import Final

from trace_clustering.text import clean_line
from trace_clustering.traces.trace import Trace

MAX_FLOW_STEPS: Final = 30
_MAX_NAME_LENGTH = 60
# Agents repeat rounds of a few tools, such as search, read, think.
_MAX_ROUND = 4
# Of longer traces, only so many calls are folded at either end.
_MAX_CALLS = 2_000


def write_flow(trace: Trace) -> str:
    """Return the tools in order, such as `get_user -> search x3 -> (read -> edit) x2`.

    A trace without tools has no flow. Of a long one, steps in the middle are left out and counted.
    """
    names = [name for call in trace.tool_calls if (name := clean_line(call.name, _MAX_NAME_LENGTH))]
    steps = _fold(names if len(names) <= _MAX_CALLS else names[:_MAX_CALLS])
    left = len(names) - min(len(names), _MAX_CALLS)
    if len(steps) > MAX_FLOW_STEPS:
        half = MAX_FLOW_STEPS // 2
        return " -> ".join([*steps[:half], f"... ({len(steps) - 2 * half} more) ...", *steps[-half:]])
    return " -> ".join([*steps, f"... ({left} more)"] if left else steps)


def _fold(names: Sequence[str]) -> list[str]:
    """Return the names with each round that follows itself written once and counted."""
    steps: list[str] = []
    position = 0
    while position < len(names):
        length, count = _find_round(names, position)
        one = " -> ".join(names[position : position + length])
        steps.append(one if count == 1 else f"{one if length == 1 else f'({one})'} x{count}")
        position += length * count
    return steps


def _find_round(names: Sequence[str], position: int) -> tuple[int, int]:
    """Return length and count of the round that begins here and covers most; (1, 1) if none repeats."""
    best, covered = (1, 1), 1
    for length in range(1, _MAX_ROUND + 1):
        one = names[position : position + length]
        count = 1
        while names[position + count * length : position + (count + 1) * length] == one:
            count += 1
        if count > 1 and count * length > covered:
            best, covered = (length, count), count * length
    return best

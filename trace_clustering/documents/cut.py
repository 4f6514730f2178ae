"""A trace as text for a model to read; what is too long is cut in the middle, visibly."""

from trace_clustering.traces.trace import ToolCall, Trace, Turn

# A single message takes at most this share, so that one pasted book leaves room for what was asked about it.
_MAX_SHARE_OF_MESSAGE = 4
_MAX_SYSTEM_CHARACTERS = 400
# Arguments and results of tools say less about the task than what people write.
_MAX_TOOL_CHARACTERS = 400


def cut_middle(text: str, max_characters: int) -> str:
    """Return a text of at most so many characters; what is left out of its middle is counted there.

    A limit that is too small even for the count gives the beginning of the text.
    """
    if len(text) <= max_characters:
        return text
    room = max_characters - len(_write_cut(len(text)))
    if room <= 0:
        return text[:max_characters]
    head = (room + 1) // 2
    return text[:head] + _write_cut(len(text) - room) + text[len(text) - (room - head) :]


def write_transcript(trace: Trace, max_characters: int) -> str:
    """Return the turns of a trace in order, in at most so many characters.

    Long messages are cut in their middle; if that is not enough, turns in the middle of the trace are left
    out and counted. The beginning says what was asked, and the end how it went.
    """
    longest = max(max_characters // _MAX_SHARE_OF_MESSAGE, 1)
    lines = [line for turn in trace.turns for line in _list_lines(turn, longest)]
    if trace.error:
        lines.append(f"[error] {cut_middle(trace.error, _MAX_TOOL_CHARACTERS)}")
    whole = "\n".join(lines)
    return whole if len(whole) <= max_characters else _leave_out_middle(lines, max_characters)


def _leave_out_middle(lines: list[str], max_characters: int) -> str:
    """Return the first and last lines, about as much of both."""
    room = max_characters - len(_write_gap(len(lines))) - 1
    first, last, of_head, of_tail = 0, len(lines), 0, 0
    while first < last:
        is_of_head = of_head <= of_tail
        length = len(lines[first] if is_of_head else lines[last - 1]) + 1
        if of_head + of_tail + length > room:
            break
        if is_of_head:
            first, of_head = first + 1, of_head + length
        else:
            last, of_tail = last - 1, of_tail + length
    if first == 0:
        return cut_middle("\n".join(lines), max_characters)
    return "\n".join([*lines[:first], _write_gap(last - first), *lines[last:]])


def _write_gap(count: int) -> str:
    return f"[... {count} messages and calls left out ...]"


def _write_cut(count: int) -> str:
    return f" [... {count} characters left out ...] "


def _list_lines(turn: Turn, longest: int) -> list[str]:
    limit = min(longest, _MAX_SYSTEM_CHARACTERS) if turn.role in ("system", "tool") else longest
    text = turn.text.strip()
    lines = [f"[{turn.role}] {cut_middle(text, limit)}"] if text else []
    return lines + [_write_call(call, min(longest, _MAX_TOOL_CHARACTERS)) for call in turn.tool_calls]


def _write_call(call: ToolCall, longest: int) -> str:
    line = f"[call] {call.name}({cut_middle(call.arguments, longest)})"
    if call.error is not None:
        return f"{line} failed: {cut_middle(call.error, longest)}"
    return line if call.result is None else f"{line} -> {cut_middle(call.result, longest)}"

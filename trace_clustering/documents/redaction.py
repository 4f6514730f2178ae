"""Takes personal data and secrets out of traces, before anything of them is stored or sent.

Each finding becomes its kind in brackets, such as `[email]`. What is found is what has a clear form; a name
or an address in a sentence is not.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final, Literal, get_args

from trace_clustering.documents.personal_data import replace_cards, replace_emails, replace_phones
from trace_clustering.documents.secret_patterns import replace_keys
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.trace import ModelCall, ToolCall, Trace, Turn

Kind = Literal["key", "email", "card", "phone"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

# In this order: a key may hold what looks like an address, and a card number what looks like a phone number.
_REPLACERS: Final = {
    "key": replace_keys,
    "email": replace_emails,
    "card": replace_cards,
    "phone": replace_phones,
}
# What touches a finding is seen only when that is gone: `+14155550132 0+14155550132` holds two numbers.
_MAX_PASSES: Final = 20
_Redact = Callable[[str], str]


def redact_text(text: str, kinds: Iterable[Kind] = KINDS) -> str:
    """Return a text with a placeholder for each finding of these kinds; JSON stays JSON."""
    wanted = frozenset(kinds)
    for _ in range(_MAX_PASSES):
        redacted = _replace_findings(text, wanted)
        if redacted == text:
            break
        text = redacted
    return text


def _replace_findings(text: str, kinds: Collection[str]) -> str:
    for kind, replace_all in _REPLACERS.items():
        if kind in kinds:
            text = replace_all(text, _make_writer(f"[{kind}]"))
    return text


def redact_trace(trace: Trace, kinds: Iterable[Kind] = KINDS) -> Trace:
    """Return a trace with a placeholder for each finding, wherever text stands in it.

    The ids of trace, spans and calls stay, since they hold the trace together. An embedding of the source is
    left out where the text that it stands for is not the same any more.

    Parameters
    ----------
    trace : Trace
    kinds : iterable of {"key", "email", "card", "phone"}
    """
    wanted = frozenset(kinds)

    def redact(text: str) -> str:
        return redact_text(text, wanted)

    summary = _redact_summary(trace.summary, redact) if trace.summary else None
    return replace(
        trace,
        session_id=redact(trace.session_id),
        user_id=redact(trace.user_id),
        name=redact(trace.name),
        environment=redact(trace.environment),
        turns=tuple(_redact_turn(turn, redact) for turn in trace.turns),
        calls=tuple(_redact_call(call, redact) for call in trace.calls),
        error=redact(trace.error),
        tags=tuple(redact(tag) for tag in trace.tags),
        source_link=redact(trace.source_link),
        summary=summary,
        properties=json.loads(redact(json.dumps(dict(trace.properties), ensure_ascii=False))),
        embedding=trace.embedding if summary == trace.summary else None,
    )


def _redact_turn(turn: Turn, redact: _Redact) -> Turn:
    return replace(
        turn,
        text=redact(turn.text),
        tool_calls=tuple(_redact_tool_call(call, redact) for call in turn.tool_calls),
    )


def _redact_tool_call(call: ToolCall, redact: _Redact) -> ToolCall:
    return replace(
        call,
        name=redact(call.name),
        arguments=redact(call.arguments),
        result=None if call.result is None else redact(call.result),
        error=None if call.error is None else redact(call.error),
    )


def _redact_call(call: ModelCall, redact: _Redact) -> ModelCall:
    return replace(
        call,
        error=redact(call.error),
        prompt_name=redact(call.prompt_name),
        prompt_version=redact(call.prompt_version),
    )


def _redact_summary(summary: TraceSummary, redact: _Redact) -> TraceSummary:
    return TraceSummary(
        title=redact(summary["title"]),
        flow_diagram=redact(summary["flow_diagram"]),
        bullets=[redact(text) for text in summary["bullets"]],
        interesting_notes=[redact(text) for text in summary["interesting_notes"]],
        trace_timestamp=summary["trace_timestamp"],
        trace_id=summary["trace_id"],
    )


def _make_writer(placeholder: str) -> Callable[[re.Match[str], str], str]:
    """Return what writes the placeholder, in quotes where a number of JSON stood."""

    def write(match: re.Match[str], found: str) -> str:
        text, end = match.string, match.end()
        start = match.end() - len(found)
        if text[:1] in ("{", "[") and found.isdigit() and text[start:end] == found:
            before, after = text[max(start - 3, 0) : start].rstrip(), text[end : end + 3].lstrip()
            if before[-1:] in (":", ",", "[") and after[:1] in (",", "}", "]"):
                return f'"{placeholder}"'
        return placeholder

    return write

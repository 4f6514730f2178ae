"""Spans: what tracing tools record of a trace, one row for each model call, tool, agent or step."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeVar

from trace_clustering.sources.history import build_turns, merge_histories
from trace_clustering.sources.messages import Message
from trace_clustering.traces.trace import ModelCall, Trace, Turn

N = TypeVar("N", int, float)
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """One row, in the words of all tools.

    Attributes
    ----------
    kind : {"model", "tool", "other"}
    call : ModelCall
        With times, model, tokens and cost, as far as the row has them; of every kind of row.
    messages : list of Message
        What went in and what came out.
    """

    span_id: str
    parent_id: str
    kind: Literal["model", "tool", "other"]
    name: str = ""
    call: ModelCall = field(default_factory=ModelCall)
    messages: list[Message] = field(default_factory=list)
    session_id: str = ""
    user_id: str = ""
    environment: str = ""
    tags: tuple[str, ...] = ()
    source_link: str = ""


def build_trace(trace_id: str, spans: Iterable[Span], source: str) -> Trace:
    """Return the trace of which these are the spans.

    The conversation is that of the model calls. Where their content was not recorded, it is that of the root.
    """
    ordered = sorted(spans, key=lambda span: (span.call.start or _LATEST, span.call.end or _LATEST))
    ids = {span.span_id for span in ordered}
    roots = [span for span in ordered if not span.parent_id or span.parent_id not in ids]
    root = roots[0] if roots else ordered[0]
    calls = [span for span in ordered if span.kind == "model"]
    starts = [s.call.start for s in ordered if s.call.start]
    ends = [moment for s in ordered if (moment := s.call.end or s.call.start)]
    start, end = min(starts, default=None), max(ends, default=None)
    return Trace(
        trace_id=trace_id,
        session_id=next((s.session_id for s in [root, *ordered] if s.session_id), ""),
        user_id=next((s.user_id for s in [root, *ordered] if s.user_id), ""),
        name=root.name,
        environment=next((s.environment for s in [root, *ordered] if s.environment), ""),
        start=start,
        end=end,
        turns=_merge_turns(root, calls),
        calls=tuple(span.call for span in calls),
        input_tokens=add_known(span.call.input_tokens for span in calls),
        output_tokens=add_known(span.call.output_tokens for span in calls),
        cost=add_known(span.call.cost for span in calls),
        latency=(end - start).total_seconds() if start and end else None,
        is_error=_find_error(root, calls),
        error=next((s.call.error for s in [root, *ordered] if s.call.error), ""),
        tags=tuple(dict.fromkeys(tag for span in ordered for tag in span.tags)),
        source=source,
        source_link=next((s.source_link for s in [root, *ordered] if s.source_link), ""),
    )


def add_known(values: Iterable[N | None]) -> N | None:
    """Return the sum of the values that are known, or None if none is."""
    known = [value for value in values if value is not None]
    return sum(known[1:], start=known[0]) if known else None


def _merge_turns(root: Span, calls: list[Span]) -> tuple[Turn, ...]:
    """Return the turns of the calls, and what the root adds: a last message that no model answered."""
    histories = [span.messages for span in calls if span.messages]
    if not histories:
        return build_turns(root.messages)
    said = [message for message in root.messages if not message.is_guess]
    return build_turns(merge_histories([*histories, said]))


def _find_error(root: Span, calls: list[Span]) -> bool | None:
    flags = [span.call.is_error for span in [root, *calls] if span.call.is_error is not None]
    return any(flags) if flags else None

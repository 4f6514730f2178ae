"""Puts the spans of a trace together: its conversation, its calls, and what they used."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from trace_clustering.sources.history import build_turns, merge_histories
from trace_clustering.sources.merged_history import MergedHistory
from trace_clustering.sources.messages import Message
from trace_clustering.sources.prompts import unwrap_prompts
from trace_clustering.sources.same_message import get_key
from trace_clustering.sources.span import Span
from trace_clustering.sources.span_tools import add_tools
from trace_clustering.sources.span_tree import LATEST, SpanTree
from trace_clustering.traces.trace import Trace

N = TypeVar("N", int, float)


def build_traces(trace_id: str, spans: Iterable[Span], source: str) -> list[Trace]:
    """Return the trace of which these are the spans, and one for each agent that a tool of it started.

    A machine wrote what such an agent was asked, so its trace is automation, and what it used is counted
    there. Without spans, there is no trace.
    """
    tree = SpanTree(spans)
    if not tree.spans:
        return []
    owners = tree.map_to_nearest(lambda span: span.kind == "tool")
    by_owner: dict[str, list[Span]] = {}
    for span in tree.spans:
        by_owner.setdefault(owners[span.span_id], []).append(span)
    said = _list_answers(by_owner.get("", [])) if len(by_owner) > 1 else set()
    agents = sorted(owner for owner, group in by_owner.items() if owner and _is_started(group, said))
    if not agents or not _has_conversation(by_owner.get("", [])):
        return [_build(trace_id, tree, source)]
    own = [span for owner, group in by_owner.items() if owner not in agents for span in group]
    main = build_trace(trace_id, own, source)
    started = [build_trace(f"{trace_id}/{agent}", by_owner[agent], source) for agent in agents]
    return [main, *(_hand_down(main, trace) for trace in started)]


def build_trace(trace_id: str, spans: Iterable[Span], source: str) -> Trace:
    """Return the one trace of which these are the spans; there must be at least one.

    The conversation is that of the model calls. Where their content was not recorded, it is that of the
    outermost spans.
    """
    return _build(trace_id, SpanTree(spans), source)


def _build(trace_id: str, tree: SpanTree, source: str) -> Trace:
    root, ordered = tree.root, tree.spans
    calls, wrappers = _split_calls(tree)
    starts = [span.call.start for span in ordered if span.call.start]
    ends = [span.call.end for span in ordered if span.call.end]
    # Of a span without an end, or without a start, the other moment is all that is known.
    start, end = min([*starts, *ends], default=None), max([*starts, *ends], default=None)
    is_error = _find_error(root, calls)
    return Trace(
        trace_id=trace_id,
        session_id=_find_text([root, *ordered], lambda span: span.session_id),
        user_id=_find_text([root, *ordered], lambda span: span.user_id),
        name=root.name,
        environment=_find_text([root, *ordered], lambda span: span.environment),
        start=start,
        end=end,
        turns=add_tools(build_turns(_merge_messages(tree, calls, wrappers)), ordered, root.messages),
        calls=tuple(span.call for span in calls),
        input_tokens=_add_up(tree, calls, lambda span: span.call.input_tokens),
        output_tokens=_add_up(tree, calls, lambda span: span.call.output_tokens),
        cost=_add_up(tree, calls, lambda span: span.call.cost),
        latency=(end - start).total_seconds() if starts and ends and start and end else None,
        is_error=is_error,
        error=_find_text([root, *calls, *ordered], lambda span: span.call.error) if is_error else "",
        tags=tuple(dict.fromkeys(tag for span in [root, *ordered] for tag in span.tags)),
        is_automation=any(span.is_automation for span in ordered),
        source=source,
        source_link=_find_text([root, *ordered], lambda span: span.source_link),
        properties=root.properties,
    )


def add_known(values: Iterable[N | None]) -> N | None:
    """Return the sum of the values that are known, whatever their order, or None if none is."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    # Costs are decimal numbers, whose sum as binary ones would depend on their order.
    total = sum(Decimal(str(value)) for value in known)
    return type(known[0])(total)


def _has_conversation(spans: Sequence[Span]) -> bool:
    return any(span.kind == "model" and span.messages for span in spans)


def _list_answers(spans: Sequence[Span]) -> set[object]:
    """Return what is the same in the answers of these model calls and in what repeats them."""
    models = (span for span in spans if span.kind == "model")
    # Calls share the messages of a history that they repeat.
    answers = {id(m): m for span in models for m in span.messages if m.role == "assistant"}
    return {get_key(message) for message in answers.values()}


def _is_started(spans: Sequence[Span], said: set[object]) -> bool:
    """Return whether these are the spans of an agent with a conversation of its own.

    An agent to which the conversation was handed over is told what was answered before.
    """
    first = next((span.messages for span in spans if span.kind == "model" and span.messages), [])
    return bool(first) and not any(m.role == "assistant" and get_key(m) in said for m in first[:-1])


def _hand_down(main: Trace, agent: Trace) -> Trace:
    """Return the trace of an agent with the session, user and environment of the trace that started it."""
    return replace(
        agent,
        session_id=agent.session_id or main.session_id,
        user_id=agent.user_id or main.user_id,
        environment=agent.environment or main.environment,
        source_link=agent.source_link or main.source_link,
        properties={**main.properties, **agent.properties},
        is_automation=True,
    )


def _split_calls(tree: SpanTree) -> tuple[list[Span], list[Span]]:
    """Return the model calls, and the wrappers around them, which repeat their content and their totals."""
    models = [span for span in tree.spans if span.kind == "model"]
    around = tree.find_above(models, below_tools=True)
    return [s for s in models if s.span_id not in around], [s for s in models if s.span_id in around]


def _merge_messages(tree: SpanTree, *choices: Sequence[Span]) -> list[Message]:
    """Return the conversation of the first choice that has one, with what other spans add to it.

    They may know an answer that was put together afterwards, or a last message that no model answered; this
    is known when they end. What the root was asked stands in the place of prompts that were made of it.
    Without any choice, the conversation is that of the outermost spans that have one.
    """
    calls = next((found for spans in choices if (found := [s for s in spans if s.messages])), [])
    if not calls:
        nearest = tree.map_to_nearest(lambda span: bool(span.messages))
        calls = [span for span in tree.spans if span.messages and not nearest[span.span_id]]
        return merge_histories(span.messages for span in calls)
    ids = {span.span_id for span in calls}
    others = [s for s in tree.spans if s.messages and s.kind != "tool" and s.span_id not in ids]
    steps = [(span.call.start or span.call.end or LATEST, True, span) for span in calls]
    steps += [(span.call.end or LATEST, False, span) for span in others]
    merged = MergedHistory()
    for _, is_call, span in sorted(steps, key=lambda step: step[:2]):
        if is_call:
            merged.add(span.messages)
        else:
            merged.add_end(span.messages)
    return unwrap_prompts(merged.messages, tree.root.messages)


def _add_up(tree: SpanTree, calls: Sequence[Span], read: Callable[[Span], N | None]) -> N | None:
    """Return the sum over all spans; a span above others repeats their totals, unless it is a call itself."""
    known = [span for span in tree.spans if read(span) is not None]
    repeated = tree.find_above(known) - {span.span_id for span in calls}
    return add_known(read(span) for span in known if span.span_id not in repeated)


def _find_text(spans: Iterable[Span], read: Callable[[Span], str]) -> str:
    return next((text for span in spans if (text := read(span))), "")


def _find_error(root: Span, calls: Sequence[Span]) -> bool | None:
    flags = [span.call.is_error for span in [root, *calls] if span.call.is_error is not None]
    return any(flags) if flags else None

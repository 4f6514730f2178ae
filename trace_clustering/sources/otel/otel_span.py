"""A span of OpenTelemetry, wherever it was kept, as a row in the words of all tools."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from trace_clustering.constants import LLM_ATTRIBUTE_PREFIXES
from trace_clustering.sources.history import read_exchange
from trace_clustering.sources.messages import Message, MessageReader, parse_json_text, to_text
from trace_clustering.sources.otel import names
from trace_clustering.sources.otel.attributes import Attributes, find_first, parse_literal
from trace_clustering.sources.otel.cut_json import parse_cut_json
from trace_clustering.sources.otel.genai import read_attribute_messages, read_event_messages
from trace_clustering.sources.otel.openinference import read_openinference_messages
from trace_clustering.sources.otel.usage import read_usage
from trace_clustering.sources.span import Span
from trace_clustering.sources.values import read_name
from trace_clustering.traces.trace import ModelCall, ToolCall


@dataclass(frozen=True)
class OtelSpan:
    """A span as OpenTelemetry defines it.

    Attributes
    ----------
    span_id, parent_id, name : str
    start, end : datetime or None
        Aware, in UTC.
    is_error : bool
        Whether the status is an error; a status that was not set is none.
    status_message : str
    attributes, resource : mapping
        By their flat names; of the span, and of what recorded it.
    events : sequence of (name, attributes)
        In the order of time.
    kind : str
        Where it stands beside the attributes.
    """

    span_id: str
    parent_id: str
    name: str
    start: datetime | None
    end: datetime | None
    is_error: bool = False
    status_message: str = ""
    attributes: Attributes = field(default_factory=dict)
    resource: Attributes = field(default_factory=dict)
    events: Sequence[tuple[str, Attributes]] = ()
    kind: str = ""


def is_of_llm(attributes: Attributes, events: Iterable[str]) -> bool:
    """Return whether a span is one of an LLM application, unlike those of web servers and databases.

    Parameters
    ----------
    attributes : mapping
    events : iterable of str
        Names of the events of the span.
    """
    is_told = any(key.startswith(LLM_ATTRIBUTE_PREFIXES) for key in attributes)
    return is_told or any(name.startswith("gen_ai.") for name in events)


def read_span(span: OtelSpan, reader: MessageReader) -> Span:
    """Return the row for a span.

    Raises
    ------
    BadValueError
        If a number of tokens or a cost is none.
    """
    attributes = span.attributes
    kind = _find_kind(span)
    everywhere = {**span.resource, **attributes}
    return Span(
        span_id=span.span_id,
        parent_id=span.parent_id,
        kind=kind,
        name=read_name(attributes.get("langfuse.trace.name")) or span.name,
        call=_read_call(span),
        messages=_read_messages(span, kind, reader),
        session_id=read_name(find_first(everywhere, *names.SESSION)),
        user_id=read_name(find_first(everywhere, *names.USER)),
        environment=read_name(find_first(everywhere, *names.ENVIRONMENT)),
        tags=_read_tags(find_first(attributes, *names.TAGS)),
        tool=_read_tool(span) if kind == "tool" and not _is_judge(span) else None,
        properties=_read_properties(everywhere),
    )


def _read_properties(attributes: Attributes) -> dict[str, Any]:
    """Return what people wrote to a trace by themselves."""
    found = {name: attributes[name] for name in names.PROPERTIES if name in attributes}
    for start in names.METADATA:
        inner = parse_literal(attributes.get(start))
        found |= inner if isinstance(inner, dict) else {}
        found |= {
            key[len(start) + 1 :]: value for key, value in attributes.items() if key.startswith(start + ".")
        }
    return found


def _find_kind(span: OtelSpan) -> Literal["model", "tool", "other"]:
    kinds = _list_kinds(span)
    if any(kind in names.TOOL_KINDS or kind in names.JUDGE_KINDS for kind in kinds):
        return "tool"
    if any(kind in names.MODEL_KINDS for kind in kinds):
        return "model"
    if kinds:
        return "other"
    # Some libraries do not name the operation.
    if span.attributes.get("gen_ai.tool.name"):
        return "tool"
    return "model" if find_first(span.attributes, *names.CHAT_MODEL) else "other"


def _list_kinds(span: OtelSpan) -> list[str]:
    """Return what a span is by its attributes; MLflow writes texts as JSON."""
    named = [span.kind, *(read_name(span.attributes.get(name)) for name in names.KIND)]
    kinds = (kind.strip('"').lower() for kind in named)
    return [kind for kind in kinds if kind not in ("", "unknown")]


def _read_call(span: OtelSpan) -> ModelCall:
    attributes = span.attributes
    is_error, usage = _has_failed(span), read_usage(attributes)
    latency = (span.end - span.start).total_seconds() if span.start and span.end else None
    return ModelCall(
        span_id=span.span_id,
        model=read_name(find_first(attributes, *names.MODEL)),
        provider=read_name(find_first(attributes, *names.PROVIDER)),
        start=span.start,
        end=span.end,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost=usage.cost,
        latency=latency,
        is_error=is_error,
        error=_read_error(span) if is_error else "",
        prompt_name=read_name(find_first(attributes, *names.PROMPT_NAME)),
        prompt_version=read_name(find_first(attributes, *names.PROMPT_VERSION)),
    )


def _has_failed(span: OtelSpan) -> bool:
    level = read_name(span.attributes.get("langfuse.observation.level"))
    return span.is_error or bool(span.attributes.get("error.type")) or level == "ERROR"


def _read_error(span: OtelSpan) -> str:
    if span.status_message:
        return span.status_message
    raised = [attributes for name, attributes in span.events if name == "exception"]
    choices = (find_first(attributes, *names.ERROR) for attributes in [*raised, span.attributes])
    return next((to_text(choice) for choice in choices if choice is not None), "")


def _read_messages(span: OtelSpan, kind: str, reader: MessageReader) -> list[Message]:
    attributes = span.attributes
    if kind == "tool":
        return []
    messages = (
        read_attribute_messages(attributes, reader)
        or read_openinference_messages(attributes, reader)
        or read_event_messages(span.events, reader)
    )
    if messages or _is_about_vectors(span):
        return messages
    given, made = find_first(attributes, *names.INPUT), find_first(attributes, *names.OUTPUT)
    calls = parse_json_text(attributes.get("ai.response.toolCalls"))
    if isinstance(calls, list) and calls:
        made = {
            "role": "assistant",
            "content": made,
            "tool_calls": [_read_vercel_call(call) for call in calls],
        }
    return read_exchange(parse_cut_json(parse_literal(given)), parse_cut_json(parse_literal(made)), reader)


def _read_vercel_call(call: Any) -> Any:  # noqa: ANN401 - any JSON
    if not isinstance(call, Mapping) or "toolName" not in call:
        return call
    arguments = call.get("input", call.get("args", ""))
    return {"id": call.get("toolCallId"), "name": call["toolName"], "arguments": arguments}


def _is_about_vectors(span: OtelSpan) -> bool:
    """Return whether a span embeds or searches, so that what went in is no turn of a conversation."""
    return any(kind in names.VECTOR_KINDS for kind in _list_kinds(span))


def _is_judge(span: OtelSpan) -> bool:
    return any(kind in names.JUDGE_KINDS for kind in _list_kinds(span))


def _read_tool(span: OtelSpan) -> ToolCall:
    attributes = span.attributes
    result = find_first(attributes, *names.TOOL_RESULT)
    error = _read_error(span) or to_text(result)
    is_error = _has_failed(span)
    return ToolCall(
        name=read_name(find_first(attributes, *names.TOOL_NAME)) or span.name.removeprefix("execute_tool "),
        arguments=to_text(find_first(attributes, *names.TOOL_ARGUMENTS)),
        result=None if result is None or is_error else to_text(result),
        error=error if is_error else None,
        call_id=read_name(find_first(attributes, *names.TOOL_ID)),
    )


def _read_tags(value: object) -> tuple[str, ...]:
    tags = parse_literal(value)
    if isinstance(tags, list):
        return tuple(to_text(tag) for tag in tags)
    return (tags,) if isinstance(tags, str) and tags else ()

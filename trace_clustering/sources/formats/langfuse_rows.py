"""Reads the rows of Langfuse: traces and observations, in the spelling of its exports and of its API."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from trace_clustering.sources.formats.langfuse_usage import read_cost, read_tokens
from trace_clustering.sources.history import build_turns
from trace_clustering.sources.messages import Message, parse_json_text, read_messages
from trace_clustering.sources.spans import Span, build_trace
from trace_clustering.sources.values import make_json, read_name, read_number, read_time
from trace_clustering.traces.trace import ModelCall, Trace

Row = Mapping[str, Any]

# How the exports to a bucket, the API and the tables in ClickHouse spell what is read of a row.
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "id": ("id", "span_id"),
    "trace_id": ("trace_id", "traceId"),
    "parent": ("parent_observation_id", "parentObservationId", "parent_span_id"),
    "type": ("type",),
    "name": ("name",),
    "trace_name": ("trace_name", "traceName"),
    "timestamp": ("timestamp",),
    "start_time": ("start_time", "startTime"),
    "end_time": ("end_time", "endTime"),
    "latency": ("latency",),
    "updated_at": ("updated_at", "updatedAt"),
    "session_id": ("session_id", "sessionId"),
    "user_id": ("user_id", "userId"),
    "environment": ("environment",),
    "tags": ("tags",),
    "level": ("level",),
    "status_message": ("status_message", "statusMessage"),
    "model": ("provided_model_name", "providedModelName", "model"),
    "usage_details": ("usage_details", "usageDetails"),
    "cost_details": ("cost_details", "costDetails"),
    "total_cost": ("total_cost", "totalCost"),
    "prompt_name": ("prompt_name", "promptName"),
    "prompt_version": ("prompt_version", "promptVersion"),
    "input": ("input",),
    "output": ("output",),
}
# Langfuse keeps environments of this beginning for what it runs itself: judges and experiments.
_OWN_ENVIRONMENTS: Final = "langfuse"


def cut_row(row: Row, kind: Literal["trace", "observation"]) -> dict[str, Any]:
    """Return what is read of a row, in one spelling and as JSON."""
    found: dict[str, Any] = {"kind": kind}
    for name, spellings in FIELDS.items():
        value = next((row[s] for s in spellings if row.get(s) is not None), None)
        if value is not None and value != "":
            found[name] = make_json(value)
    return found


def build_langfuse_trace(trace_id: str, rows: Sequence[Row], source: str) -> Trace:
    """Return the trace of these rows, which `cut_row` made; a row that was exported again counts once.

    Raises
    ------
    BadValueError
        For a time or a number that is none.
    """
    newest = _keep_newest(rows)
    spans = [_read_observation(row) for row in newest if row["kind"] == "observation"]
    trace = build_trace(trace_id, spans, source) if spans else Trace(trace_id, source=source)
    names = (read_name(row["trace_name"]) for row in newest if "trace_name" in row)
    trace = replace(trace, name=next(names, trace.name))
    for header in (row for row in newest if row["kind"] == "trace"):
        trace = _add_header(trace, header)
    return replace(trace, is_automation=trace.environment.startswith(_OWN_ENVIRONMENTS))


def _keep_newest(rows: Sequence[Row]) -> list[Row]:
    """Return each row once, as it was when it was last changed."""
    newest: dict[tuple[str, str], Row] = {}
    for position, row in enumerate(rows):
        key = row["kind"], read_name(row.get("id")) or f"#{position}"
        if key not in newest or read_name(row.get("updated_at")) >= read_name(newest[key].get("updated_at")):
            newest[key] = row
    return list(newest.values())


def _read_observation(row: Row) -> Span:
    start, end = read_time(row.get("start_time"), "start_time"), read_time(row.get("end_time"), "end_time")
    kind = read_name(row.get("type")).upper()
    input_tokens, output_tokens = read_tokens(row)
    level = read_name(row.get("level")).upper()
    call = ModelCall(
        span_id=read_name(row.get("id")),
        model=read_name(row.get("model")),
        start=start,
        end=end,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost=read_cost(row),
        latency=(end - start).total_seconds() if start and end else None,
        is_error=level == "ERROR" if level else None,
        error=read_name(row.get("status_message")) if level == "ERROR" else "",
        prompt_name=read_name(row.get("prompt_name")),
        prompt_version=read_name(row.get("prompt_version")),
    )
    return Span(
        span_id=call.span_id,
        parent_id=read_name(row.get("parent")),
        kind="model" if kind == "GENERATION" else "tool" if kind == "TOOL" else "other",
        name=read_name(row.get("name")),
        call=call,
        messages=_read_row_messages(row),
        session_id=read_name(row.get("session_id")),
        user_id=read_name(row.get("user_id")),
        environment=read_name(row.get("environment")),
        tags=_read_tags(row.get("tags")),
    )


def _add_header(trace: Trace, header: Row) -> Trace:
    """Return a trace with what its own row says; of times, cost and content, the observations know more."""
    start = trace.start or read_time(header.get("timestamp"), "timestamp")
    return replace(
        trace,
        name=read_name(header.get("name")) or trace.name,
        session_id=read_name(header.get("session_id")) or trace.session_id,
        user_id=read_name(header.get("user_id")) or trace.user_id,
        environment=read_name(header.get("environment")) or trace.environment,
        tags=tuple(dict.fromkeys((*_read_tags(header.get("tags")), *trace.tags))),
        start=start,
        turns=trace.turns or build_turns(_read_row_messages(header)),
        cost=trace.cost if trace.calls else read_cost(header),
        latency=trace.latency or read_number(header.get("latency"), "latency"),
    )


def _read_row_messages(row: Row) -> list[Message]:
    return [*read_messages(row.get("input"), "user"), *read_messages(row.get("output"), "assistant")]


def _read_tags(value: object) -> tuple[str, ...]:
    tags = parse_json_text(value)
    return tuple(read_name(tag) for tag in tags if tag) if isinstance(tags, list) else ()

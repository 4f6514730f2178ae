"""Reads the rows of Langfuse's observations, in the spelling of its exports, its API and its tables."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from trace_clustering.sources.formats.langfuse_usage import read_cost, read_tokens
from trace_clustering.sources.history import read_exchange
from trace_clustering.sources.messages import Message, MessageReader, parse_json_text, read_messages, to_text
from trace_clustering.sources.span import Span
from trace_clustering.sources.values import make_json, read_mapping, read_name, read_time
from trace_clustering.traces.trace import ModelCall, ToolCall

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
    "updated_at": ("updated_at", "updatedAt", "event_ts"),
    "session_id": ("session_id", "sessionId"),
    "user_id": ("user_id", "userId"),
    "environment": ("environment",),
    "release": ("release",),
    "version": ("version",),
    "metadata": ("metadata",),
    "tags": ("tags",),
    "scores": ("scores",),
    "level": ("level",),
    "status_message": ("status_message", "statusMessage"),
    "model": ("provided_model_name", "providedModelName", "model"),
    "usage_details": ("usage_details", "usageDetails"),
    "usage": ("usage",),
    "cost_details": ("cost_details", "costDetails"),
    "total_cost": ("total_cost", "totalCost"),
    "prompt_name": ("prompt_name", "promptName"),
    "prompt_version": ("prompt_version", "promptVersion"),
    "input": ("input",),
    "output": ("output",),
    "value": ("value",),
    "string_value": ("string_value", "stringValue"),
}
# What these hold was looked up, measured or judged; nobody said it.
_NOT_SAID: Final = ("TOOL", "RETRIEVER", "EMBEDDING", "EVALUATOR", "GUARDRAIL")
# Longer texts are content, which nobody filters by.
_MAX_METADATA: Final = 1000


def cut_row(row: Row, kind: Literal["trace", "observation", "score"]) -> dict[str, Any]:
    """Return what is read of a row, in one spelling and as JSON."""
    found: dict[str, Any] = {"kind": kind}
    for name, spellings in FIELDS.items():
        value = next((row[s] for s in spellings if row.get(s) is not None), None)
        if value is not None and value != "":
            found[name] = read_metadata(value) if name == "metadata" else make_json(value)
    return found


def read_observation(row: Row, reader: MessageReader) -> Span:
    """Return the span that a row of `cut_row` stands for; there is one reader for a trace.

    Raises
    ------
    BadValueError
        For a time or a number that is none.
    """
    call = _read_call(row)
    kind = read_name(row.get("type")).upper()
    return Span(
        span_id=call.span_id,
        parent_id=read_name(row.get("parent")),
        kind="model" if kind == "GENERATION" else "tool" if kind == "TOOL" else "other",
        name=read_name(row.get("name")),
        call=call,
        messages=[] if kind in _NOT_SAID else read_row_messages(row, reader),
        session_id=read_name(row.get("session_id")),
        user_id=read_name(row.get("user_id")),
        environment=read_name(row.get("environment")),
        tags=read_tags(row.get("tags")),
        tool=_read_tool(row, call) if kind == "TOOL" else None,
        properties=read_properties(row),
        version=read_time(row.get("updated_at"), "updated_at", "ms"),
    )


def read_row_messages(row: Row, reader: MessageReader) -> list[Message]:
    """Return the messages that went into a row and came out of it."""
    return read_exchange(row.get("input"), row.get("output"), reader)


def read_tags(value: object) -> tuple[str, ...]:
    """Return the tags of a row, which may be JSON in a text."""
    tags = parse_json_text(value)
    if isinstance(tags, str):
        tags = [tag.strip() for tag in tags.split(",")]
    return tuple(read_name(tag) for tag in tags if tag) if isinstance(tags, list) else ()


def read_properties(row: Row) -> dict[str, Any]:
    """Return the metadata of a row, and the release and version of the application."""
    versions = {name: read_name(row[name]) for name in ("release", "version") if name in row}
    return {**read_mapping(row.get("metadata")), **versions}


def read_metadata(value: object) -> dict[str, Any]:
    """Return the plain values of metadata; what a library records beside them is nested."""
    return {
        name: item
        for name, item in make_json(read_mapping(value)).items()
        if isinstance(item, bool | int | float) or (isinstance(item, str) and len(item) <= _MAX_METADATA)
    }


def _read_call(row: Row) -> ModelCall:
    start = read_time(row.get("start_time"), "start_time", "ms")
    end = read_time(row.get("end_time"), "end_time", "ms")
    input_tokens, output_tokens = read_tokens(row)
    level = read_name(row.get("level")).upper()
    return ModelCall(
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
        # pandas makes a column of whole numbers with gaps one of fractions.
        prompt_version=read_name(row.get("prompt_version")).removesuffix(".0"),
    )


def _read_tool(row: Row, call: ModelCall) -> ToolCall:
    answer = _read_answer(parse_json_text(row.get("output")))
    error = call.error or (answer.text if answer and answer.is_error else "")
    inputs = read_mapping(row.get("input"))
    arguments = inputs["input"] if set(inputs) == {"input"} else row.get("input")
    return ToolCall(
        name=read_name(row.get("name")),
        arguments=to_text(arguments),
        # An empty list is no text of its own, but says that nothing was found.
        result=(answer.text or to_text(row.get("output"))) if answer and not error else None,
        error=error or ("failed" if call.is_error else None),
        call_id=answer.call_id if answer else "",
    )


def _read_answer(output: object) -> Message | None:
    """Return what a tool gave back: a framework's message, or anything else as a result."""
    if output in (None, "null", "None", "undefined"):
        return None
    if isinstance(output, Mapping) and isinstance(output.get("content"), list):  # of MCP
        output = {"role": "tool", **output}
    named = [m for m in read_messages(output, "tool") if m.role == "tool" and not m.is_guess]
    return next(iter(named or read_messages({"role": "tool", "content": output})), None)

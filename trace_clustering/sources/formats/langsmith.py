"""LangSmith's runs, as its API, its SDK and its bulk export give them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.formats.langsmith_usage import read_cost, read_tokens
from trace_clustering.sources.history import read_exchange
from trace_clustering.sources.messages import Message, MessageReader, parse_json_text, to_text
from trace_clustering.sources.span import Span
from trace_clustering.sources.spans import build_traces
from trace_clustering.sources.values import make_json, read_mapping, read_name, read_time
from trace_clustering.traces.trace import ModelCall, ToolCall, Trace

_FIELDS: Final = (
    *("id", "trace_id", "parent_run_id", "name", "run_type", "start_time", "end_time", "inputs", "outputs"),
    *("error", "status", "tags", "total_tokens", "prompt_tokens", "completion_tokens", "total_cost"),
    *("prompt_cost", "completion_cost", "reference_example_id", "url", "feedback_stats"),
)
_KEYS: Final = frozenset({"trace_id", "dotted_order", "parent_run_id"})
# The names by which LangSmith finds the runs of one conversation.
_SESSION: Final = ("session_id", "thread_id", "conversation_id")
_USER: Final = ("user_id", "userId", "user")
# What the libraries write into the metadata by themselves.
_OWN_METADATA: Final = ("ls_", "lc_", "langgraph_", "__", "LANGSMITH_", "usage_metadata")
_NOT_SAID: Final = ("retriever", "embedding", "prompt", "parser")


def recognize_run(record: Record) -> bool:
    """Return whether a record has the keys of a run."""
    return "run_type" in record and not _KEYS.isdisjoint(record)


def split_run(record: Record) -> Iterator[tuple[str, Record]]:
    """Yield the run, and the runs within it, with the id of their trace."""
    waiting: list[tuple[str, Record]] = [("", record)]
    while waiting:
        trace_id, run = waiting.pop()
        trace_id = _find_trace(run) or trace_id
        children = parse_json_text(run.get("child_runs"))
        if isinstance(children, list):
            waiting += [(trace_id, child) for child in children if isinstance(child, Mapping)]
        if trace_id:
            extra = read_mapping(run.get("extra"))
            told = {name: extra.get(name) for name in ("metadata", "invocation_params")}
            yield trace_id, make_json({**{n: run.get(n) for n in _FIELDS}, **told})


def build_from_runs(trace_id: str, runs: Sequence[Record]) -> list[Trace]:
    """Return the traces of which these are the runs.

    Raises
    ------
    BadValueError
        If a time or a number of a run is none.
    """
    reader = MessageReader()
    return build_traces(trace_id, (_read_run(run, reader) for run in runs), "langsmith")


def _find_trace(run: Record) -> str:
    """Return the id of the trace: that of the root run, with which the order of every run begins."""
    first = read_name(run.get("dotted_order")).partition(".")[0].partition("Z")[2]
    is_root = "parent_run_id" in run and run["parent_run_id"] in (None, "")
    return read_name(run.get("trace_id")) or first or (read_name(run.get("id")) if is_root else "")


def _read_run(run: Record, reader: MessageReader) -> Span:
    kind = read_name(run.get("run_type"))
    metadata = read_mapping(run.get("metadata"))
    parent = read_name(run.get("parent_run_id"))
    tags = parse_json_text(run.get("tags"))
    return Span(
        span_id=read_name(run.get("id")),
        parent_id=parent,
        kind="model" if kind == "llm" else "tool" if kind == "tool" else "other",
        name=read_name(run.get("name")),
        call=_read_call(run, metadata),
        messages=[] if kind == "tool" or kind in _NOT_SAID else _read_messages(run, reader),
        session_id=_find_text(metadata, _SESSION),
        user_id=_find_text(metadata, _USER),
        environment=_find_text(metadata, ("environment", "env")),
        tags=tuple(map(to_text, tags)) if isinstance(tags, list) else (),
        source_link=read_name(run.get("url")),
        tool=_read_tool(run) if kind == "tool" else None,
        properties=_read_properties(run, metadata),
        # An example of a dataset was run, not what a person asked for.
        is_automation=not parent and bool(run.get("reference_example_id")),
    )


def _read_properties(run: Record, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of people, and the mean of each kind of feedback."""
    own = {name: value for name, value in metadata.items() if not name.startswith(_OWN_METADATA)}
    feedback = read_mapping(run.get("feedback_stats"))
    means = {name: read_mapping(value).get("avg") for name, value in feedback.items()}
    return own | {f"feedback.{name}": mean for name, mean in means.items() if mean is not None}


def _read_call(run: Record, metadata: Mapping[str, Any]) -> ModelCall:
    start = read_time(run.get("start_time"), "start_time", "any")
    end = read_time(run.get("end_time"), "end_time", "any")
    parameters = read_mapping(run.get("invocation_params"))
    input_tokens, output_tokens = read_tokens(run)
    return ModelCall(
        span_id=read_name(run.get("id")),
        model=_find_text(metadata, ("ls_model_name",))
        or _find_text(parameters, ("model", "model_name", "deployment_name")),
        provider=_find_text(metadata, ("ls_provider",)),
        start=start,
        end=end,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost=read_cost(run),
        latency=(end - start).total_seconds() if start and end else None,
        is_error=_is_error(run),
        error=to_text(run.get("error")),
        prompt_name=_find_text(metadata, ("lc_hub_repo",)),
        prompt_version=_find_text(metadata, ("lc_hub_commit_hash",)),
    )


def _is_error(run: Record) -> bool | None:
    status = read_name(run.get("status"))
    if run.get("error") or status == "error":
        return True
    return False if status == "success" or run.get("end_time") else None


def _read_messages(run: Record, reader: MessageReader) -> list[Message]:
    return read_exchange(run.get("inputs"), run.get("outputs"), reader)


def _read_tool(run: Record) -> ToolCall:
    inputs, outputs = read_mapping(run.get("inputs")), read_mapping(run.get("outputs"))
    output = parse_json_text(outputs.get("output", outputs or None))
    kwargs = output.get("kwargs", output) if isinstance(output, Mapping) else {}
    message = kwargs if isinstance(kwargs, Mapping) and "content" in kwargs else {}
    result = message.get("content", output)
    error = to_text(run.get("error")) or (to_text(result) if message.get("status") == "error" else "")
    return ToolCall(
        name=read_name(run.get("name")),
        arguments=to_text(inputs.get("input", run.get("inputs"))),
        result=None if result is None or error else to_text(result),
        error=error or None,
        call_id=read_name(message.get("tool_call_id")),
    )


def _find_text(values: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((text for name in names if (text := read_name(values.get(name)))), "")


LANGSMITH: Final = Format(
    name="langsmith",
    title="LangSmith",
    recognizes=recognize_run,
    split=split_run,
    build=build_from_runs,
    is_spread=True,
)

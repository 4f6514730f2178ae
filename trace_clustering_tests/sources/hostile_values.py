"""Records in which any value is replaced by any other, and files of which any bytes are damaged."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.sources.read_traces import read_traces
from trace_clustering.traces.trace import Trace
from trace_clustering_tests.sources.formats.test_recognition import EXAMPLES
from trace_clustering_tests.sources.trace_files import make_chat, make_observation

Json = Any
TOOL_CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"id": 1}'}}
TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": [{"type": "text", "text": "Where is my parcel?"}, {"type": "image_url"}]},
    {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "found"},
    {"role": "assistant", "content": "It is here."},
]
PARTS = [
    {"role": "user", "parts": [{"type": "text", "content": "Where?"}]},
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "c1", "name": "find", "arguments": {"id": 1}}],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "found"}]},
]
BLOCKS = [
    {"type": "thinking", "thinking": "Hm."},
    {"type": "tool_use", "id": "c1", "name": "find", "input": {"id": 1}},
    {"type": "text", "text": "Here."},
]
TIMES = {"start_time": "2026-08-01T09:00:00Z", "end_time": "2026-08-01T09:00:02Z"}
SPAN = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "name": "chat m-small",
    "startTimeUnixNano": "1754038800000000000",
    "endTimeUnixNano": 1754038802100000000,
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}},
        {"key": "gen_ai.input.messages", "value": {"arrayValue": {"values": [{"stringValue": "x"}]}}},
        {"key": "llm.input_messages.0.message.role", "value": {"stringValue": "user"}},
    ],
    "events": [{"name": "gen_ai.choice", "attributes": []}],
    "status": {"code": 2, "message": "late"},
}
RICH: list[dict[str, Json]] = [
    make_chat("1", "question", "answer"),
    {"id": "2", "messages": TALK, "model": "m-small", "created": 1754038800, "usage": {"prompt_tokens": 3}},
    {"request": {"messages": TALK, "model": "m"}, "response": {"choices": [{"message": TALK[-1]}]}},
    make_observation("t1", 1, "question"),
    {**make_observation("t2", 1, "q"), "input": TALK, "usage_details": {"a": 3}, "cost_details": {"a": 1}},
    {"trace": {"id": "t3", "tags": ["a"], "input": TALK}, "observations": [make_observation("t3", 1, "q")]},
    {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {}, "spans": [SPAN]}]}]},
    {"context.trace_id": "t4", "context.span_id": "a", "parent_id": None, "name": "x", **TIMES}
    | {"attributes.llm.input_messages": TALK, "attributes.llm.cost.total": 0.5, "span_kind": "LLM"}
    | {"attributes": {"llm": {"token_count": {"prompt": 3}}}, "events": [{"name": "exception"}]},
    {"id": "r1", "trace_id": "t5", "run_type": "llm", "dotted_order": "1", "inputs": {"messages": [TALK]}}
    | {"outputs": {"generations": [[{"message": {"kwargs": TALK[-1]}}]]}, "extra": {"metadata": {"user": 1}}}
    | {"total_tokens": 18, "total_cost": "0.5", "error": None, **TIMES},
    {"event": "$ai_generation", "distinct_id": "u1", "timestamp": "2026-08-01T09:00:02Z"}
    | {"properties": {"$ai_trace_id": "t6", "$ai_input": PARTS, "$ai_latency": 2.1, "$ai_is_error": False}},
    {"type": "assistant", "sessionId": "s1", "uuid": "u1", "parentUuid": "u", "timestamp": TIMES["end_time"]}
    | {"isSidechain": False, "message": {"id": "m", "role": "assistant", "content": BLOCKS, "usage": {}}},
    {"id": "c1", "current_node": "b", "create_time": 1.5, "mapping": {
        "a": {"message": {"author": {"role": "user"}, "content": {"parts": ["Hi", {}]}}, "parent": None},
        "b": {"message": {"author": {"role": "assistant"}, "create_time": 2.5, "content": {}}, "parent": "a"},
    }},
    {"uuid": "c2", "created_at": TIMES["start_time"], "chat_messages": [
        {"sender": "human", "text": "Hi", "content": BLOCKS, "created_at": TIMES["start_time"]}
    ]},
    {"trace_id": "t7", "timestamp": TIMES["start_time"], "title": "Hi", "bullets": ["a"], "embedding": [0.5]},
]  # fmt: skip
SEEDS = [*RICH, *(dict(record) for _, record in EXAMPLES)]

ODD_VALUES = [
    *(None, True, False, 0, -1, 2**63, 10**400, 0.5, 1e308, float("inf"), float("nan")),
    *("", " ", "x", "0", "-1", "NaN", "1e999", "2026-13-45T99:99:99Z", "9999-12-31T23:59:59-14:00"),
    *("{", "[]", '{"a": 1}', '[{"role": "user"}]', '"text"', "\ud800", "\0", "user", "tool"),
    *([], {}, [[]], [None], [{}], {"": {}}, [[[["x"]]]], {"role": ["user"]}, {"type": {}}, [{"content": 7}]),
]
JSON_VALUES: st.SearchStrategy[Json] = st.sampled_from(ODD_VALUES) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def check_file(path: Path, format_name: str = "") -> list[Trace]:
    """Read a file; anything but traces, bad records and an error with its name fails."""
    report = ReadReport()
    try:
        traces = list(read_traces([path], report, format_name=format_name))
    except InvalidRecordError as error:
        if path.name not in str(error):
            raise
        return []
    for record in report.first_bad:
        assert record.reason
        assert path.name in record.place
    for line in report.describe():
        line.encode()
    for trace in traces:
        assert trace.trace_id.strip()
        assert all(moment is None or moment.tzinfo for moment in (trace.start, trace.end))
        json.dumps([turn.text for turn in trace.turns]).encode()
        assert all(isinstance(turn.text, str) for turn in trace.turns)
        assert all(call.model.encode() is not None for call in trace.calls)
    return traces


def list_places(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each value inside a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from list_places(inner, (*path, key))


def replace_value(record: dict[str, Json], path: tuple[Any, ...], value: Json) -> dict[str, Json]:
    """Return a copy of a record with another value at a place."""
    changed = copy.deepcopy(record)
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


@st.composite
def hostile_records(draw: st.DrawFn) -> dict[str, Json]:
    """Return a record of a known format in which up to three values are others."""
    record = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 3))):
        places = list(list_places(record))
        record = replace_value(record, draw(st.sampled_from(places)), draw(JSON_VALUES)) if places else record
    return record


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """Return bytes that are cut, overwritten or longer somewhere."""
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, min(len(content), start + 40)))
    kind = draw(st.sampled_from(["cut", "overwrite", "insert", "drop"]))
    if kind == "cut":
        return content[:start]
    if kind == "drop":
        return content[:start] + content[end:]
    other = draw(st.binary(max_size=40))
    return content[:start] + other + content[start if kind == "insert" else end :]

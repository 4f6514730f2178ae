"""Records of chats in which anything may stand anywhere give traces or a clean error, and nothing else."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.contract import Format
from trace_clustering.sources.formats.registry import FORMATS, get_format
from trace_clustering.traces.trace import Trace
from trace_clustering_tests.sources.formats import test_chatgpt as chatgpt
from trace_clustering_tests.sources.formats import test_claude_ai as claude_ai
from trace_clustering_tests.sources.formats import test_claude_code as claude_code
from trace_clustering_tests.sources.formats import test_trace_record as trace_record
from trace_clustering_tests.sources.formats import test_wildchat as wildchat

Path = tuple[str | int, ...]

CALL: dict[str, Any] = {"id": "a", "type": "function", "function": {"name": "find", "arguments": "{}"}}
CHAT: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {}}]},
    {"role": "assistant", "content": None, "refusal": "No", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "a", "name": "find", "content": "found"},
]
LOG: dict[str, Any] = {
    "request": {"messages": CHAT, "system": "Be kind.", "user": "u1"},
    "response": {
        "choices": [{"message": {"role": "assistant", "content": "Hi"}}],
        "usage": {"input_tokens": 1, "cache_read_input_tokens": 3},
        "error": {"message": "late"},
        "created": 1736986200,
    },
    "metadata": {"plan": "free"},
}
SHARED: list[dict[str, Any]] = [
    {"from": "human", "value": "Hello"},
    {"from": "gpt", "value": '[{"name": "find", "arguments": "{}"}]'},
    {"from": "gpt", "value": 'Well <tool_call>{"name": "find", "arguments": {}}</tool_call>'},
    {"from": "tool", "value": "<tool_response>found</tool_response>"},
]
QUEUED = {"type": "queued_command", "prompt": "Go on", "commandMode": "prompt"}
SESSION = [
    claude_code.ASK,
    claude_code.answer("a1", "u1", claude_code.call("Read", "t1"), 2, id="m", costUSD=0.5, cwd="/home/me"),
    claude_code.user("r1", "a1", claude_code.result("t1", "found"), 3, origin={"kind": "human"}),
    {**claude_code.user("q1", "r1", "", 4), "type": "attachment", "attachment": QUEUED},
    {**claude_code.ASK, "uuid": "s1", "isSidechain": True, "agentId": "ag1"},
    {"type": "tag", "tag": "web", "sessionId": "s1"},
]
TOOL = chatgpt.node("call", "ask", "assistant", recipient="python", content={"content_type": "code"})
USED = [{"type": "tool_use", "id": "t", "name": "find", "input": {}}, {"type": "tool_result", "content": "x"}]
EXAMPLES: dict[str, list[list[dict[str, Any]]]] = {
    "openai_log": [[LOG, {**LOG, "timestamp": 1736986200, "latency_ms": 5, "cost": 0.5}]],
    "openai_chat": [[{"input": {"messages": CHAT}, "preferred_output": CHAT[1:2], "created": 1.5}]],
    "sharegpt": [[{"id": "1", "system": "Be kind.", "model": "m", "conversations": SHARED}]],
    "wildchat": [[wildchat.wild(7)], [{"conversation_a": CHAT, "conversation_b": CHAT, "tstamp": 1.5}]],
    "chatgpt": [[chatgpt.export(chatgpt.ROOT, chatgpt.ASK, TOOL, create_time=1.5, update_time=2.5)]],
    "claude_ai": [[claude_ai.export(claude_ai.say("assistant", *USED, "Hi"), account={"uuid": "u"})]],
    "claude_code": [SESSION],
    "trace_record": [[trace_record.ROW]],
}
STRANGE: list[Any] = [
    *(None, True, 0, -1, 1.5, 1e300, 10**400, float("nan"), float("inf"), "", "x", "[1]"),
    *('{"a": 1}', "9" * 400, [], {}, [1], [None], [[]], [{}], {"a": 1}, {"role": "user"}),
    *({"type": "tool_use"}, ["x", "x"], "2026-01-01", "0001-01-01T00:00:00+23:00", "\ud800"),
]


def list_places(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield where a value stands, and everything within it."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from list_places(item, (*path, name))


@st.composite
def draw_strange_rows(draw: st.DrawFn, name: str) -> list[dict[str, Any]]:
    """Draw the records of an example, in which something strange stands in a few places."""
    rows = copy.deepcopy(draw(st.sampled_from(EXAMPLES[name])))
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from([place for place in list_places(rows) if len(place) > 1]))
        inner: Any = rows
        for step in path:
            inner = inner[step]
        inner[last] = copy.deepcopy(draw(st.sampled_from(STRANGE)))
    return rows


def build_readable_traces(form: Format, rows: list[dict[str, Any]]) -> tuple[list[Trace], list[str]]:
    """Return the traces of what can be read of these records, and what is said of the others."""
    parts: dict[str, list[Any]] = {}
    traces: list[Trace] = []
    reasons: list[str] = []
    for row in rows:
        try:
            for trace_id, part in form.split(row):
                parts.setdefault(trace_id, []).append(json.loads(json.dumps(part)))
        except BadValueError as error:
            reasons.append(str(error))
    for trace_id, found in parts.items():
        try:
            traces += form.build(trace_id, found)
        except BadValueError as error:
            reasons.append(str(error))
    return traces, reasons


@pytest.mark.parametrize("name", sorted(EXAMPLES))
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_strange_records(name: str, data: st.DataObject) -> None:
    rows = data.draw(draw_strange_rows(name))
    for row in rows:
        assert {type(known.recognizes(row)) for known in FORMATS} == {bool}
    traces, reasons = build_readable_traces(get_format(name), rows)
    assert all(re.search(r" (must|is|holds?) ", reason) for reason in reasons)
    for trace in traces:
        assert trace.trace_id
        calls = trace.tool_calls
        texts = [trace.name, trace.error, *trace.models, *(turn.text for turn in trace.turns)]
        texts += [text for call in calls for text in (call.name, call.arguments, call.call_id)]
        assert all(isinstance(text, str) for text in texts)
        json.dumps(dict(trace.properties), allow_nan=False)

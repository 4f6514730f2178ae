"""Every format knows its own records, and no other format takes them for its own."""

from typing import Any

import pytest

from trace_clustering.sources.formats.contract import Record
from trace_clustering.sources.formats.registry import FORMATS

HELLO: dict[str, Any] = {"role": "user", "content": "Hello"}
ROW: dict[str, Any] = {"id": "o1", "trace_id": "t1", "name": "answer", "start_time": "2026-08-01T09:00:00Z"}

EXAMPLES: list[tuple[str, Record]] = [
    ("openai_chat", {"messages": [HELLO]}),
    ("openai_chat", {"id": "c1", "trace_id": "t1", "title": "Hi", "messages": [HELLO], "model": "m-small"}),
    ("openai_log", {"request": {"messages": [HELLO]}, "response": {"choices": []}}),
    ("openai_log", {"messages": [HELLO], "response": None, "error": "late"}),
    ("sharegpt", {"id": "1", "conversations": [{"from": "human", "value": "Hello"}]}),
    ("wildchat", {"conversation_hash": "h1", "model": "m-small", "conversation": [HELLO]}),
    ("wildchat", {"question_id": "q1", "conversation_a": [HELLO], "conversation_b": [HELLO]}),
    ("chatgpt", {"id": "c1", "title": "Hi", "mapping": {}, "current_node": "n1", "create_time": 1.5}),
    ("claude_ai", {"uuid": "c1", "name": "Hi", "chat_messages": [], "created_at": "2026-08-01T09:00:00Z"}),
    ("claude_code", {"type": "user", "sessionId": "s1", "uuid": "u1", "parentUuid": None, "message": HELLO}),
    ("claude_code", {"type": "summary", "summary": "Hi", "leafUuid": "u1"}),
    ("claude_code", {"type": "ai-title", "aiTitle": "Hi", "sessionId": "s1"}),
    ("trace_record", {"trace_id": "t1", "timestamp": "2026-08-01T09:00:00Z", "title": "Hello"}),
    ("trace_record", {"trace_id": "t1", "embedding": [0.5], "properties": {"$ai_model": "m-small"}}),
    ("langfuse", {**ROW, "type": "GENERATION", "parent_observation_id": None, "input": "Hello"}),
    ("langfuse", {"trace": {"id": "t1", "name": "answer", "sessionId": "s1"}, "observations": []}),
    ("otlp", {"resourceSpans": [{"scopeSpans": [{"spans": []}]}]}),
    ("openinference", {"context.trace_id": "t1", "context.span_id": "a1", "parent_id": None, "name": "x"}),
    ("langsmith", {**ROW, "run_type": "chain", "parent_run_id": None, "inputs": {"messages": [HELLO]}}),
    ("posthog", {"uuid": "e1", "event": "$ai_generation", "properties": {"$ai_trace_id": "t1"}}),
]
STRANGE: list[Record] = [
    {},
    {"id": 1, "text": "Hello"},
    {"messages": "Hello", "conversation": None, "conversations": 7, "chat_messages": {}, "mapping": []},
    {"messages": [[]], "request": [], "body": "{", "input": "x", "preferred_output": 1},
    {"sessionId": None, "type": ["user"], "trace_id": None},
]


@pytest.mark.parametrize(("name", "record"), EXAMPLES)
def test_a_record_is_recognised_by_its_own_format(name: str, record: Record) -> None:
    assert [known.name for known in FORMATS if known.recognizes(record)] == [name]


@pytest.mark.parametrize("record", STRANGE)
def test_no_format_takes_what_is_strange(record: Record) -> None:
    assert [known.name for known in FORMATS if known.recognizes(record)] == []


def test_every_format_stands_once_and_has_an_example() -> None:
    assert sorted(known.name for known in FORMATS) == sorted({name for name, _ in EXAMPLES})

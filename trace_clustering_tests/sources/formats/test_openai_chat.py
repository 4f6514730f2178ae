"""OpenAI chats: what each file and log of requests gives, made up by hand."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.openai_chat import OPENAI_CHAT
from trace_clustering.traces.trace import ToolCall, Turn
from trace_clustering_tests.sources.formats.building import build_one, build_traces

ASK = {"role": "user", "content": "Where is my parcel?"}
ANSWER = {"role": "assistant", "content": "It is on its way."}


def test_each_answer_is_a_model_call_and_what_is_not_told_stays_unknown() -> None:
    trace = build_one(OPENAI_CHAT, {"messages": [ASK, ANSWER, ASK, ANSWER], "model": "m-small"})
    assert [call.model for call in trace.calls] == ["m-small", "m-small"]
    assert (trace.start, trace.end, trace.latency) == (None, None, None)
    assert (trace.input_tokens, trace.output_tokens, trace.cost, trace.is_error) == (None, None, None, None)


def test_parts_of_content_are_texts() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    content = [{"type": "text", "text": "What is this?"}, image]
    trace = build_one(OPENAI_CHAT, {"messages": [{"role": "user", "content": content}]})
    assert trace.list_texts("user") == ["What is this?\n[image]"]


def test_results_stand_with_their_calls() -> None:
    calls = [
        {"id": name, "type": "function", "function": {"name": f"find_{name}", "arguments": "{}"}}
        for name in ("a", "b")
    ]
    results = [{"role": "tool", "tool_call_id": name, "content": f"found {name}"} for name in ("b", "a")]
    messages = [ASK, {"role": "assistant", "content": None, "tool_calls": calls}, *results]
    trace = build_one(OPENAI_CHAT, {"messages": messages})
    assert [(call.name, call.result) for call in trace.tool_calls] == [
        ("find_a", "found a"),
        ("find_b", "found b"),
    ]
    assert len(trace.turns) == 2


def test_function_calls_of_old_are_tool_calls() -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "find", "arguments": '{"id": 1}'}}
    result = {"role": "function", "name": "find", "content": "nothing"}
    trace = build_one(OPENAI_CHAT, {"messages": [ASK, call, result]})
    assert trace.tool_calls == (ToolCall("find", '{"id": 1}', "nothing"),)


def test_a_refusal_is_what_was_said() -> None:
    refusal = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    assert build_one(OPENAI_CHAT, {"messages": [ASK, refusal]}).turns[-1] == Turn(
        "assistant", "I cannot help with that."
    )


def test_what_else_a_record_says_can_be_filtered() -> None:
    more = {"language": "en", "score": 0.5, "is_safe": True, "text": "x" * 1000, "tags": [], "nan": math.nan}
    record = {"id": "1", "messages": [ASK], **more, "metadata": {"plan": "free"}, "thread_id": "th1"}
    trace = build_one(OPENAI_CHAT, record)
    assert trace.properties == {"language": "en", "score": 0.5, "is_safe": True, "plan": "free"}
    assert trace.session_id == "th1"


@pytest.mark.parametrize("start", [1736986200, 1736986200.0, 1736986200000, "2025-01-16T00:10:00Z"])
def test_times_of_logs_in_every_unit(start: object) -> None:
    trace = build_one(OPENAI_CHAT, {"messages": [ASK], "timestamp": start})
    assert trace.start == datetime(2025, 1, 16, 0, 10, tzinfo=UTC)


def test_of_two_answers_the_preferred_one_counts() -> None:
    other = {"role": "assistant", "content": "No idea."}
    record = {"input": {"messages": [ASK]}, "preferred_output": [ANSWER], "non_preferred_output": [other]}
    assert OPENAI_CHAT.recognizes(record)
    assert build_one(OPENAI_CHAT, record).list_texts("assistant") == ["It is on its way."]


def test_without_ids_the_words_make_one() -> None:
    first, again = {"messages": [ASK, ANSWER]}, {"messages": [dict(ASK), dict(ANSWER)]}
    other = {"messages": [ASK]}
    table = {"messages": [{"name": None, **ASK}, {**ANSWER, "tool_calls": None}], "model": None}
    ids = [trace_id for record in (first, again, table, other) for trace_id, _ in OPENAI_CHAT.split(record)]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert ids[0].startswith("chat-")


def test_messages_may_be_json_in_a_text() -> None:
    record = {"id": "c1", "messages": '[{"role": "user", "content": "Where is my parcel?"}]'}
    assert OPENAI_CHAT.recognizes(record)
    assert build_one(OPENAI_CHAT, record).list_texts("user") == ["Where is my parcel?"]


def test_a_conversation_without_messages_is_no_trace() -> None:
    assert build_traces(OPENAI_CHAT, [{"id": "c1", "messages": []}]) == []


@pytest.mark.parametrize("messages", [None, 7, "hello", ["hello"], '[{"role": '])
def test_what_is_no_list_of_messages_is_named(messages: Any) -> None:
    record = {"messages": messages}
    assert not OPENAI_CHAT.recognizes(record)
    with pytest.raises(BadValueError, match="messages must be a list of messages, not"):
        list(OPENAI_CHAT.split(record))

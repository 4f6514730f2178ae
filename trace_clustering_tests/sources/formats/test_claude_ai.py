"""The export of claude.ai, made up by hand."""

from datetime import UTC, datetime
from typing import Any

from trace_clustering.sources.formats.claude_ai import CLAUDE_AI
from trace_clustering.traces.trace import ToolCall
from trace_clustering_tests.sources.formats.building import build_one, build_traces


def say(sender: str, *blocks: str | dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a message whose texts are blocks."""
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    return {"sender": sender, "text": "", "content": content, "created_at": "2026-08-01T09:00:00Z", **more}


def export(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a conversation."""
    return {"uuid": "c1", "name": "Cake", "chat_messages": list(messages), **more}


ASK, ANSWER = say("human", "How do I bake a cake?"), say("assistant", "With flour.")


def test_title_user_times_and_link() -> None:
    times = {"created_at": "2026-08-01T08:59:00.5Z", "updated_at": "2026-08-01T11:00:00+02:00"}
    trace = build_one(CLAUDE_AI, export(ASK, ANSWER, account={"uuid": "u1"}, **times))
    assert (trace.name, trace.user_id) == ("Cake", "u1")
    assert trace.start == datetime(2026, 8, 1, 8, 59, 0, 500000, tzinfo=UTC)
    assert trace.end == datetime(2026, 8, 1, 9, tzinfo=UTC)
    assert trace.source_link == "https://claude.ai/chat/c1"
    assert [turn.role for turn in trace.turns] == ["user", "assistant"]
    assert (len(trace.calls), trace.models, trace.input_tokens) == (1, (), None)


def test_the_text_of_old_exports_counts_where_there_is_no_content() -> None:
    messages = [{"sender": "human", "text": "Hello"}, {"sender": "assistant", "text": "Hi", "content": []}]
    trace = build_one(CLAUDE_AI, export(*messages))
    assert [turn.text for turn in trace.turns] == ["Hello", "Hi"]


def test_content_counts_before_the_text_that_repeats_it() -> None:
    trace = build_one(CLAUDE_AI, export({**ASK, "text": "How do I bake a cake?"}))
    assert trace.list_texts("user") == ["How do I bake a cake?"]


def test_calls_within_a_message() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "web_search", "input": {"query": "cake"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "flour"}]}
    thought = {"type": "thinking", "thinking": "Hm."}
    answer = say("assistant", thought, "I look.", call, result, "With flour.")
    trace = build_one(CLAUDE_AI, export(ASK, answer))
    assert trace.tool_calls == (ToolCall("web_search", '{"query": "cake"}', "flour", call_id="t1"),)
    assert trace.list_texts("assistant") == ["I look.", "With flour."]
    assert len(trace.calls) == 2


def test_calls_without_ids() -> None:
    call = {"type": "tool_use", "id": None, "name": "artifacts", "input": {}}
    result = {"type": "tool_result", "tool_use_id": None, "content": "OK"}
    trace = build_one(CLAUDE_AI, export(ASK, say("assistant", call, result)))
    assert [(found.name, found.result) for found in trace.tool_calls] == [("artifacts", "OK")]


def test_what_is_attached_counts_where_nothing_else_is_said() -> None:
    attached = [{"file_name": "paste.txt", "extracted_content": "A long recipe"}, {"file_name": "a.png"}]
    trace = build_one(CLAUDE_AI, export(say("human", attachments=attached)))
    assert trace.list_texts("user") == ["A long recipe\n[a.png]"]


def test_branches_that_were_left_are_left_out() -> None:
    messages = [
        {**ASK, "uuid": "a", "parent_message_uuid": "00000000-0000-4000-8000-000000000000"},
        {**ANSWER, "uuid": "b", "parent_message_uuid": "a"},
        {**say("assistant", "With sand."), "uuid": "c", "parent_message_uuid": "a"},
    ]
    trace = build_one(CLAUDE_AI, export(*messages, current_leaf_message_uuid="b"))
    assert trace.list_texts("assistant") == ["With flour."]
    newest = [*messages[:2], {**messages[2], "created_at": "2026-08-01T09:00:05Z"}]
    assert build_one(CLAUDE_AI, export(*newest)).list_texts("assistant") == ["With sand."]


def test_an_empty_conversation_is_no_trace() -> None:
    assert build_traces(CLAUDE_AI, [export(), export(say("human"))]) == []

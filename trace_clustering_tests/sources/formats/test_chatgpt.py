"""ChatGPT's export, made up by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.chatgpt import CHATGPT
from trace_clustering.traces.trace import ToolCall
from trace_clustering_tests.sources.formats.building import build_one, build_traces


def node(
    name: str, parent: str | None, role: str = "", text: str = "", time: float = 0, **more: Any
) -> dict[str, Any]:
    """Return a node of the tree; without a role it has no message."""
    content = {"content_type": "text", "parts": [text]}
    message = {"id": name, "author": {"role": role}, "create_time": time, "content": content, **more}
    return {"id": name, "parent": parent, "children": [], "message": message if role else None}


def export(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a conversation that stands at the last node."""
    mapping = {item["id"]: item for item in nodes}
    return {"id": "c1", "title": "Cake", "current_node": nodes[-1]["id"], "mapping": mapping, **more}


ROOT = node("root", None)
ASK = node("ask", "root", "user", "How do I bake a cake?", 100)
ANSWER = node("answer", "ask", "assistant", "With flour.", 105, metadata={"model_slug": "m-small"})


def test_branches_that_were_left_are_left_out() -> None:
    dead = node("dead", "ask", "assistant", "With sand.", 104)
    trace = build_one(CHATGPT, export(ROOT, ASK, dead, ANSWER))
    assert [turn.text for turn in trace.turns] == ["How do I bake a cake?", "With flour."]
    assert len(trace.calls) == 1


def test_title_times_model_and_link() -> None:
    trace = build_one(CHATGPT, export(ROOT, ASK, ANSWER, create_time=99.5, update_time=106.25))
    assert (trace.name, trace.models) == ("Cake", ("m-small",))
    assert trace.start == datetime(1970, 1, 1, 0, 1, 39, 500000, tzinfo=UTC)
    assert trace.end == datetime(1970, 1, 1, 0, 1, 46, 250000, tzinfo=UTC)
    assert trace.source_link == "https://chatgpt.com/c/c1"


def test_without_a_current_node_the_newest_message_counts() -> None:
    dead = node("dead", "ask", "assistant", "With sand.", 104)
    for current in (None, "gone"):
        trace = build_one(CHATGPT, export(ROOT, ASK, ANSWER, dead, current_node=current))
        assert trace.list_texts("assistant") == ["With flour."]


def test_hidden_nodes_are_no_turns() -> None:
    hidden = {"is_visually_hidden_from_conversation": True}
    nodes = [
        ROOT,
        node("s1", "root", "system", "", 1),
        node("s2", "s1", "system", "You are a model.", 1, metadata=hidden),
        node("u0", "s2", "user", "About me: I bake.", 1, metadata=hidden),
        {**ASK, "parent": "u0"},
        ANSWER,
    ]
    assert [turn.role for turn in build_one(CHATGPT, export(*nodes)).turns] == ["user", "assistant"]


def test_a_message_to_a_tool_is_a_call() -> None:
    code = {"content_type": "code", "language": "python", "text": "print(1)"}
    output = {"content_type": "execution_output", "text": "1"}
    nodes = [
        ASK,
        node("call", "ask", "assistant", recipient="python", content=code),
        {**node("out", "call", "tool", content=output)},
        {**ANSWER, "parent": "out"},
    ]
    trace = build_one(CHATGPT, export(*nodes))
    assert trace.tool_calls == (ToolCall("python", "print(1)", "1"),)
    assert len(trace.calls) == 2


def test_thoughts_are_not_said() -> None:
    thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "Cake", "content": "Hm."}]}
    recap = {"content_type": "reasoning_recap", "content": "Thought for 3 s"}
    nodes = [
        ASK,
        node("t", "ask", "assistant", content=thoughts),
        node("r", "t", "assistant", content=recap),
        {**ANSWER, "parent": "r"},
    ]
    trace = build_one(CHATGPT, export(*nodes))
    assert trace.list_texts("assistant") == ["With flour."]
    assert len(trace.calls) == 1


def test_images_and_speech() -> None:
    parts = [
        {"content_type": "image_asset_pointer", "asset_pointer": "file-service://1"},
        {"content_type": "audio_transcription", "text": "What is this?"},
        "Please.",
    ]
    content = {"content_type": "multimodal_text", "parts": parts}
    trace = build_one(CHATGPT, export(node("u", None, "user", content=content)))
    assert trace.list_texts("user") == ["[image]\nWhat is this?\nPlease."]


def test_a_circle_of_parents_ends() -> None:
    trace = build_one(CHATGPT, export({**ASK, "parent": "answer"}, ANSWER))
    assert len(trace.turns) == 2


def test_a_conversation_in_which_nobody_speaks_is_no_trace() -> None:
    assert build_traces(CHATGPT, [export(ROOT), {"title": "New chat", "mapping": {}}]) == []


def test_what_is_no_tree_is_named() -> None:
    with pytest.raises(BadValueError, match=r"mapping must be an object of messages, not \[1\]"):
        list(CHATGPT.split({"title": "Cake", "mapping": [1]}))

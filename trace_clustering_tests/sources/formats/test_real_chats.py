"""The 60 real conversations in the shapes of chats say what is expected."""

import json
from functools import cache
from pathlib import Path

from trace_clustering.sources.formats.chatgpt import CHATGPT
from trace_clustering.sources.formats.claude_code import CLAUDE_CODE
from trace_clustering.sources.formats.openai_chat import OPENAI_CHAT
from trace_clustering.sources.formats.sharegpt import SHAREGPT
from trace_clustering_tests.sources.formats.building import build_traces
from trace_clustering_tests.sources.formats.expected import find_differences, read_expected

TEXTS = {"trace_id", "first_user_text", "user_turns", "last_assistant_text", "tool_calls", "model_calls"}


@cache
def list_calls_without_text(real_data: Path) -> dict[str, list[str]]:
    """Return by conversation the tools that ShareGPT names: it drops a call that stands beside a text."""
    lines = (real_data / "conversations" / "openai_chat.jsonl").read_text().splitlines()
    return {
        record["id"]: [
            call["function"]["name"]
            for message in record["messages"]
            for call in message.get("tool_calls", [])
            if not message["content"]
        ]
        for record in map(json.loads, lines)
    }


def test_openai_chats(real_data: Path) -> None:
    expected = read_expected(real_data)
    lines = (real_data / "conversations" / "openai_chat.jsonl").read_text().splitlines()
    traces = build_traces(OPENAI_CHAT, map(json.loads, lines))
    assert len(traces) == 60
    for trace in traces:
        assert not find_differences(trace, expected[trace.trace_id], TEXTS | {"model", "start"})


def test_sharegpt(real_data: Path) -> None:
    expected = read_expected(real_data)
    records = json.loads((real_data / "conversations" / "sharegpt.json").read_text())
    traces = build_traces(SHAREGPT, records)
    assert len(traces) == 60
    for trace in traces:
        assert not find_differences(trace, expected[trace.trace_id], TEXTS - {"tool_calls"})
        assert [call.name for call in trace.tool_calls] == list_calls_without_text(real_data)[trace.trace_id]
        assert (trace.start, trace.end, trace.cost, trace.models) == (None, None, None, ())


def test_chatgpt(real_data: Path) -> None:
    expected = read_expected(real_data)
    records = json.loads((real_data / "conversations" / "chatgpt_conversations.json").read_text())
    traces = build_traces(CHATGPT, records)
    assert len(traces) == 60
    names = {"trace_id", "first_user_text", "user_turns", "last_assistant_text", "model", "start", "end"}
    for trace in traces:
        # This export does not tell the calls of tools.
        assert not find_differences(trace, expected[trace.trace_id], names)
        assert len(trace.calls) == len(trace.list_texts("assistant"))
        assert trace.name == "Airline help"
        assert "An abandoned answer that nobody saw." not in trace.list_texts("assistant")


def test_claude_code(real_data: Path) -> None:
    expected = read_expected(real_data)
    files = sorted((real_data / "conversations" / "claude_code").rglob("*.jsonl"))
    records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    traces = build_traces(CLAUDE_CODE, records)
    sessions = [trace for trace in traces if not trace.is_automation]
    agents = [trace for trace in traces if trace.is_automation]
    assert (len(sessions), len(agents)) == (20, 20)
    names = TEXTS | {"input_tokens", "output_tokens", "end"}
    for trace in sessions:
        assert not find_differences(trace, expected[trace.trace_id], names)
        assert trace.session_id == trace.trace_id
    for agent in agents:
        assert [turn.text for turn in agent.turns] == ["Search the policy for baggage rules and report back."]

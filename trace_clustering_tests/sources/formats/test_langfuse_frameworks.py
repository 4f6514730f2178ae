"""Agents of thirteen frameworks as Langfuse's API gives them, beside the messages that Langfuse finds."""

import json
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.sources.messages import parse_json_text
from trace_clustering.traces.trace import Trace
from trace_clustering_tests.sources.formats.langfuse_files import build_one

# How many different texts of users and models Langfuse finds in the observations of each trace, and how many
# tools were called. In each, a person asked one thing.
FACTS = {
    "agno-2025-06-11": (1, 1),
    "beeai-2025-08-01": (4, 0),
    "claude-agent-2025-12-22": (2, 2),
    "csharp-agent-with-gemini-2026-03-09": (2, 2),
    "google-adk-2025-08-28": (3, 1),
    "koog-2025-08-26": (4, 2),
    "langgraph-js-2025-10-30": (2, 1),
    "llamaindex-2025-06-05": (0, 0),
    "microsoft-agent-2025-12-17": (2, 1),
    "pydantic-ai-2025-06-06": (2, 0),
    "pydantic-ai-tools-2025-06-06": (2, 0),
    "pydantic-ai-with-gemini-2025-12-24": (2, 0),
    "vercel-aisdk-2025-11-17": (1, 1),
}
ROLES = {"user": "user", "assistant": "assistant", "model": "assistant"}


@pytest.mark.parametrize("name", FACTS)
def test_every_text_that_langfuse_finds_is_in_the_turns_of_its_role(name: str, real_data: Path) -> None:
    """Gemini writes the result of a function as the user's; that one is the result of its call."""
    trace = read_trace(real_data, name)
    wanted = list_texts(json.loads(find_file(real_data, name, "chatml").read_text()))
    found = {(turn.role, turn.text.strip()) for turn in trace.turns}
    results = [parse_json_text(call.result) for call in trace.tool_calls]

    missing = {(role, text) for role, text in wanted if (role, text) not in found}

    assert {text for _, text in missing if parse_json_text(text) not in results} == set()
    assert len(wanted) == FACTS[name][0]


@pytest.mark.parametrize("name", FACTS)
def test_nothing_is_said_twice_and_nothing_is_left_of_a_format(name: str, real_data: Path) -> None:
    trace = read_trace(real_data, name)
    texts = [(turn.role, turn.text) for turn in trace.turns if turn.text]

    assert len(set(texts)) == len(texts)
    assert len(trace.list_texts("user")) == 1
    assert trace.list_texts("assistant") or trace.tool_calls
    assert len(trace.tool_calls) == FACTS[name][1]
    assert all(call.result for call in trace.tool_calls if call.name != "final_result")


def find_file(real_data: Path, name: str, kind: str) -> Path:
    return real_data / "langfuse_frameworks" / f"{name}.{kind}.json"


def read_trace(real_data: Path, name: str) -> Trace:
    return build_one(json.loads(find_file(real_data, name, "trace").read_text()))


def list_texts(chatml: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the texts that are found in all observations, each with its role."""
    sides = [side for found in chatml.values() for side in found.values() if side["success"]]
    messages = [message for side in sides for message in side["data"]]
    texts = [(ROLES.get(message.get("role")), read_text(message.get("content"))) for message in messages]
    return {(role, text) for role, text in texts if role and text}


def read_text(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part["type"] == "text").strip()
    return content.strip() if isinstance(content, str) else ""

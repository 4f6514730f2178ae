import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.sources.formats.langsmith import LANGSMITH
from trace_clustering.traces.trace import ToolCall
from trace_clustering_tests.sources.formats.building import build_one, build_traces
from trace_clustering_tests.sources.formats.conversations import (
    CONVERSATIONS,
    build_conversations,
    list_differences,
)

FILE = "langsmith_runs.jsonl.gz"
ASK = {"role": "user", "content": "Where is my parcel?"}
ANSWER = {"role": "assistant", "content": "It is here."}
TEXTS = ["Where is my parcel?", "It is here."]


def make_run(run_id: str = "r2", parent: str | None = "r1", **fields: Any) -> dict[str, Any]:
    return {
        "id": run_id,
        "trace_id": "r1",
        "parent_run_id": parent,
        "name": "ChatOpenAI",
        "run_type": "llm",
        "start_time": "2026-03-01T09:00:00",
        "end_time": "2026-03-01T09:00:02",
        "inputs": {"messages": [ASK]},
        "outputs": {"messages": [ANSWER]},
        "error": None,
        "status": "success",
        "session_id": "the project",
        **fields,
    }


def test_conversations(real_data: Path) -> None:
    with gzip.open(real_data / "conversations" / FILE, "rt", encoding="utf-8") as lines:
        metadata = {run["id"]: run["extra"]["metadata"] for run in map(json.loads, lines)}
    traces = build_conversations(LANGSMITH, real_data, FILE)
    assert len(traces) == CONVERSATIONS
    # The trace keeps the id by which LangSmith finds it.
    renamed = [replace(t, trace_id=metadata[t.trace_id]["external_trace_id"]) for t in traces]
    assert list_differences(renamed, real_data, has_last_word=True) == {}


@pytest.mark.parametrize("name", ["session_id", "thread_id", "conversation_id"])
def test_the_conversation_is_in_the_metadata(name: str) -> None:
    trace = build_one(LANGSMITH, make_run(extra={"metadata": {name: "s1", "user_id": "ann"}}))
    assert (trace.session_id, trace.user_id) == ("s1", "ann")


def test_the_project_is_no_conversation() -> None:
    assert build_one(LANGSMITH, make_run()).session_id == ""


def test_a_bulk_export_has_json_in_texts() -> None:
    run = make_run(
        inputs=json.dumps({"messages": [ASK]}),
        outputs=json.dumps({"messages": [ANSWER]}),
        extra=json.dumps(
            {"metadata": {"thread_id": "s1", "ls_model_name": "small", "ls_provider": "openai"}}
        ),
        tags='["vip"]',
        start_time=datetime(2026, 3, 1, 9, tzinfo=UTC),
        end_time=datetime(2026, 3, 1, 9, 0, 2),
        feedback_stats=json.dumps({"helpful": {"n": 2, "avg": 0.5}}),
    )
    trace = build_one(LANGSMITH, run)
    assert [turn.text for turn in trace.turns] == TEXTS
    assert (trace.session_id, trace.tags, trace.latency) == ("s1", ("vip",), 2.0)
    assert (trace.models, trace.calls[0].provider) == (("small",), "openai")
    assert trace.properties == {"thread_id": "s1", "feedback.helpful": 0.5}


def wrap_generation(**usage: Any) -> dict[str, Any]:
    kwargs = {"content": "It is here.", "type": "ai", **usage}
    message = {"lc": 1, "type": "constructor", "id": ["langchain", "messages", "AIMessage"], "kwargs": kwargs}
    return {"generations": [[{"text": "It is here.", "message": message}]]}


TOKENS = {"input_tokens": 12, "output_tokens": 6}
OLD_TOKENS = {"prompt_tokens": 12, "completion_tokens": 6}


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18},
        {"outputs": {**ANSWER, "usage_metadata": TOKENS}},
        {"outputs": {"choices": [{"message": ANSWER}], "usage": OLD_TOKENS}},
        {"outputs": wrap_generation(usage_metadata=TOKENS)},
        {"outputs": wrap_generation(response_metadata={"token_usage": OLD_TOKENS})},
        {"outputs": wrap_generation() | {"llm_output": {"token_usage": OLD_TOKENS}}},
        {"extra": {"metadata": {"usage_metadata": TOKENS}}, "prompt_tokens": 0, "completion_tokens": 0},
    ],
)
def test_tokens_are_found_wherever_they_are(fields: dict[str, Any]) -> None:
    trace = build_one(LANGSMITH, make_run(**fields))
    assert (trace.input_tokens, trace.output_tokens) == (12, 6)
    assert [turn.text for turn in trace.turns] == TEXTS


def test_zero_tokens_are_unknown() -> None:
    trace = build_one(LANGSMITH, make_run(prompt_tokens=0, completion_tokens=0, total_tokens=0))
    assert (trace.input_tokens, trace.output_tokens) == (None, None)


@pytest.mark.parametrize(
    "fields", [{"total_cost": "0.75"}, {"total_cost": None, "prompt_cost": 0.5, "completion_cost": "0.25"}]
)
def test_a_cost_may_be_text_or_in_parts(fields: dict[str, Any]) -> None:
    assert build_one(LANGSMITH, make_run(**fields)).cost == 0.75


def test_a_root_that_adds_up_its_calls_is_not_counted() -> None:
    root = make_run("r1", None, run_type="chain", prompt_tokens=30, completion_tokens=2, total_cost=3.0)
    calls = [make_run(f"r{n}", prompt_tokens=n, completion_tokens=1, total_cost=1.5) for n in (10, 20)]
    trace = build_one(LANGSMITH, root, *calls)
    assert (trace.input_tokens, trace.output_tokens, trace.cost) == (30, 2, 3.0)


def test_a_root_alone_tells_all() -> None:
    root = make_run("r1", None, run_type="chain", prompt_tokens=30, completion_tokens=2, total_cost=3.0)
    trace = build_one(LANGSMITH, root)
    assert [turn.text for turn in trace.turns] == TEXTS
    assert (trace.input_tokens, trace.cost, trace.calls) == (30, 3.0, ())


def test_messages_of_langchain_are_read() -> None:
    human = {
        "lc": 1,
        "type": "constructor",
        "id": ["HumanMessage"],
        "kwargs": {"content": "Where is my parcel?"},
    }
    trace = build_one(LANGSMITH, make_run(inputs={"messages": [[human]]}, outputs=wrap_generation()))
    assert [(turn.role, turn.text) for turn in trace.turns] == [("user", TEXTS[0]), ("assistant", TEXTS[1])]


def test_an_error_is_told() -> None:
    trace = build_one(LANGSMITH, make_run(status="error", error="ValueError('too long')"))
    assert (trace.is_error, trace.error) == (True, "ValueError('too long')")


def test_a_run_that_has_not_ended_has_no_error_and_no_latency() -> None:
    trace = build_one(LANGSMITH, make_run(status="pending", end_time=None, outputs=None))
    assert (trace.is_error, trace.latency, trace.calls[0].end) == (None, None, None)


CALLS = [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}]


def make_tool(**fields: Any) -> dict[str, Any]:
    times = {"start_time": "2026-03-01T09:00:03", "end_time": "2026-03-01T09:00:04"}
    return make_run("r3", "r1", run_type="tool", name="find", inputs={"input": "{}"}, **times, **fields)


@pytest.mark.parametrize(
    ("fields", "call"),
    [
        ({"outputs": {"output": "shelf 7"}}, ToolCall("find", "{}", "shelf 7", call_id="c1")),
        (
            {"outputs": {"output": {"content": "shelf 7", "type": "tool", "tool_call_id": "c1"}}},
            ToolCall("find", "{}", "shelf 7", call_id="c1"),
        ),
        (
            {"outputs": {"output": {"content": "no", "status": "error", "tool_call_id": "c1"}}},
            ToolCall("find", "{}", error="no", call_id="c1"),
        ),
        ({"outputs": None, "error": "no"}, ToolCall("find", "{}", error="no", call_id="c1")),
    ],
)
def test_a_tool_has_its_result_or_its_error(fields: dict[str, Any], call: ToolCall) -> None:
    model = make_run(outputs={"messages": [ANSWER | {"tool_calls": CALLS}]})
    trace = build_one(LANGSMITH, model, make_tool(**fields))
    assert trace.tool_calls == (call,)
    assert (trace.is_error, trace.error) == (False, "")


def test_a_result_that_only_the_root_was_told_stands_with_its_call() -> None:
    answer = {"role": "assistant", "content": None, "tool_calls": CALLS}
    result = {"role": "tool", "tool_call_id": "c1", "content": "shelf 7"}
    root = make_run("r1", None, run_type="chain", outputs={"messages": [ASK, answer, result]})
    trace = build_one(LANGSMITH, root, make_run(outputs={"messages": [answer]}))
    assert trace.tool_calls == (ToolCall("find", "{}", "shelf 7", call_id="c1"),)


def test_a_model_below_a_tool_is_another_agent() -> None:
    inner = make_run("r4", "r3", inputs={"messages": [{"role": "user", "content": "Search."}]})
    root = make_run("r1", None, run_type="chain", extra={"metadata": {"thread_id": "s1"}})
    main, agent = build_traces(LANGSMITH, [inner, make_tool(outputs=None), make_run(), root])
    assert (main.list_texts("user"), main.is_automation) == ([TEXTS[0]], False)
    assert (agent.list_texts("user"), agent.is_automation) == (["Search."], True)
    assert (agent.trace_id, agent.session_id) == ("r1/r3", "s1")


@pytest.mark.parametrize("kind", ["retriever", "embedding", "prompt", "parser"])
def test_other_steps_say_nothing(kind: str) -> None:
    root = make_run("r1", None, run_type="chain", inputs={}, outputs={})
    trace = build_one(LANGSMITH, root, make_run(run_type=kind))
    assert (trace.turns, trace.calls) == ((), ())


def test_what_ran_on_a_dataset_is_automation() -> None:
    assert build_one(LANGSMITH, make_run("r1", None, reference_example_id="e1")).is_automation


def test_runs_within_runs_are_read() -> None:
    nested = make_run("r1", None, run_type="chain", child_runs=[make_run("r2"), make_run("r3")])
    del nested["child_runs"][0]["trace_id"]
    assert len(build_one(LANGSMITH, nested).calls) == 2


def test_the_order_of_a_run_tells_its_trace() -> None:
    run = make_run(dotted_order="20260301T090000000000Zr1.20260301T090001000000Zr2", trace_id=None)
    assert build_one(LANGSMITH, run).trace_id == "r1"


def test_a_run_without_a_trace_is_left_out() -> None:
    assert build_traces(LANGSMITH, [make_run(trace_id=None)]) == []


def test_times_of_the_javascript_library_are_milliseconds() -> None:
    trace = build_one(LANGSMITH, make_run(start_time=1772355600000, end_time=1772355602000))
    assert (trace.start, trace.latency) == (datetime(2026, 3, 1, 9, tzinfo=UTC), 2.0)

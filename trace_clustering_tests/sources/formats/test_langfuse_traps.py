"""What is easily read wrong in a trace of Langfuse: repetitions, tools, agents, and what nobody said."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trace_clustering_tests.sources.formats.langfuse_files import (
    ANSWER,
    QUESTION,
    build_all,
    build_one,
    make_observation,
    make_trace,
)

START = datetime(2026, 8, 1, 9, tzinfo=UTC)


def make_step(number: int, kind: str, parent: str = "", **changes: Any) -> dict[str, Any]:
    """Return an observation of a longer trace, of which each lasts a second."""
    start = START + timedelta(seconds=number)
    return make_observation(
        **{
            "id": f"o{number}",
            "type": kind,
            "parent_observation_id": parent or None,
            "start_time": start.isoformat(),
            "end_time": (start + timedelta(seconds=1)).isoformat(),
            "usage_details": {},
            "cost_details": {},
            "total_cost": None,
            "input": None,
            "output": None,
            **changes,
        }
    )


CALL = {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "name": "find", "args": {"id": 7}}]}


def test_a_history_that_every_call_repeats_counts_once() -> None:
    said = [{"role": r, "content": f"{r} says {n}"} for n in range(5) for r in ("user", "assistant")]
    rows = [
        make_step(n, "GENERATION", input=json.dumps(said[: 2 * n + 1]), output=said[2 * n + 1])
        for n in range(5)
    ]

    for records in (rows, rows[::-1]):
        trace = build_one(*records)
        assert [turn.text for turn in trace.turns] == [message["content"] for message in said]


def test_what_a_generation_around_others_repeats_counts_once() -> None:
    used = {"usage_details": {"input": 10, "output": 2}, "total_cost": 0.5}
    rows = [
        make_step(0, "GENERATION", input=QUESTION, output=ANSWER, **used),
        make_step(1, "GENERATION", "o0", input=QUESTION, output=ANSWER, **used),
    ]

    trace = build_one(*rows)

    assert (len(trace.turns), len(trace.calls)) == (2, 1)
    assert (trace.input_tokens, trace.output_tokens, trace.cost) == (10, 2, 0.5)


@pytest.mark.parametrize(
    ("changes", "result", "error"),
    [
        ({"output": '{"found": true}'}, '{"found": true}', None),
        ({"output": {"result": 5, "unit": "kg"}}, '{"result": 5, "unit": "kg"}', None),
        ({"output": {"content": [{"type": "text", "text": "found"}]}}, "found", None),
        ({"output": {"content": [{"type": "text", "text": "no"}], "isError": True}}, None, "no"),
        ({"output": {"role": "tool", "content": "found", "tool_call_id": "c1"}}, "found", None),
        ({"output": None, "level": "ERROR", "status_message": "timed out"}, None, "timed out"),
        ({"output": None, "level": "ERROR"}, None, "failed"),
        ({"output": None}, None, None),
    ],
)
def test_the_row_of_a_tool_stands_with_its_call(
    changes: dict[str, Any], result: str | None, error: str | None
) -> None:
    trace = build_one(
        make_step(0, "AGENT"),
        make_step(1, "GENERATION", "o0", input=QUESTION, output=CALL),
        make_step(2, "TOOL", "o0", name="find", input={"id": 7}, **changes),
        make_step(3, "GENERATION", "o0", input=QUESTION, output=ANSWER),
    )

    [call] = trace.tool_calls
    assert (call.name, call.arguments, call.result, call.error) == ("find", '{"id": 7}', result, error)
    assert (trace.is_error, trace.list_texts("assistant")) == (False, [ANSWER])


def test_an_agent_that_a_tool_started_is_automation_of_the_same_session() -> None:
    rows = [
        make_step(0, "AGENT"),
        make_step(1, "GENERATION", "o0", input=QUESTION, output=CALL),
        make_step(2, "TOOL", "o0", name="find", input={"id": 7}),
        make_step(3, "GENERATION", "o2", input="Find parcel 7 in the list of parcels", output="It left."),
        make_step(4, "GENERATION", "o0", input=QUESTION, output=ANSWER),
    ]

    main, agent = build_all([*rows, make_trace(tags=["vip"])])

    assert main.tags == agent.tags == ("vip", "shop")
    assert (main.trace_id, main.list_texts("user"), main.is_automation) == ("t1", [QUESTION], False)
    assert (agent.list_texts("assistant"), agent.is_automation) == (["It left."], True)
    assert (agent.session_id, agent.user_id) == ("s1", "u1")


@pytest.mark.parametrize("kind", ["RETRIEVER", "EMBEDDING", "EVALUATOR", "GUARDRAIL"])
def test_what_nobody_said_is_no_turn(kind: str) -> None:
    judged = [{"role": "user", "content": "Is this answer any good?"}]
    trace = build_one(
        make_step(0, "GENERATION", input=QUESTION, output=ANSWER), make_step(1, kind, input=judged)
    )

    assert trace.list_texts("user") == [QUESTION]

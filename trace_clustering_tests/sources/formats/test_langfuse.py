"""Langfuse's exports and answers of its API, made to traces."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from trace_clustering.errors import BadValueError
from trace_clustering_tests.sources.formats.langfuse_files import (
    ANSWER,
    QUESTION,
    build_all,
    build_one,
    make_observation,
    make_trace,
)

START = datetime(2026, 8, 1, 9, tzinfo=UTC)
END = START + timedelta(seconds=2.1)


def test_a_row_of_observations_is_a_trace_with_all_that_it_says() -> None:
    trace = build_one(make_observation())

    assert (trace.trace_id, trace.session_id, trace.user_id, trace.name) == ("t1", "s1", "u1", "shop")
    assert (trace.environment, trace.tags, trace.source) == ("production", ("shop",), "langfuse")
    assert (trace.start, trace.end, trace.latency) == (START, END, 2.1)
    assert [(turn.role, turn.text) for turn in trace.turns] == [("user", QUESTION), ("assistant", ANSWER)]
    assert (trace.input_tokens, trace.output_tokens, trace.cost) == (12, 6, 0.00004)
    assert (trace.is_error, trace.is_automation) == (False, False)
    [call] = trace.calls
    assert (call.span_id, call.model, call.prompt_name, call.prompt_version) == (
        "o1",
        "m-small",
        "support",
        "7",
    )


def test_a_row_of_traces_is_a_trace_as_far_as_it_goes() -> None:
    trace = build_one(make_trace())

    assert (trace.trace_id, trace.session_id, trace.user_id, trace.name) == ("t1", "s1", "u1", "shop")
    assert (trace.start, trace.end, trace.latency) == (START, None, None)
    assert [(turn.role, turn.text) for turn in trace.turns] == [("user", QUESTION), ("assistant", ANSWER)]
    assert (trace.calls, trace.input_tokens, trace.cost, trace.is_error) == ((), None, None, None)


def test_traces_and_observations_that_are_loaded_together_are_one_trace() -> None:
    rows = [make_trace(name="told by the trace", tags=["vip"]), make_observation()]

    for records in (rows, rows[::-1]):
        trace = build_one(*records)
        assert (trace.name, trace.tags) == ("told by the trace", ("vip", "shop"))
        assert (len(trace.turns), len(trace.calls), trace.end) == (2, 1, END)


def test_an_answer_of_the_api_is_one_trace() -> None:
    observation = {
        "id": "o1",
        "traceId": "t1",
        "type": "GENERATION",
        "parentObservationId": None,
        "startTime": "2026-08-01T09:00:00.000Z",
        "endTime": "2026-08-01T09:00:02.100Z",
        "model": "m-small",
        "usageDetails": {"input": 12, "output": 6, "total": 18},
        "costDetails": {"total": 0.00004},
        "totalCost": 0.00004,
        "level": "DEFAULT",
        "input": [{"role": "user", "content": QUESTION}],
        "output": {"role": "assistant", "content": ANSWER},
    }
    header = {
        "id": "t1",
        "name": "shop",
        "timestamp": "2026-08-01T09:00:00.000Z",
        "sessionId": "s1",
        "userId": "u1",
    }

    download = build_one({"trace": header, "observations": [observation]})
    public = build_one({**header, "observations": [observation], "htmlPath": "/project/p1/traces/t1"})
    page = build_one({"data": [{**observation, "traceName": "shop"}], "meta": {"page": 1}})

    for trace in (download, public, page):
        assert (trace.trace_id, trace.name, trace.models, trace.input_tokens) == (
            "t1",
            "shop",
            ("m-small",),
            12,
        )
        assert [(turn.role, turn.text) for turn in trace.turns] == [("user", QUESTION), ("assistant", ANSWER)]
    assert (download.session_id, public.user_id, page.session_id) == ("s1", "u1", "")


def test_the_columns_of_the_export_button_are_read_as_text() -> None:
    trace = build_one(
        {
            "id": "o1",
            "traceId": "t1",
            "traceName": "shop",
            "type": "GENERATION",
            "name": "answer",
            "startTime": "2026-08-01T09:00:00.000Z",
            "endTime": "2026-08-01T09:00:02.100Z",
            "providedModelName": "m-small",
            "usageDetails": '{"input":12,"output":6}',
            "costDetails": '{"total":0.00004}',
            "totalCost": "0.00004",
            "latencyMs": "2100",
            "tags": '["shop"]',
            "input": json.dumps([{"role": "user", "content": QUESTION}]),
            "output": json.dumps({"role": "assistant", "content": ANSWER}),
            "parentObservationId": "",
        }
    )

    assert (trace.name, trace.tags, trace.latency, trace.cost) == ("shop", ("shop",), 2.1, 0.00004)
    assert (trace.input_tokens, trace.output_tokens, trace.is_error) == (12, 6, None)
    assert trace.list_texts("user") == [QUESTION]


def test_values_of_parquet_are_read() -> None:
    trace = build_one(
        make_observation(
            start_time=START,
            end_time=END,
            total_cost=Decimal("0.000040000000"),
            cost_details={"total": Decimal("0.00004")},
            input=[{"role": "user", "content": QUESTION}],
        )
    )

    assert (trace.start, trace.end, trace.cost) == (START, END, 0.00004)
    assert trace.list_texts("user") == [QUESTION]


def test_a_row_that_was_exported_again_counts_once_as_it_was_last() -> None:
    early = make_observation(total_cost=None, cost_details={}, updated_at="2026-08-01T09:00:03Z")
    late = make_observation(updated_at="2026-08-01T09:05:00Z")

    for records in ([early, late], [late, early]):
        trace = build_one(*records)
        assert (len(trace.calls), trace.cost) == (1, 0.00004)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({}, (None, None)),
        ({"input": 12, "output": 6, "total": 18, "input_cached_tokens": 8}, (12, 6)),
        (
            {"input": 12, "output": 6, "input_cached_tokens": 8, "output_reasoning_tokens": 4, "total": 30},
            (20, 10),
        ),
        (
            {"input": 12, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 50, "output": 6},
            (162, 6),
        ),
        ({"input": "12"}, (12, None)),
    ],
)
def test_tokens_of_every_kind_are_added_unless_they_are_parts_of_others(
    usage: dict[str, object], tokens: tuple[int | None, int | None]
) -> None:
    trace = build_one(make_observation(usage_details=usage))

    assert (trace.input_tokens, trace.output_tokens) == tokens


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input": 12, "output": 6, "total": 18, "unit": "TOKENS", "inputCost": 1, "outputCost": 2}, (12, 6)),
        ({"input": 0, "output": 0, "total": 0, "unit": "TOKENS"}, (None, None)),
        ({"input": 120, "output": 60, "total": 180, "unit": "CHARACTERS"}, (None, None)),
    ],
)
def test_tokens_of_the_api_before_it_had_details(
    usage: dict[str, object], tokens: tuple[int | None, int | None]
) -> None:
    row = make_observation(usage=usage)
    del row["usage_details"]
    trace = build_one(row)

    assert (trace.input_tokens, trace.output_tokens) == tokens


def test_a_version_that_pandas_made_a_fraction_and_tags_that_are_a_text() -> None:
    trace = build_one(make_observation(prompt_version=7.0, tags="shop, vip"))

    assert (trace.calls[0].prompt_version, trace.tags) == ("7", ("shop", "vip"))


def test_nought_without_details_is_an_unknown_cost() -> None:
    assert build_one(make_observation(total_cost=0, cost_details={})).cost is None
    assert build_one(make_observation(total_cost=0, cost_details={"total": 0})).cost == 0
    assert build_one(make_observation(total_cost=None, cost_details={"input": 1, "output": 2})).cost == 3


def test_a_failure_is_told_with_its_message() -> None:
    trace = build_one(make_observation(level="ERROR", status_message="quota exceeded"))

    assert (trace.is_error, trace.error) == (True, "quota exceeded")


def test_what_langfuse_runs_itself_is_automation() -> None:
    assert build_one(make_observation(environment="langfuse-llm-as-a-judge")).is_automation
    assert build_one(make_trace(environment="langfuse-prompt-experiment")).is_automation


def test_scores_are_langfuses_but_no_traces() -> None:
    score = {
        "id": "s",
        "trace_id": "t1",
        "name": "helpful",
        "value": 1,
        "data_type": "NUMERIC",
        "source": "API",
    }

    assert build_all([score]) == []


def test_a_tool_that_found_nothing_has_a_result() -> None:
    tool = make_observation(id="o2", type="TOOL", name="find", input="{}", output="[]")
    assert [call.result for call in build_one(make_observation(), tool).tool_calls] == ["[]"]


def test_a_bad_time_says_which_field_and_what_it_holds() -> None:
    with pytest.raises(BadValueError, match=r"start_time must be a time, not 'yesterday'"):
        build_one(make_observation(start_time="yesterday"))


def test_a_trace_without_an_id_is_refused() -> None:
    record = {"trace": {"name": "shop"}, "observations": [{"type": "SPAN", "startTime": "2026-08-01"}]}

    with pytest.raises(BadValueError, match="the trace must have an id, not None"):
        build_all([record])


def test_the_export_of_real_conversations_agrees_with_what_is_expected(real_data: Path) -> None:
    folder = real_data / "conversations"
    with gzip.open(folder / "langfuse_observations.jsonl.gz", "rt") as file:
        traces = {trace.trace_id: trace for trace in build_all(map(json.loads, file))}
    expected = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]

    assert len(traces) == len(expected)
    for wanted in expected:
        trace = traces[wanted["trace_id"]]
        users, answers = trace.list_texts("user"), trace.list_texts("assistant")
        assert {
            "trace_id": trace.trace_id,
            "session_id": trace.session_id,
            "user_id": trace.user_id,
            "first_user_text": users[0],
            "user_turns": len(users),
            "last_assistant_text": answers[-1],
            "tool_calls": [call.name for call in trace.tool_calls],
            "model_calls": len(trace.calls),
            "input_tokens": trace.input_tokens,
            "output_tokens": trace.output_tokens,
            "total_cost_usd": pytest.approx(trace.cost),
            "start": trace.start and trace.start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "end": trace.end and trace.end.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "model": trace.models[0],
            "is_error": trace.is_error,
        } == wanted

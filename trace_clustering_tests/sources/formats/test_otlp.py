"""Spans of OTLP: ids, times, errors, agents, and which of them are traces."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.otlp import OTLP
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.sources.read_traces import read_traces
from trace_clustering.traces.trace import ToolCall
from trace_clustering_tests.sources.formats.building import build_one, build_traces
from trace_clustering_tests.sources.formats.otlp_building import SAID, build, list_said
from trace_clustering_tests.sources.formats.otlp_files import (
    START,
    TRACE_ID,
    make_chat,
    make_request,
    make_span,
    write_pairs,
)

BEGIN = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_ids_in_base64_are_those_in_hexadecimal() -> None:
    def encode(digits: str) -> str:
        return base64.b64encode(bytes.fromhex(digits)).decode()

    root = make_span("a" * 16, attributes={"gen_ai.operation.name": "invoke_agent"}, name="agent")
    child = make_chat("b" * 16, "a" * 16)
    coded = {**child, "traceId": encode(TRACE_ID), "spanId": encode("b" * 16)}
    coded["parentSpanId"] = encode("a" * 16)
    traces = build_traces(OTLP, [make_request(coded), make_request(root)])
    assert [(trace.trace_id, trace.name) for trace in traces] == [(TRACE_ID, "agent")]


def test_ids_in_capitals_are_the_same() -> None:
    loud = {**make_chat("2b"), "traceId": TRACE_ID.upper()}
    assert len(build(make_chat("1a"), loud).calls) == 2


@pytest.mark.parametrize("empty", ["0000000000000000", "", None])
def test_an_empty_parent_is_none(empty: str | None) -> None:
    root = make_chat(name="x") | {"parentSpanId": empty, "name": "root"}
    assert build(root).name == "root"


@pytest.mark.parametrize("time", [START, str(START), float(START), START // 1000, START // 10**6])
def test_times_are_numbers_in_any_unit(time: object) -> None:
    assert build({**make_chat(), "startTimeUnixNano": time}).start == BEGIN


@pytest.mark.parametrize("end", ["0", 0, None])
def test_a_span_without_an_end_has_no_latency(end: object) -> None:
    trace = build({**make_chat(), "endTimeUnixNano": end})
    assert (trace.calls[0].end, trace.calls[0].latency) == (None, None)
    assert trace.end == BEGIN


def test_an_agent_that_repeats_the_tokens_of_its_calls_is_not_counted() -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 30}
    trace = build(
        make_span("1a", attributes=agent),
        make_chat("2b", "1a", usage__input_tokens=10),
        make_chat("3c", "1a", usage__input_tokens=20),
    )
    assert (trace.input_tokens, len(trace.calls)) == (30, 2)


def test_an_agent_whose_calls_have_no_tokens_tells_them() -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 30}
    trace = build(make_span("1a", attributes=agent), make_chat("2b", "1a", usage__output_tokens=4))
    assert (trace.input_tokens, trace.output_tokens) == (30, 4)


def test_two_libraries_that_trace_one_call_are_one_call() -> None:
    trace = build(make_chat("1a", usage__input_tokens=10), make_chat("2b", "1a", usage__input_tokens=10))
    assert (len(trace.calls), trace.input_tokens) == (1, 10)


def test_embeddings_and_retrievals_are_no_turns_and_no_calls() -> None:
    embedding = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "e", "input.value": "parcel"}
    retrieval = {"openinference.span.kind": "RETRIEVER", "input.value": "parcel", "output.value": "shelves"}
    trace = build(make_span("1a", attributes=embedding), make_span("2b", attributes=retrieval))
    assert (trace.turns, trace.calls) == ((), ())


def test_the_error_of_a_tool_is_none_of_the_trace() -> None:
    call = {"type": "tool_call", "id": "c1", "name": "find", "arguments": {}}
    chat = make_chat("2b", output__messages=json.dumps([{"role": "assistant", "parts": [call]}]))
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find"}
    failed = {"status": {"code": 2, "message": "no such file"}}
    trace = build(chat, make_span("3c", attributes=attributes | {"gen_ai.tool.call.id": "c1"}, **failed))
    assert trace.tool_calls == (ToolCall("find", "{}", error="no such file", call_id="c1"),)
    assert (trace.is_error, trace.error) == (False, "")


@pytest.mark.parametrize("code", [2, "2", "STATUS_CODE_ERROR"])
def test_the_status_of_a_span_may_be_an_error(code: object) -> None:
    trace = build({**make_chat(), "status": {"code": code, "message": "budget exceeded"}})
    assert (trace.is_error, trace.error) == (True, "budget exceeded")


def test_an_exception_says_why() -> None:
    raised = [("exception", {"exception.type": "TimeoutError", "exception.message": "too slow"})]
    trace = build(make_span(events=raised, status={"code": 2}))
    assert trace.error == "too slow"


def test_an_exception_that_was_handled_is_no_error() -> None:
    raised = [("exception", {"exception.message": "too slow"})]
    trace = build(make_span(events=raised))
    assert (trace.is_error, trace.error) == (False, "")


def test_a_type_of_error_is_an_error() -> None:
    trace = build(
        make_chat(error="x") | {"attributes": write_pairs({"gen_ai.system": "o", "error.type": "429"})}
    )
    assert trace.error == "429"


def make_agents() -> list[dict[str, Any]]:
    asked = [{"role": "user", "parts": [{"type": "text", "content": "Search the shelves."}]}]
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": "s1"}
    return [
        make_span("1a", attributes=agent, name="main"),
        make_chat("2b", "1a", usage__input_tokens=10),
        make_span("3c", "1a", attributes=tool),
        make_span("4d", "3c", attributes={"gen_ai.operation.name": "invoke_agent"}, name="searcher"),
        make_chat("5e", "4d", input__messages=json.dumps(asked), usage__input_tokens=20),
    ]


def test_the_agent_of_a_tool_is_a_trace_of_its_own() -> None:
    main, searcher = build_traces(OTLP, [make_request(*make_agents())])
    assert (main.trace_id, main.is_automation, main.input_tokens) == (TRACE_ID, False, 10)
    assert main.list_texts("user") == ["Where is my parcel?"]
    assert (searcher.trace_id, searcher.is_automation) == (f"{TRACE_ID}/3c", True)
    assert (searcher.name, searcher.session_id, searcher.input_tokens) == ("searcher", "s1", 20)
    assert searcher.list_texts("user") == ["Search the shelves."]


def test_the_order_of_spans_and_files_does_not_matter() -> None:
    spans = [*make_agents(), make_chat("6f", "1a", usage__input_tokens=7)]
    forth = build_traces(OTLP, [make_request(*spans)])
    back = build_traces(OTLP, [make_request(span) for span in reversed(spans)])
    assert [vars(trace) for trace in forth] == [vars(trace) for trace in back]


def test_a_span_in_two_exports_counts_once_as_it_ended() -> None:
    begun = make_chat(usage__input_tokens=1) | {"endTimeUnixNano": "0"}
    ended = make_chat(usage__input_tokens=12)
    for pair in [(begun, ended), (ended, begun), (ended, ended)]:
        trace = build_one(OTLP, *map(make_request, pair))
        assert (len(trace.calls), trace.input_tokens, trace.latency) == (1, 12, 2.0)


def test_spans_that_are_parents_of_each_other_are_harmless() -> None:
    assert len(build(make_chat("1a", "2b"), make_chat("2b", "1a"), make_chat("3c", "3c")).turns) == 2


def test_spans_of_a_web_server_alone_are_no_trace() -> None:
    span = make_span(attributes={"http.method": "GET"}, name="GET /")
    assert build_traces(OTLP, [make_request(span)]) == []


def test_traces_without_a_language_model_are_counted(tmp_path: Path) -> None:
    server = make_span(attributes={"http.method": "GET"}, traceId="ab" * 16)
    (tmp_path / "spans.jsonl").write_text(json.dumps(make_request(make_chat(), server)))
    report = ReadReport()
    assert len(list(read_traces([tmp_path / "spans.jsonl"], report))) == 1
    assert report.left_out == {"traces of programs without a language model": 1}


def test_a_web_server_may_be_the_root() -> None:
    server = make_span("1a", attributes={"http.method": "POST", "user.id": "ann"}, name="POST /chat")
    trace = build(server, make_chat("2b", "1a"))
    assert (trace.name, trace.user_id, list_said(trace)) == ("POST /chat", "ann", SAID)


def test_the_resource_tells_environment_and_service() -> None:
    trace = build(make_chat(), **{"deployment.environment.name": "test", "service.name": "shop"})
    assert (trace.environment, trace.properties) == ("test", {"service.name": "shop"})


@pytest.mark.parametrize(
    "request_",
    [
        {"resourceSpans": []},
        {"resourceSpans": [None, 1, {"scopeSpans": {"spans": []}}]},
        {"resourceSpans": [{"resource": [], "scopeSpans": [{"spans": [{"traceId": [1]}, None]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "", "attributes": {}}]}]}]},
    ],
)
def test_what_is_no_span_is_left_out(request_: dict[str, Any]) -> None:
    assert OTLP.recognizes(request_)
    assert build_traces(OTLP, [request_]) == []


@pytest.mark.parametrize(
    ("field", "message"),
    [("startTimeUnixNano", "the start of a span must be a time, not 'noon'"), ("endTimeUnixNano", "the end")],
)
def test_a_bad_time_is_named(field: str, message: str) -> None:
    with pytest.raises(BadValueError, match=message):
        build({**make_chat(), field: "noon"})


def test_numbers_of_64_bits_may_be_two_halves() -> None:
    def halve(number: int) -> dict[str, Any]:
        low = number & 0xFFFFFFFF
        return {"low": low - 2**32 if low >= 2**31 else low, "high": number >> 32, "unsigned": True}

    tokens = {"key": "gen_ai.usage.input_tokens", "value": {"intValue": halve(187)}}
    chat = make_chat()
    trace = build(chat | {"attributes": [*chat["attributes"], tokens], "startTimeUnixNano": halve(START)})
    assert (trace.start, trace.input_tokens) == (BEGIN, 187)


@pytest.mark.parametrize("kind", ["GUARDRAIL", "EVALUATOR"])
def test_what_a_judge_asks_a_model_is_no_part_of_the_conversation(kind: str) -> None:
    asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Is this polite?"}]}])
    agent = make_span("1a", attributes={"gen_ai.operation.name": "invoke_agent"})
    judge = make_span("3c", "1a", attributes={"openinference.span.kind": kind})
    spans = [agent, make_chat("2b", "1a"), judge, make_chat("4d", "3c", input__messages=asked)]
    main, judged = build_traces(OTLP, [make_request(*spans)])
    assert (list_said(main), main.tool_calls, main.is_automation) == (SAID, (), False)
    assert (judged.list_texts("user"), judged.is_automation) == (["Is this polite?"], True)


def test_attributes_that_are_nested_too_deeply_are_a_bad_record() -> None:
    value: dict[str, Any] = {"stringValue": "deep"}
    for _ in range(2000):
        value = {"arrayValue": {"values": [value]}}
    chat = make_chat() | {"attributes": [{"key": "gen_ai.system", "value": value}]}
    with pytest.raises(BadValueError, match="attributes are nested too deeply"):
        build(chat)

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.otlp import OTLP
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.sources.read_traces import read_traces
from trace_clustering.traces.trace import ToolCall, Trace
from trace_clustering_tests.sources.formats.building import build_one, build_traces
from trace_clustering_tests.sources.formats.conversations import (
    CONVERSATIONS,
    build_conversations,
    list_differences,
)
from trace_clustering_tests.sources.formats.otlp_files import (
    ANSWER,
    ASK,
    SECOND,
    START,
    TRACE_ID,
    make_chat,
    make_request,
    make_span,
    write_pairs,
    write_value,
)

BEGIN = datetime(2026, 3, 1, 9, tzinfo=UTC)


def build(*spans: Mapping[str, Any], **resource: object) -> Trace:
    return build_one(OTLP, make_request(*spans, resource=resource))


def list_said(trace: Trace) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in trace.turns]


SAID = [("user", "Where is my parcel?"), ("assistant", "It is here.")]


def test_conversations(real_data: Path) -> None:
    traces = build_conversations(OTLP, real_data, "otlp_genai.jsonl.gz")
    assert len(traces) == CONVERSATIONS
    # The conventions have no cost.
    assert list_differences(traces, real_data, without=["total_cost_usd"]) == {}


def test_content_is_json_in_a_text() -> None:
    assert list_said(build(make_chat())) == SAID


def test_content_is_lists_of_values() -> None:
    attributes = {"gen_ai.operation.name": "chat"}
    span = make_span(attributes=attributes | {"gen_ai.input.messages": ASK, "gen_ai.output.messages": ANSWER})
    assert list_said(build(span)) == SAID


def test_instructions_are_a_turn_of_the_system() -> None:
    parts = json.dumps([{"type": "text", "content": "Be kind."}])
    assert list_said(build(make_chat(system_instructions=parts))) == [("system", "Be kind."), *SAID]


def test_content_is_on_the_event_of_the_details() -> None:
    details = {"gen_ai.input.messages": json.dumps(ASK), "gen_ai.output.messages": ANSWER}
    events = [("gen_ai.client.inference.operation.details", details)]
    assert list_said(build(make_span(events=events))) == SAID


def test_content_is_on_an_event_for_each_message() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    events: list[tuple[str, dict[str, object]]] = [
        ("gen_ai.system.message", {"content": "Be kind."}),
        ("gen_ai.user.message", {"content": "Where is my parcel?"}),
        ("gen_ai.assistant.message", {"tool_calls": json.dumps([call])}),
        ("gen_ai.tool.message", {"content": "shelf 7", "id": "c1"}),
        ("gen_ai.choice", {"index": 0, "message": json.dumps({"content": "It is here."})}),
    ]
    trace = build(make_span(events=events))
    assert [pair for pair in list_said(trace) if pair[1]] == [("system", "Be kind."), *SAID]
    assert trace.tool_calls == (ToolCall("find", "{}", "shelf 7", call_id="c1"),)


def test_content_is_json_on_the_events_of_older_libraries() -> None:
    def make_content(**message: object) -> dict[str, object]:
        return {"gen_ai.event.content": json.dumps(message)}

    events = [
        ("gen_ai.user.message", make_content(role="user", content="Where is my parcel?")),
        ("gen_ai.choice", make_content(index=0, message={"content": "It is here."})),
    ]
    assert list_said(build(make_span(events=events))) == SAID


def test_content_is_in_log_records() -> None:
    def make_log(position: int, name: str, body: object) -> dict[str, Any]:
        ids = {"traceId": TRACE_ID, "spanId": "b7ad6b7169203331"}
        return {**ids, "timeUnixNano": str(START + position), "eventName": name, "body": write_value(body)}

    records = [
        make_log(1, "gen_ai.choice", {"index": 0, "message": {"content": "It is here."}}),
        make_log(0, "gen_ai.user.message", {"content": "Where is my parcel?"}),
        make_log(2, "session.start", {"content": "no message"}),
    ]
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    assert OTLP.recognizes(logs)
    for requests in ([logs, make_request(make_span())], [logs | make_request(make_span())]):
        assert list_said(build_one(OTLP, *requests)) == SAID


def test_numbered_attributes_of_openllmetry_are_messages() -> None:
    attributes = {
        "llm.request.type": "chat",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Where is my parcel?",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "It is here.",
        "gen_ai.completion.0.tool_calls.0.id": "c1",
        "gen_ai.completion.0.tool_calls.0.name": "find",
        "gen_ai.completion.0.tool_calls.0.arguments": "{}",
        "gen_ai.usage.prompt_tokens": 12,
        "gen_ai.usage.completion_tokens": 6,
    }
    trace = build(make_span(attributes=attributes))
    assert list_said(trace) == SAID
    assert trace.tool_calls == (ToolCall("find", "{}", call_id="c1"),)
    assert (trace.input_tokens, trace.output_tokens) == (12, 6)


def test_numbered_attributes_of_openinference_are_messages() -> None:
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "small",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.contents.0.message_content.type": "text",
        "llm.input_messages.0.message.contents.0.message_content.text": "Where is my parcel?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "It is here.",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "find",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{}",
        "llm.token_count.prompt": 12,
        "llm.cost.total": 0.25,
    }
    trace = build(make_span(attributes=attributes))
    assert list_said(trace) == SAID
    assert trace.tool_calls == (ToolCall("find", "{}", call_id="c1"),)
    assert (trace.models, trace.input_tokens, trace.cost) == (("small",), 12, 0.25)


def test_numbers_of_messages_are_in_their_order() -> None:
    texts = {f"gen_ai.prompt.{n}.content": f"message {n}" for n in reversed(range(12))}
    trace = build(make_span(attributes={"llm.request.type": "chat", **texts}))
    assert trace.list_texts("user") == [f"message {n}" for n in range(12)]


def test_a_call_of_the_ai_sdk_is_read() -> None:
    call = {"toolCallId": "c1", "toolName": "find", "args": "{}"}
    attributes = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.prompt.messages": json.dumps([{"role": "user", "content": "Where is my parcel?"}]),
        "ai.response.text": "It is here.",
        "ai.response.toolCalls": json.dumps([call]),
        "ai.model.id": "small",
        "ai.usage.promptTokens": 12,
        "ai.telemetry.metadata.sessionId": "s1",
        "ai.telemetry.metadata.plan": "pro",
    }
    wrapper = {**attributes, "ai.operationId": "ai.generateText", "ai.response.toolCalls": "[]"}
    trace = build(make_span("1a", attributes=wrapper), make_span("2b", "1a", attributes=attributes))
    assert list_said(trace) == SAID
    assert [call.name for call in trace.tool_calls] == ["find"]
    assert (len(trace.calls), trace.input_tokens, trace.session_id) == (1, 12, "s1")
    assert trace.properties["plan"] == "pro"


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


def test_tools_are_told_where_no_content_was_recorded() -> None:
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find",
        "gen_ai.tool.call.arguments": {"id": 1},
        "gen_ai.tool.call.result": "here",
    }
    trace = build(make_span("1a"), make_span("2b", "1a", attributes=tool))
    assert trace.tool_calls == (ToolCall("find", '{"id": "1"}', "here"),)


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


def test_older_and_snake_case_names_are_read() -> None:
    old = make_request(make_chat())
    scopes = old["resourceSpans"][0].pop("scopeSpans")
    old["resourceSpans"][0]["instrumentationLibrarySpans"] = scopes
    assert list_said(build_one(OTLP, old)) == SAID
    span = {
        "trace_id": TRACE_ID,
        "span_id": "1a",
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + SECOND,
        "attributes": [{"key": "gen_ai.request.model", "value": {"string_value": "small"}}],
    }
    snake = {"resource_spans": [{"scope_spans": [{"spans": [span]}]}]}
    assert OTLP.recognizes(snake)
    assert build_one(OTLP, snake).latency == timedelta(seconds=1).total_seconds()


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


def test_calls_of_tools_may_be_json_in_a_numbered_attribute() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}]
    attributes = {
        "llm.request.type": "chat",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.tool_calls": json.dumps(calls),
    }
    assert build(make_span(attributes=attributes)).tool_calls == (ToolCall("find", "{}", call_id="c1"),)


def test_content_is_on_events_of_other_names() -> None:
    events = [
        ("gen_ai.input", {"gen_ai.input.messages": json.dumps(ASK)}),
        ("gen_ai.output", {"gen_ai.output.messages": json.dumps(ANSWER)}),
    ]
    assert list_said(build(make_span(events=events))) == SAID


def test_calls_within_one_millisecond_are_in_the_order_of_their_histories() -> None:
    more = [*ASK, *ANSWER, {"role": "user", "parts": [{"type": "text", "content": "Thanks!"}]}]
    first, second = make_chat("2b"), make_chat("1a", input__messages=json.dumps(more))
    last = [{"role": "assistant", "parts": [{"type": "text", "content": "You are welcome."}]}]
    second = make_chat("1a", input__messages=json.dumps(more), output__messages=json.dumps(last))
    assert list_said(build(second, first)) == [*SAID, ("user", "Thanks!"), ("assistant", "You are welcome.")]


def make_logfire(name: str, **message: object) -> dict[str, object]:
    return {"event.name": name, "gen_ai.message.index": 0, **message}


LOGFIRE = [
    make_logfire("gen_ai.user.message", content="Where is my parcel?", role="user"),
    make_logfire("gen_ai.choice", index=0, message={"role": "assistant", "content": "It is here."}),
]
GEMINI = {
    "config": {"temperature": 0},
    "contents": [{"role": "user", "parts": [{"text": "Where is my parcel?"}]}],
}
VOCABULARIES: dict[str, dict[str, object]] = {
    "Logfire": {"gen_ai.request.model": "small", "events": json.dumps(LOGFIRE)},
    "ADK": {
        "gen_ai.system": "gcp.vertex.agent",
        "gen_ai.request.model": "small",
        "gcp.vertex.agent.llm_request": json.dumps(GEMINI),
        "gcp.vertex.agent.llm_response": json.dumps(
            {"content": {"role": "model", "parts": [{"text": "It is here."}]}}
        ),
    },
    "MLflow": {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.spanInputs": json.dumps({"messages": [{"role": "user", "content": "Where is my parcel?"}]}),
        "mlflow.spanOutputs": json.dumps(
            {"choices": [{"message": {"role": "assistant", "content": "It is here."}}]}
        ),
    },
    "AI SDK 3": {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.prompt.messages": json.dumps([{"role": "user", "content": "Where is my parcel?"}]),
        "ai.result.text": "It is here.",
    },
    "semantic kernel": {
        "gen_ai.operation.name": "chat.completions",
        "gen_ai.request.model": "small",
        "gen_ai.prompt": json.dumps([{"role": "user", "content": "Where is my parcel?"}]),
        "gen_ai.completion": json.dumps([{"role": "assistant", "content": "It is here."}]),
    },
}


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_other_vocabularies_are_read(vocabulary: str) -> None:
    trace = build(make_span(attributes=VOCABULARIES[vocabulary]))
    assert list_said(trace) == SAID
    assert len(trace.calls) == 1


def test_a_tool_may_be_known_by_its_name_alone() -> None:
    tool = {"gen_ai.tool.name": "find", "tool_arguments": '{"id": 1}', "tool_response": "here"}
    trace = build(make_span("1a"), make_span("2b", "1a", attributes=tool))
    assert trace.tool_calls == (ToolCall("find", '{"id": 1}', "here"),)


def test_a_value_may_name_the_kinds_that_it_is_not() -> None:
    span = make_chat()
    for pair in span["attributes"]:
        pair["value"] = {"arrayValue": None, "stringValue": None, "boolValue": None} | pair["value"]
    assert list_said(build(span)) == SAID


def test_content_that_was_cut_is_read_as_far_as_it_goes() -> None:
    asked = json.dumps(ASK)
    trace = build(make_chat(input__messages=asked[: asked.index("parcel?")]))
    assert list_said(trace) == [("user", "Where is my …"), SAID[1]]


@pytest.mark.parametrize(("tokens", "total"), [(200, 200), (10, 115)])
def test_cached_tokens_are_input(tokens: int, total: int) -> None:
    cached = {"usage__cache_read__input_tokens": 100, "usage__cache_creation__input_tokens": 5}
    assert build(make_chat(usage__input_tokens=tokens, **cached)).input_tokens == total


def test_content_of_strands_is_on_the_message_of_the_choice() -> None:
    events = [
        ("gen_ai.user.message", {"content": json.dumps([{"text": "Where is my parcel?"}])}),
        ("gen_ai.choice", {"message": json.dumps([{"text": "It is here."}]), "finish_reason": "end_turn"}),
    ]
    assert list_said(build(make_span(events=events))) == SAID


@pytest.mark.parametrize("kind", ["GUARDRAIL", "EVALUATOR"])
def test_what_a_judge_asks_a_model_is_no_part_of_the_conversation(kind: str) -> None:
    asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Is this polite?"}]}])
    agent = make_span("1a", attributes={"gen_ai.operation.name": "invoke_agent"})
    judge = make_span("3c", "1a", attributes={"openinference.span.kind": kind})
    spans = [agent, make_chat("2b", "1a"), judge, make_chat("4d", "3c", input__messages=asked)]
    main, judged = build_traces(OTLP, [make_request(*spans)])
    assert (list_said(main), main.tool_calls, main.is_automation) == (SAID, (), False)
    assert (judged.list_texts("user"), judged.is_automation) == (["Is this polite?"], True)


def test_spans_of_langfuses_own_library_are_read() -> None:
    attributes = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "small",
        "langfuse.observation.input": json.dumps([{"role": "user", "content": "Where is my parcel?"}]),
        "langfuse.observation.output": json.dumps({"role": "assistant", "content": "It is here."}),
        "langfuse.observation.usage_details": json.dumps({"input": 12, "output": 6, "total": 18}),
        "langfuse.observation.cost_details": json.dumps({"total": 0.25}),
        "langfuse.observation.level": "ERROR",
        "langfuse.observation.status_message": "too slow",
        "langfuse.trace.name": "shop",
        "langfuse.trace.tags": ["vip"],
        "langfuse.trace.metadata.plan": "pro",
        "langfuse.environment": "test",
        "session.id": "s1",
    }
    trace = build(make_span(attributes=attributes))
    assert (list_said(trace), trace.models, trace.name) == (SAID, ("small",), "shop")
    assert (trace.input_tokens, trace.output_tokens, trace.cost) == (12, 6, 0.25)
    assert (trace.is_error, trace.error, trace.environment) == (True, "too slow", "test")
    assert (trace.session_id, trace.tags, trace.properties) == ("s1", ("vip",), {"plan": "pro"})


def test_tokens_of_mlflow_are_read() -> None:
    usage = json.dumps({"input_tokens": 12, "output_tokens": 6, "total_tokens": 18})
    trace = build(make_span(attributes={"mlflow.spanType": '"LLM"', "mlflow.chat.tokenUsage": usage}))
    assert (trace.input_tokens, trace.output_tokens) == (12, 6)


def test_a_trace_of_tempo_is_read() -> None:
    trace = {"batches": make_request(make_chat())["resourceSpans"]}
    assert OTLP.recognizes(trace)
    assert list_said(build_one(OTLP, trace)) == SAID
    assert not OTLP.recognizes({"batches": [{"id": 1}]})
    assert not OTLP.recognizes({"batches": []})


def test_attributes_that_are_nested_too_deeply_are_a_bad_record() -> None:
    value: dict[str, Any] = {"stringValue": "deep"}
    for _ in range(2000):
        value = {"arrayValue": {"values": [value]}}
    chat = make_chat() | {"attributes": [{"key": "gen_ai.system", "value": value}]}
    with pytest.raises(BadValueError, match="attributes are nested too deeply"):
        build(chat)

"""What was said, in the names that each library gives it in OTLP."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.sources.formats.otlp import OTLP
from trace_clustering.traces.trace import ToolCall
from trace_clustering_tests.sources.formats.building import build_one
from trace_clustering_tests.sources.formats.conversations import (
    CONVERSATIONS,
    build_conversations,
    list_differences,
)
from trace_clustering_tests.sources.formats.otlp_building import SAID, build, list_said
from trace_clustering_tests.sources.formats.otlp_files import (
    ANSWER,
    ASK,
    SECOND,
    START,
    TRACE_ID,
    make_chat,
    make_request,
    make_span,
    write_value,
)

BEGIN = datetime(2026, 3, 1, 9, tzinfo=UTC)


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


def test_tools_are_told_where_no_content_was_recorded() -> None:
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find",
        "gen_ai.tool.call.arguments": {"id": 1},
        "gen_ai.tool.call.result": "here",
    }
    trace = build(make_span("1a"), make_span("2b", "1a", attributes=tool))
    assert trace.tool_calls == (ToolCall("find", '{"id": "1"}', "here"),)


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

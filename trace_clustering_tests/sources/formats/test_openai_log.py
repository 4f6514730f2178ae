"""Logs of requests, made up by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.openai_log import OPENAI_LOG
from trace_clustering_tests.sources.formats.building import build_one, build_traces

ASK = {"role": "user", "content": "Where is my parcel?"}
ANSWER = {"role": "assistant", "content": "It is on its way."}
THANKS, WELCOME = {"role": "user", "content": "Thanks"}, {"role": "assistant", "content": "Welcome"}


def log(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the record of a request, of which the last message is the answer."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    response = {"model": "m-small", "choices": [{"message": messages[-1]}], "usage": usage}
    return {"request": {"messages": list(messages[:-1])}, "response": response, **more}


def test_a_log_of_requests_gives_the_answer_its_tokens_and_its_time() -> None:
    response = {
        "model": "m-small-2026",
        "created": 1736986200,
        "choices": [{"message": ANSWER}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 6},
    }
    record = {"request": {"model": "m-small", "user": "u1", "messages": [ASK]}, "response": response}
    trace = build_one(OPENAI_LOG, record)
    assert [turn.text for turn in trace.turns] == ["Where is my parcel?", "It is on its way."]
    assert (trace.models, trace.user_id) == (("m-small-2026",), "u1")
    assert (trace.input_tokens, trace.output_tokens) == (12, 6)
    assert (trace.calls[0].input_tokens, trace.calls[0].output_tokens) == (12, 6)
    assert trace.start == datetime(2025, 1, 16, 0, 10, tzinfo=UTC)
    assert trace.is_error is False


def test_a_log_of_requests_to_anthropic_counts_the_cache_as_input() -> None:
    usage = {"input_tokens": 2, "cache_read_input_tokens": 10, "output_tokens": 6}
    response = {"role": "assistant", "content": [{"type": "text", "text": "On its way."}], "usage": usage}
    request = {"system": "Be kind.", "messages": [ASK]}
    trace = build_one(OPENAI_LOG, {"request": request, "response": response})
    assert [turn.text for turn in trace.turns] == ["Be kind.", "Where is my parcel?", "On its way."]
    assert (trace.input_tokens, trace.output_tokens) == (12, 6)


def test_a_failed_request_is_an_error() -> None:
    record = {"request": {"messages": [ASK]}, "response": {"error": {"message": "Rate limit reached"}}}
    trace = build_one(OPENAI_LOG, record)
    assert (trace.is_error, trace.error) == (True, "Rate limit reached")


@pytest.mark.parametrize("is_timed", [True, False])
def test_requests_of_one_conversation_count_each_message_once(is_timed: bool) -> None:
    first = log(ASK, ANSWER, conversation_id="c1", id="r1")
    second = log(ASK, ANSWER, THANKS, WELCOME, conversation_id="c1", id="r2")
    if is_timed:
        first, second = {**first, "timestamp": 1736986200}, {**second, "timestamp": 1736986260}
    for rows in ([first, second], [second, first]):
        trace = build_one(OPENAI_LOG, *rows)
        texts = ["Where is my parcel?", "It is on its way.", "Thanks", "Welcome"]
        assert [turn.text for turn in trace.turns] == texts
        assert (trace.trace_id, trace.session_id) == ("c1", "c1")
        assert (len(trace.calls), trace.input_tokens, trace.output_tokens) == (2, 20, 10)


def test_requests_of_no_conversation_are_traces_of_their_own() -> None:
    traces = build_traces(OPENAI_LOG, [log(ASK, ANSWER, id="r1"), log(ASK, ANSWER, id="r2")])
    assert [trace.trace_id for trace in traces] == ["r1", "r2"]


def test_times_latency_and_cost_in_their_units() -> None:
    more = {"startTime": 1736986200000, "latency_ms": 1500, "response_cost": "0.25", "plan": "free"}
    trace = build_one(OPENAI_LOG, log(ASK, ANSWER, **more))
    assert (trace.calls[0].latency, trace.cost) == (1.5, 0.25)
    assert trace.start == datetime(2025, 1, 16, 0, 10, tzinfo=UTC)
    assert trace.end == datetime(2025, 1, 16, 0, 10, 1, 500000, tzinfo=UTC)
    assert trace.properties == {"plan": "free"}
    between = {"start_time": "2026-08-01T09:00:00Z", "end_time": "2026-08-01T09:00:02Z"}
    assert build_one(OPENAI_LOG, log(ASK, ANSWER, **between)).calls[0].latency == 2.0


def test_the_request_may_be_a_body_or_the_record_itself() -> None:
    answered = log(ASK, ANSWER)["response"]
    for record in (
        {"custom_id": "q1", "body": {"messages": [ASK]}, "response": {"body": answered}},
        {"custom_id": "q1", "messages": [ASK], "response": answered},
    ):
        assert OPENAI_LOG.recognizes(record)
        trace = build_one(OPENAI_LOG, record)
        assert (trace.trace_id, len(trace.turns), trace.output_tokens) == ("q1", 2, 5)


def test_the_answer_may_be_its_text() -> None:
    trace = build_one(OPENAI_LOG, {"messages": [ASK], "response": "It is on its way."})
    assert trace.list_texts("assistant") == ["It is on its way."]


def test_a_bad_number_is_named_where_it_is_read() -> None:
    with pytest.raises(BadValueError, match="latency_ms must be a number, not 'slow'"):
        list(OPENAI_LOG.split(log(ASK, ANSWER, latency_ms="slow")))

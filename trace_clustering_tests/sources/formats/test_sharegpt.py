"""ShareGPT and its kin, made up by hand."""

import json

from trace_clustering.sources.formats.sharegpt import SHAREGPT
from trace_clustering.traces.trace import ToolCall, Turn
from trace_clustering_tests.sources.formats.building import build_one

ASK = {"from": "human", "value": "What is the weather in Bern?"}


def test_calls_as_a_list_stand_with_their_results() -> None:
    calls = [{"id": "c1", "name": "weather", "arguments": '{"city": "Bern"}'}]
    turns = [
        ASK,
        {"from": "gpt", "value": json.dumps(calls)},
        {"from": "tool", "value": "rain"},
        {"from": "gpt", "value": "It rains."},
    ]
    trace = build_one(SHAREGPT, {"id": "1", "conversations": turns})
    assert trace.tool_calls == (ToolCall("weather", '{"city": "Bern"}', "rain", call_id="c1"),)
    assert trace.list_texts("assistant") == ["It rains."]
    assert len(trace.calls) == 2


def test_calls_that_are_marked_in_a_text_are_taken_out_of_it() -> None:
    call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Bern"}}\n</tool_call>'
    turns = [
        ASK,
        {"from": "gpt", "value": f"Let me look.\n{call}"},
        {"from": "tool", "value": "<tool_response>\nrain\n</tool_response>"},
    ]
    trace = build_one(SHAREGPT, {"conversations": turns})
    assert trace.turns[-1] == Turn(
        "assistant", "Let me look.", (ToolCall("weather", '{"city": "Bern"}', "rain"),)
    )


def test_a_function_call_of_its_own_speaker() -> None:
    turns = [
        ASK,
        {"from": "function_call", "value": '{"name": "weather", "arguments": {"city": "Bern"}}'},
        {"from": "observation", "value": "rain"},
    ]
    trace = build_one(SHAREGPT, {"conversations": turns})
    assert trace.tool_calls == (ToolCall("weather", '{"city": "Bern"}', "rain"),)


def test_an_answer_in_json_stays_a_text() -> None:
    answer = '{"name": "Bern", "weather": "rain"}'
    trace = build_one(SHAREGPT, {"conversations": [ASK, {"from": "gpt", "value": answer}]})
    assert trace.turns[-1] == Turn("assistant", answer)


def test_a_marked_call_that_is_no_json_stays_a_text() -> None:
    answer = "<tool_call>weather, please</tool_call>"
    trace = build_one(SHAREGPT, {"conversations": [ASK, {"from": "gpt", "value": answer}]})
    assert trace.turns[-1] == Turn("assistant", answer)


def test_the_system_prompt_may_stand_apart() -> None:
    trace = build_one(SHAREGPT, {"system": "Be kind.", "conversations": [ASK]})
    assert trace.turns[0] == Turn("system", "Be kind.")


def test_openai_messages_under_this_name() -> None:
    trace = build_one(SHAREGPT, {"conversations": [{"role": "user", "content": "Hello there"}]})
    assert trace.list_texts("user") == ["Hello there"]

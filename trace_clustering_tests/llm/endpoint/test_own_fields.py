"""What the endpoint put on its own answers is given back with them, and nothing of an answer is lost."""

import json
from typing import Any

import pytest

from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import FINALIZE, OVERVIEW, labels_all
from trace_clustering_tests.llm.llm_server import Call, Fails, Request, Says, in_turn, says

SIGNATURE = {"extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}
WORK = (says(OVERVIEW), labels_all, says(FINALIZE))


def refusal(message: str, status: int = 400) -> Fails:
    return Fails(status, json.dumps({"error": {"message": message}}))


@pytest.mark.parametrize(
    "fields",
    [SIGNATURE, {"thought_signature": "x" * 4000}, {"function": {"thought_signature": "inside"}}],
    ids=["extra_content", "long", "inside the function"],
)
def test_fields_of_a_call_are_given_back_with_it(labeling: Labeling, fields: dict[str, Any]) -> None:
    def model(request: Request) -> Any:
        calls = [call for message in request.messages for call in message.get("tool_calls") or []]
        if not all(holds(call, fields) for call in calls):
            return refusal("Function call is missing a thought_signature in functionCall parts")
        return with_fields(script(request), fields)

    script = in_turn(*WORK)
    result, server = labeling.run(model)
    assert result.report["ended"] == "finalized by the agent"
    assert len(result.labels) == 5
    assert len(server.requests) == 3


def holds(given: dict[str, Any], fields: dict[str, Any]) -> bool:
    return (
        all(
            holds(given[name], value) if isinstance(value, dict) else given.get(name) == value
            for name, value in fields.items()
            if name in given or not isinstance(value, dict)
        )
        and fields.keys() <= given.keys()
    )


def with_fields(reply: Any, fields: dict[str, Any]) -> Any:
    """Put fields on every call of a reply."""
    if not isinstance(reply, Says):
        return reply
    calls = []
    for call in reply.calls:
        own = dict(fields)
        if "function" in fields:
            arguments = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
            own["function"] = {"name": call.name, "arguments": arguments, **fields["function"]}
        calls.append(Call(call.name, call.arguments, fields=own))
    return Says(tuple(calls), reply.text)


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "The kettles are alike."},
        {"reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.encrypted", "data": "b64"}]},
        {"some_field_of_tomorrow": {"a": [1, 2]}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_fields_of_an_answer_are_given_back_with_it(labeling: Labeling, fields: dict[str, Any]) -> None:
    talk = Says(text="Let me see.", fields=fields)
    look = Says((OVERVIEW,), fields=fields)
    result, server = labeling.run(in_turn(talk, look, labels_all, says(FINALIZE)))
    assert len(result.labels) == 5
    for answer in (server.requests[1].messages[2], server.requests[2].messages[4]):
        assert {name: answer.get(name) for name in fields} == fields
    assert "refusal" not in server.requests[1].messages[2]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_field_that_is_not_taken_back_is_left_out(labeling: Labeling, name: str) -> None:
    def model(request: Request) -> Any:
        if any(name in message for message in request.messages):
            return refusal(f"property '{name}' is unsupported, did you mean 'role'?")
        return script(request)

    script = in_turn(Says((OVERVIEW,), fields={name: "thought"}), labels_all, says(FINALIZE))
    result, server = labeling.run(model)
    assert len(result.labels) == 5
    assert len(server.requests) == 4


def test_an_id_that_holds_more_than_an_id_is_given_back_as_it_came(labeling: Labeling) -> None:
    long = "call_1__thought__" + "c2lnbmVk" * 100
    look = says(Call("get_clusters_overview", {}, long))
    _, server = labeling.run(in_turn(look, labels_all, says(FINALIZE)))
    assert server.requests[1].messages[2]["tool_calls"][0]["id"] == long
    assert server.requests[1].messages[3]["tool_call_id"] == long


def test_a_content_of_parts_is_given_back_as_parts(labeling: Labeling) -> None:
    parts = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "Let me see."},
    ]
    result, server = labeling.run(in_turn(Says(fields={"content": parts}), *WORK))
    assert server.requests[1].messages[2]["content"] == parts
    assert len(result.labels) == 5


def test_long_arguments_may_be_left_out_but_not_what_stands_beside_them(labeling: Labeling) -> None:
    def label_with_signature(request: Request) -> Says:
        (call,) = labels_all(request).calls
        return Says((Call(call.name, {**call.arguments, "note": "x" * 40_000}, fields=SIGNATURE),))

    _, server = labeling.run(in_turn(says(OVERVIEW), label_with_signature, says(FINALIZE)))
    call = server.requests[2].messages[-2]["tool_calls"][0]
    assert call["extra_content"] == SIGNATURE["extra_content"]
    assert len(call["function"]["arguments"]) < 40_000


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 1000, "completion_tokens": 50},
        {"prompt_tokens": 1000.0, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": None}},
        {"input_tokens": 1000, "output_tokens": 50},
    ],
)
def test_tokens_are_those_that_the_endpoint_counts(labeling: Labeling, usage: dict[str, Any]) -> None:
    result, _ = labeling.run(in_turn(Says((OVERVIEW,), usage=usage)), max_requests=2)
    assert result.report["prompt_tokens"] == 2000
    assert result.report["completion_tokens"] == 100
    assert not result.report["tokens_estimated"]

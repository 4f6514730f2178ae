"""An endpoint that refuses a parameter, or demands one, gets its requests as it takes them."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.resource import LLM
from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import FINALIZE, OVERVIEW, labels_all
from trace_clustering_tests.llm.llm_server import RESPONSES, Fails, Model, Reply, Request, in_turn, says

WORK = (says(OVERVIEW), labels_all, says(FINALIZE))


def refusal(message: str, status: int = 400, **more: Any) -> Fails:
    return Fails(status, json.dumps({"error": {"message": message, "type": "invalid_request_error", **more}}))


def guard(find_fault: Callable[[Request], Fails | None], *replies: Reply | Model) -> Model:
    """A model behind an endpoint that refuses some requests."""
    model = in_turn(*(replies or WORK))
    return lambda request: find_fault(request) or model(request)


def takes_no(name: str, refused: Fails) -> Callable[[Request], Fails | None]:
    return lambda request: refused if name in request.body else None


FORBIDDEN = {
    "detail": [
        {
            "type": "extra_forbidden",
            "loc": ["body", "max_completion_tokens"],
            "msg": "Extra inputs are not permitted",
            "input": {"model": "x", "temperature": 0.5, "tool_choice": "auto"},
        }
    ]
}
NO_LIMIT_OF_THAT_NAME = [
    pytest.param(Fails(422, json.dumps(FORBIDDEN)), id="422 by place"),
    pytest.param(
        refusal("Unsupported parameter: 'max_completion_tokens'. Use 'max_tokens' instead."), id="by message"
    ),
    pytest.param(refusal("Unknown argument", param="max_completion_tokens"), id="by the field param"),
    pytest.param(
        Fails(400, "unknown field max_completion_tokens", content_type="text/plain"), id="plain text"
    ),
    pytest.param(refusal("max_tokens: Field required", 422), id="the other is demanded"),
]


@pytest.mark.parametrize("refused", NO_LIMIT_OF_THAT_NAME)
def test_the_other_name_of_the_limit_is_used_and_told_once(
    labeling: Labeling, refused: Fails, caplog: pytest.LogCaptureFixture
) -> None:
    result, server = labeling.run(guard(takes_no("max_completion_tokens", refused)), temperature=0.5)
    assert len(result.labels) == 5
    assert result.report["ended"] == "finalized by the agent"
    assert result.report["requests"] == len(server.requests) == 4
    assert all(request.body["max_tokens"] == 20_000 for request in server.requests[1:])
    assert all(request.body["temperature"] == 0.5 for request in server.requests)
    told = [
        record for record in caplog.records if "max_tokens instead of max_completion_tokens" in record.message
    ]
    assert len(told) == 1
    assert told[0].levelno == logging.WARNING


def test_an_endpoint_may_take_no_limit_of_any_name(labeling: Labeling) -> None:
    def find_fault(request: Request) -> Fails | None:
        named = [name for name in ("max_tokens", "max_completion_tokens") if name in request.body]
        return refusal(f"Unrecognized request argument supplied: {named[0]}") if named else None

    result, server = labeling.run(guard(find_fault))
    assert len(result.labels) == 5
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        (
            {"temperature": 0.2},
            refusal(
                "Unsupported value: 'temperature' does not support 0.2 with this model.", param="temperature"
            ),
        ),
        ({"temperature": 0.0}, Fails(422, json.dumps({"detail": [{"loc": ["body", "temperature"]}]}))),
        (
            {"request_parameters": {"parallel_tool_calls": False}},
            refusal("'parallel_tool_calls' is not supported with this model"),
        ),
        ({"request_parameters": {"tool_choice": "auto"}}, refusal("tool choice is not implemented")),
        ({"request_parameters": {"reasoning_effort": "low"}}, refusal("unknown parameter reasoning_effort")),
        ({"request_parameters": {"top_k": 5}}, refusal("property 'top_k' is unsupported")),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_refused_parameter_is_left_out_for_the_run(
    labeling: Labeling, settings: dict[str, Any], refused: Fails, caplog: pytest.LogCaptureFixture
) -> None:
    name = next(iter(settings.get("request_parameters", settings)))
    result, server = labeling.run(guard(takes_no(name, refused)), **settings)
    assert len(result.labels) == 5
    assert [name in request.body for request in server.requests] == [True, False, False, False]
    assert caplog.text.count(f"it gets no {name}") == 1


def test_what_is_refused_is_remembered_when_labels_are_verified(labeling: Labeling) -> None:
    refused = takes_no("temperature", refusal("temperature is not supported"))
    script = guard(refused, *WORK, says(text="no idea"))
    _, server = labeling.run(script, temperature=0.5, verify_labels=True)
    assert ["temperature" in request.body for request in server.requests] == [True, *[False] * 4]


ONLY_WITHOUT_REASONING = refusal(
    "Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions. To use "
    "function tools, use /v1/responses or set reasoning_effort to 'none'."
)


@pytest.mark.parametrize("settings", [{}, {"model": "gpt-5.5", "request_parameters": {"seed": 7}}])
def test_where_tools_need_it_reasoning_is_switched_off(labeling: Labeling, settings: dict[str, Any]) -> None:
    def find_fault(request: Request) -> Fails | None:
        return None if request.body.get("reasoning_effort") == "none" else ONLY_WITHOUT_REASONING

    result, server = labeling.run(guard(find_fault), **settings)
    assert len(result.labels) == 5
    assert len(server.requests) == 4


def test_who_asks_for_reasoning_gets_it_at_the_responses_api(labeling: Labeling) -> None:
    def find_fault(request: Request) -> Fails | None:
        return None if request.path == RESPONSES else ONLY_WITHOUT_REASONING

    result, server = labeling.run(guard(find_fault), request_parameters={"reasoning_effort": "high"})
    assert len(result.labels) == 5
    assert [request.path == RESPONSES for request in server.requests] == [False, True, True, True]
    assert server.requests[1].body["reasoning"] == {"effort": "high"}


@pytest.mark.parametrize(
    "refused",
    [
        refusal("This model is only supported in v1/responses and not in v1/chat/completions.", 404),
        refusal("gpt-5-codex is only available in the Responses API"),
    ],
)
def test_a_model_of_the_responses_api_works(labeling: Labeling, refused: Fails) -> None:
    def find_fault(request: Request) -> Fails | None:
        return None if request.path == RESPONSES else refused

    hello = says(text="Let me see.")
    result, server = labeling.run(guard(find_fault, hello, *WORK))
    assert len(result.labels) == 5
    last = server.requests[-1]
    assert last.path == RESPONSES
    assert last.body["store"] is False
    assert last.body["max_output_tokens"] == 20_000
    assert last.body["tools"][0]["name"] == "get_clusters_overview"
    answers = [message for message in last.messages if message["role"] == "assistant"]
    assert answers[0]["content"] == "Let me see."
    assert [answer["reasoning"][0]["encrypted_content"] for answer in answers] == [
        "thought 2",
        "thought 4",
        "thought 6",
    ]
    counted = sum(request.characters // 4 for request in server.requests[1:])
    assert result.report["prompt_tokens"] == counted


def test_a_responses_api_that_encrypts_no_reasoning_works_too(labeling: Labeling) -> None:
    def find_fault(request: Request) -> Fails | None:
        if request.path != RESPONSES:
            return refusal("use /v1/responses")
        return (
            refusal("Encrypted content is not supported", param="include")
            if "include" in request.body
            else None
        )

    result, _ = labeling.run(guard(find_fault))
    assert len(result.labels) == 5


@pytest.mark.parametrize(
    "message",
    ["System role not supported", "Unsupported value: 'messages[0].role' does not support 'system'"],
)
def test_rules_go_into_the_users_message_where_there_is_no_system(labeling: Labeling, message: str) -> None:
    def find_fault(request: Request) -> Fails | None:
        return refusal(message) if request.messages[0]["role"] == "system" else None

    result, server = labeling.run(guard(find_fault))
    assert len(result.labels) == 5
    assert server.requests[1].messages[0]["content"].startswith("You name groups of traces")


def test_an_endpoint_that_wants_tool_choice_required_gets_it(labeling: Labeling) -> None:
    def find_fault(request: Request) -> Fails | None:
        if request.body.get("tool_choice") == "required":
            return None
        return refusal(
            '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
        )

    result, _ = labeling.run(guard(find_fault))
    assert len(result.labels) == 5


def test_an_endpoint_that_takes_no_null_gets_an_empty_text(labeling: Labeling) -> None:
    detail = {"loc": ["body", "messages", 2, "content"], "msg": "Input should be a valid string"}

    def find_fault(request: Request) -> Fails | None:
        has_null = any(message["content"] is None for message in request.messages)
        return Fails(422, json.dumps({"detail": [detail]})) if has_null else None

    result, _ = labeling.run(guard(find_fault))
    assert len(result.labels) == 5


@pytest.mark.parametrize("message", ["unknown parameter", "the model does not support tools", "bad request"])
def test_a_refusal_that_names_nothing_ends_the_work_at_once(labeling: Labeling, message: str) -> None:
    result, server = labeling.run(in_turn(refusal(message)))
    assert len(server.requests) == 1
    assert message in result.report["ended"]


def test_an_endpoint_that_names_a_parameter_for_ever_is_given_up(labeling: Labeling) -> None:
    result, server = labeling.run(in_turn(refusal("temperature and max_tokens and max_completion_tokens")))
    assert 2 <= len(server.requests) < 8
    assert "400" in result.report["ended"]


def test_further_parameters_are_sent_with_each_request(labeling: Labeling) -> None:
    more = {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False}}
    _, server = labeling.run(in_turn(*WORK), request_parameters=more)
    assert all(more.items() <= request.body.items() for request in server.requests)


@pytest.mark.parametrize("name", ["messages", "max_tokens", "stream", "tools"])
def test_a_parameter_that_other_settings_decide_is_refused(name: str) -> None:
    with pytest.raises(InvalidSettingsError, match=f"request_parameters holds '{name}'"):
        LLM(request_parameters={name: "secret"})

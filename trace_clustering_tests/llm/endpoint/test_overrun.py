"""An endpoint with a small context is asked for less, and the log names the settings."""

import json
import re
from typing import Any

import pytest

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.endpoint.overrun import Overrun, read_overrun
from trace_clustering.llm.resource import LLM
from trace_clustering_tests.labeling.clusterings import clustering
from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import FINALIZE, OVERVIEW, SAMPLES, labels_all
from trace_clustering_tests.llm.llm_server import Call, Fails, Model, Request, Says, in_turn, says

WORK = (says(OVERVIEW), labels_all, says(FINALIZE))
ASKED = 20_000

REFUSALS = {
    "maximum context length is 16384 tokens. However, you requested 21296 tokens (1296 in the messages, "
    "20000 in the completion).": Overrun(max_total=16384, prompt=1296),
    "'max_tokens' or 'max_completion_tokens' is too large: 20000. This model's maximum context length is "
    "16384 tokens and your request has 1296 input tokens": Overrun(max_total=16384, prompt=1296),
    "maximum context length is 16,384 tokens. However, you requested 20000 output tokens and your prompt "
    "contains at least 1,297 input tokens": Overrun(max_total=16384, prompt=1297),
    "maximum context length of 16384 tokens. You requested a total of 21296 tokens: 1296 tokens from the "
    "input messages and 20000 tokens for the completion.": Overrun(max_total=16384, prompt=1296),
    "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 1296 `inputs` tokens and 20000 "
    "`max_new_tokens`": Overrun(max_total=4096, prompt=1296),
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000": Overrun(
        max_total=200_000, prompt=190_000
    ),
    "request (7500 tokens) exceeds the available context size (4096 tokens)": Overrun(
        max_total=4096, prompt=7500
    ),
    "prompt is too long: 210000 tokens > 200000 maximum": Overrun(max_total=200_000, prompt=210_000),
    "Prompt contains 40000 tokens, too large for model with 32768 maximum context length": Overrun(
        max_total=32768, prompt=40_000
    ),
    "The input token count (40000) exceeds the maximum number of tokens allowed (32768).": Overrun(
        max_total=32768, prompt=40_000
    ),
    "Request too large on tokens per minute (TPM): Limit 6000, Requested 7500": Overrun(max_total=6000),
    "max_tokens is too large: 20000. This model supports at most 16384 completion tokens": Overrun(
        max_answer=16384
    ),
    "max_tokens: 20000 > 8192, which is the maximum allowed number of output tokens": Overrun(
        max_answer=8192
    ),
    "`max_tokens` must be less than or equal to `8192`": Overrun(max_answer=8192),
    "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]": Overrun(max_answer=8192),
    "You requested up to 20000 max_tokens, but can only afford 1200": Overrun(max_answer=1200),
    "Input is too long for requested model.": Overrun(is_of_prompt=True),
    "Your input exceeds the context window of this model.": Overrun(is_of_prompt=True),
    "no user query found in messages": Overrun(is_of_prompt=True),
}


@pytest.mark.parametrize(("message", "overrun"), REFUSALS.items(), ids=lambda value: str(value)[:40])
def test_numbers_are_read_from_what_endpoints_say(message: str, overrun: Overrun) -> None:
    text = re.sub(r"(?<=\d),(?=\d{3})", "", message.lower())
    assert read_overrun(text, 400, ASKED) == overrun


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.",
        "max_completion_tokens: Extra inputs are not permitted",
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only 1 is supported.",
        "Incorrect API key provided",
        "Too many tools: at most 5 are allowed",
    ],
)
def test_other_refusals_are_not_taken_for_one_of_length(message: str) -> None:
    assert read_overrun(message.lower(), 400, ASKED) is None


def has_context(tokens: int, say: Any, model: Model) -> Model:
    """A model behind an endpoint with a small context; a token is four characters."""

    def serve(request: Request) -> Any:
        prompt = request.characters // 4
        asked = request.body["max_completion_tokens"]
        return say(prompt, asked) if prompt + asked > tokens else model(request)

    return serve


def refuse(message: str, status: int = 400) -> Fails:
    return Fails(status, json.dumps({"error": {"message": message}}))


@pytest.mark.parametrize("tokens", [16_384, 8_192])
def test_the_answer_becomes_shorter_if_that_helps(
    labeling: Labeling, tokens: int, caplog: pytest.LogCaptureFixture
) -> None:
    def say(prompt: int, asked: int) -> Fails:
        return refuse(
            f"This model's maximum context length is {tokens} tokens. However, you requested "
            f"{prompt + asked} tokens ({prompt} in the messages, {asked} in the completion)."
        )

    result, server = labeling.run(has_context(tokens, say, in_turn(*WORK)))
    assert len(result.labels) == 5
    assert len(server.requests) <= 6
    assert server.requests[1].body["max_completion_tokens"] > tokens // 2
    assert "max_answer_tokens" in caplog.text


def patient(request: Request) -> Says:
    """A model that looks again where it was told that a result is too long."""
    results = request.results()
    if not results:
        return says(OVERVIEW, SAMPLES)
    if any("too long" in str(result) for result in results):
        return says(OVERVIEW)
    return says(FINALIZE) if "set" in results[0][0] else labels_all(request)


@pytest.mark.parametrize("tokens", [4_096, 6_000])
@pytest.mark.parametrize("form", ["llama.cpp", "vLLM"])
def test_requests_become_shorter_where_a_shorter_answer_cannot_help(
    labeling: Labeling, tokens: int, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    def say(prompt: int, asked: int) -> Fails:
        if form == "llama.cpp":
            return refuse(f"request ({prompt} tokens) exceeds the available context size ({tokens} tokens)")
        return refuse(
            f"This model's maximum context length is {tokens} tokens. However, you requested {asked} output "
            f"tokens and your prompt contains at least {prompt} input tokens."
        )

    labeling.assignments, labeling.projection, labeling.summaries = clustering(12, 30, noise=20)
    result, server = labeling.run(has_context(tokens, say, patient))
    assert len(result.labels) == 13
    assert result.report["ended"] == "finalized by the agent"
    assert "max_request_characters" in caplog.text
    assert len(server.requests) <= 30


@pytest.mark.parametrize(
    "refused",
    [
        refuse("Input is too long for requested model."),
        Fails(413, "<html>413 Request Entity Too Large</html>", content_type="text/html"),
        refuse("no user query found in messages", 500),
    ],
    ids=["no number", "413", "a query that was cut away"],
)
def test_requests_become_shorter_without_a_number(labeling: Labeling, refused: Fails) -> None:
    model = in_turn(says(OVERVIEW, SAMPLES), labels_all, says(FINALIZE))
    limit = 16_000
    result, server = labeling.run(lambda request: refused if request.characters > limit else model(request))
    assert len(result.labels) == 5
    assert max(request.characters for request in server.requests[-2:]) <= limit


def test_a_context_in_which_nothing_fits_ends_the_work(labeling: Labeling) -> None:
    say = refuse("Your input exceeds the context window of this model.")
    result, server = labeling.run(in_turn(say))
    assert len(server.requests) <= 3
    assert "context window" in result.report["ended"]


def test_checks_of_labels_become_shorter_too(labeling: Labeling) -> None:
    def model(request: Request) -> Any:
        if request.body["tools"][0]["function"]["name"] != "assign_traces":
            return script(request)
        if request.characters > 14_000:
            return refuse("Your input exceeds the context window of this model.")
        rows = json.loads(request.messages[1]["content"])["traces"]
        return says_assignments(rows)

    labeling.assignments, labeling.projection, labeling.summaries = clustering(12, 40, noise=20)
    script = in_turn(*WORK)
    result, _ = labeling.run(model, verify_labels=True, verification_samples=10)
    assert len(result.accuracies) == 13


def says_assignments(rows: list[dict[str, Any]]) -> Says:
    return says(
        Call("assign_traces", {"assignments": [{"trace": row["trace"], "cluster_id": 0} for row in rows]})
    )


def test_requests_may_be_as_short_as_small_models_need(labeling: Labeling) -> None:
    result, server = labeling.run(in_turn(*WORK), max_request_characters=10_000)
    assert len(result.labels) == 5
    assert max(request.characters for request in server.requests) <= 10_000
    with pytest.raises(InvalidSettingsError, match="max_request_characters = 9999"):
        LLM(max_request_characters=9_999)


@pytest.mark.parametrize(("counted", "warns"), [(400, True), (2_000, False)])
def test_a_prompt_that_was_cut_is_warned_of_once(
    labeling: Labeling, counted: int, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    usage = {"prompt_tokens": counted, "completion_tokens": 10}

    def model(request: Request) -> Says:
        reply = script(request)
        assert isinstance(reply, Says)
        return Says(reply.calls, usage=usage)

    script = in_turn(*WORK)
    labeling.run(model)
    assert caplog.text.count("OLLAMA_CONTEXT_LENGTH") == int(warns)

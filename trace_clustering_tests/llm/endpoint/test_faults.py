"""Whatever goes wrong with the endpoint or the model: every cluster ends with a label."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from trace_clustering.errors import LLMUnavailableError
from trace_clustering.labeling.agent.run import Attempt
from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import (
    FINALIZE,
    OVERVIEW,
    bulk,
    finalizes_at_once,
    label,
    labels_all,
    never_finalizes,
)
from trace_clustering_tests.llm.llm_server import (
    KEY,
    Call,
    Drops,
    Fails,
    Hangs,
    Reply,
    Says,
    in_turn,
    says,
)

LIMITED = Fails(
    429, '{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}', {"Retry-After": "0.02"}
)
HTML = Fails(200, "<html>welcome</html>", content_type="text/html")
FIRST_OF_TWO = Attempt(is_first=True, is_last=False)
LAST_OF_TWO = Attempt(is_first=False, is_last=True)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(LIMITED, id="429"),
        pytest.param(Fails(500), id="500"),
        pytest.param(Fails(503, "busy", content_type="text/plain"), id="503 in plain text"),
        pytest.param(Hangs(), id="time-out"),
        pytest.param(Hangs(drips=True), id="slow drip"),
        pytest.param(Drops(), id="dropped connection"),
        pytest.param(Fails(200, '{"choices": [{"mess'), id="cut JSON"),
        pytest.param(Fails(200, "[]"), id="a list"),
        pytest.param(Fails(200, "{}"), id="an empty object"),
        pytest.param(Fails(200, '{"choices": null}'), id="null choices"),
        pytest.param(Fails(200, '{"choices": []}'), id="no choices"),
        pytest.param(Fails(200, '{"error": {"message": "overloaded"}}'), id="an error with status 200"),
        pytest.param(HTML, id="HTML"),
    ],
)
def test_a_fault_of_the_endpoint_is_tried_again(labeling: Labeling, fault: Reply) -> None:
    script = (fault, says(OVERVIEW), fault, labels_all, says(FINALIZE))
    patience = 1.5 if isinstance(fault, Hangs) else 60
    result, server = labeling.run(in_turn(*script), request_timeout_seconds=patience)
    assert len(result.labels) == 5
    assert result.report["ended"] == "finalized by the agent"
    assert result.report["requests"] == len(server.requests) == 5


@pytest.mark.parametrize("fault", [Fails(500), LIMITED, Drops(), HTML], ids=["500", "429", "dropped", "HTML"])
def test_labels_that_are_set_outlive_an_endpoint_that_stays_down(labeling: Labeling, fault: Reply) -> None:
    some = says(bulk([label(0, "Broken kettles"), label(2, "Tax rates")]))
    result, server = labeling.run(in_turn(some, fault), FIRST_OF_TWO, max_retries=2)
    labels = labeling.put_together(result)
    assert labels.labelers.tolist() == ["agent", "fallback", "agent", "fallback", "fallback"]
    assert labels.titles[[0, 2, 4]].tolist() == ["Broken kettles", "Tax rates", "Outliers"]
    terms = labeling.prepare().terms
    assert labels.titles[[1, 3]].tolist() == [f"Cluster {c} ({', '.join(terms[c][:3])})" for c in (1, 3)]
    assert labels.descriptions[1].startswith("- 10 of 44 traces (23%)\n- Distinguishing terms: ")
    assert len(server.requests) == 4
    assert "endpoint" in result.report["ended"]


def test_an_endpoint_that_is_down_from_the_start_fails_the_attempt_but_not_the_last(
    labeling: Labeling,
) -> None:
    with pytest.raises(LLMUnavailableError, match=r"No cluster has a label.*OPENAI_BASE_URL") as error:
        labeling.run(in_turn(Fails(500)), FIRST_OF_TWO, max_retries=1)
    assert error.value.retryable
    assert error.value.__cause__ is None
    result, _ = labeling.run(in_turn(Fails(500)), LAST_OF_TWO, max_retries=1)
    labels = labeling.put_together(result)
    terms = labeling.prepare().terms
    named = [f"Cluster {c} ({', '.join(terms[c][:3])})" for c in range(4)]
    assert labels.titles.tolist() == [*named, "Outliers"]
    assert set(labels.labelers) == {"fallback"}
    assert "500" in result.report["ended"]


def test_nobody_listening_is_an_endpoint_that_is_down(labeling: Labeling) -> None:
    server = labeling.serve(finalizes_at_once())
    server._server.server_close()
    with pytest.raises(LLMUnavailableError, match="connection"):
        labeling.run_with(
            labeling.llm(server, max_retries=0),
            FIRST_OF_TWO,
        )


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/v1", "http://no-such-host.invalid:{port}/v1"])
def test_no_tokens_are_counted_for_requests_that_never_connected(labeling: Labeling, address: str) -> None:
    server = labeling.serve(finalizes_at_once())
    server._server.server_close()
    port = server._server.server_port
    result = labeling.run_with(labeling.llm(server, base_url=address.format(port=port), max_retries=2))
    assert result is not None
    assert result.report["requests"] == 3
    assert result.report["prompt_tokens"] == result.report["completion_tokens"] == 0
    assert not result.report["tokens_estimated"]


@pytest.mark.parametrize("fault", [Drops(), HTML], ids=["dropped", "HTML"])
def test_tokens_are_estimated_for_requests_that_were_sent(labeling: Labeling, fault: Reply) -> None:
    result, _ = labeling.run(in_turn(fault), max_retries=0)
    assert result.report["prompt_tokens"] > 0
    assert result.report["tokens_estimated"]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, f"Incorrect API key provided: {KEY}"),
        (403, "not for you"),
        (404, "The model `gpt-x` does not exist"),
        (400, "unknown parameter"),
    ],
)
def test_a_refusal_is_not_tried_again_and_fails_no_run(
    labeling: Labeling, status: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = Fails(status, f'{{"error": {{"message": "{message}"}}}}')
    result, server = labeling.run(in_turn(refusal), FIRST_OF_TWO)
    assert len(server.requests) == 1
    assert set(labeling.put_together(result).labelers) == {"fallback"}
    assert str(status) in result.report["ended"]
    assert "5 of 5 clusters have no label of the agent" in caplog.text
    assert KEY not in caplog.text + str(result)


def test_a_spent_quota_is_a_refusal(labeling: Labeling) -> None:
    spent = Fails(429, '{"error": {"message": "no credit left", "code": "insufficient_quota"}}')
    result, server = labeling.run(in_turn(spent), FIRST_OF_TWO)
    assert len(server.requests) == 1
    assert "no credit left" in result.report["ended"]


def test_an_endpoint_is_given_the_time_it_asks_for(
    labeling: Labeling, caplog: pytest.LogCaptureFixture
) -> None:
    busy = Fails(429, '{"error": {"message": "slow down"}}', {"Retry-After": "0.3"})
    labeling.run(in_turn(busy, Fails(500), says(OVERVIEW), labels_all, says(FINALIZE)))
    first, second = [
        record.getMessage() for record in caplog.records if "trying again" in record.getMessage()
    ]
    assert "429: slow down; trying again in 0.3 s (1 of 4)" in first
    assert "500: something broke; trying again in 0.02 s (2 of 4)" in second


def test_an_endpoint_that_asks_for_more_time_than_is_left_is_not_waited_for(labeling: Labeling) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    busy = Fails(429, "{}", {"Retry-After": later})
    some = says(bulk([label(0, "Broken kettles")]))
    result, server = labeling.run(in_turn(some, busy))
    assert len(server.requests) == 2
    assert list(result.labels) == [0]
    assert "more time than is left" in result.report["ended"]


# Models that misbehave


@pytest.mark.parametrize(
    ("call", "says_what_to_do"),
    [
        (Call("delete_everything"), "there is no such tool"),
        (Call("bad name!"), "there is no such tool"),
        (Call("set_cluster_label", '{"cluster_id": 1, "title": "Cut'), "not a JSON object"),
        (Call("set_cluster_label", '{"cluster_id": NaN}'), "not a JSON object"),
        (Call("set_cluster_label", ""), "Field required"),
        (
            Call("set_cluster_label", {"cluster_id": "one", "title": "Tax", "description": "- x"}),
            "valid integer",
        ),
        (
            Call("set_cluster_label", {"cluster_id": 99, "title": "Tax", "description": "- x"}),
            "no cluster 99",
        ),
        (Call("set_cluster_label", {"cluster_id": 1, "title": "", "description": "- x"}), "title is empty"),
        (Call("set_cluster_label", label(1, "x" * 121)), "at most 120"),
        (Call("set_cluster_label", label(1, "Cluster 1")), "says nothing"),
        (Call("set_cluster_label", label(1, "Outliers")), "reserved"),
        (Call("set_cluster_label", {"cluster_id": 1, "title": "\ud800"}), "Field required"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_a_wrong_call_gets_an_answer_to_act_on(labeling: Labeling, call: Call, says_what_to_do: str) -> None:
    result, server = labeling.run(in_turn(says(call), says(OVERVIEW), labels_all, says(FINALIZE)))
    (answer,) = server.requests[1].results()
    assert says_what_to_do in answer["error"]
    assert len(result.labels) == 5
    assert len(server.requests) == 4


def test_arguments_that_are_no_object_are_answered_with_a_reminder(labeling: Labeling) -> None:
    wrong = says(Call("set_cluster_label", "[1, 2]"))
    result, server = labeling.run(in_turn(wrong, says(OVERVIEW), labels_all, says(FINALIZE)))
    assert "arguments that are a JSON object" in server.requests[1].messages[-1]["content"]
    assert len(server.requests) == 4
    assert len(result.labels) == 5


@pytest.mark.parametrize("identity", [None, "", "the same", "x" * 200])
def test_calls_without_an_id_of_their_own_are_answered_nonetheless(
    labeling: Labeling, identity: str | None
) -> None:
    looks = [Call("get_clusters_overview", {}, identity), Call("get_current_labels", {}, identity)]
    result, server = labeling.run(in_turn(says(*looks), labels_all, says(FINALIZE)))
    assert len(server.requests[1].results()) == 2
    assert len(result.labels) == 5


@pytest.mark.parametrize("text", [None, "", "I have labelled everything. Goodbye!", "\ud800"])
def test_a_model_that_only_talks_is_reminded_and_then_left_alone(
    labeling: Labeling, text: str | None
) -> None:
    result, server = labeling.run(in_turn(says(text=text)))
    assert len(server.requests) == 3
    assert "call finalize_labels" in server.requests[1].messages[-1]["content"]
    assert set(labeling.put_together(result).labelers) == {"fallback"}
    assert result.report["ended"] == "the model stopped calling tools"


def test_a_model_that_talks_first_can_still_work(labeling: Labeling) -> None:
    hello = says(text="Hello!")
    result, _ = labeling.run(
        in_turn(hello, hello, says(OVERVIEW), hello, hello, says(OVERVIEW), labels_all, says(FINALIZE))
    )
    assert len(result.labels) == 5


def test_a_model_that_never_finalizes_is_stopped(labeling: Labeling) -> None:
    result, server = labeling.run(never_finalizes())
    assert len(server.requests) == 50
    assert set(labeling.put_together(result).labelers) == {"fallback"}
    assert "max_iterations = 50" in result.report["ended"]
    assert max(request.characters for request in server.requests) <= 60_000


def test_a_model_that_finalizes_at_once_is_asked_to_label_first(labeling: Labeling) -> None:
    result, server = labeling.run(finalizes_at_once())
    assert len(server.requests) == 4
    assert server.requests[1].results()[0][1]["cluster_ids"] == [0, 1, 2, 3, -1]
    assert set(labeling.put_together(result).labelers) == {"fallback"}


def test_an_answer_that_was_cut_off_loses_only_what_was_cut(labeling: Labeling) -> None:
    cut = Says((Call("bulk_set_labels", '{"labels": [{"cluster_id": 0, '),), finish_reason="length")
    result, _ = labeling.run(in_turn(cut, says(OVERVIEW), labels_all, says(FINALIZE)))
    assert len(result.labels) == 5


def test_without_counts_of_the_endpoint_tokens_are_estimated_and_said_to_be(labeling: Labeling) -> None:
    def silent(reply: Any) -> Any:
        return lambda request: Says((reply(request) if callable(reply) else reply).calls, counts_tokens=False)

    result, server = labeling.run(in_turn(*map(silent, (says(OVERVIEW), labels_all, says(FINALIZE)))))
    counted = sum(request.characters for request in server.requests) / 4
    assert result.report["tokens_estimated"]
    assert result.report["prompt_tokens"] == pytest.approx(counted, rel=0.25)
    assert result.report["completion_tokens"] > 0

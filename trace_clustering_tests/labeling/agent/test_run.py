"""The agent with sensible models: two phases, bounded requests, and what it says about itself."""

import logging
from typing import Any

import pytest

from trace_clustering.llm.resource import LLM
from trace_clustering_tests.labeling.clusterings import clustering
from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import FINALIZE, OVERVIEW, bulk, label, labels_all, sensible
from trace_clustering_tests.llm.llm_server import KEY, Call, in_turn, says

EVERYTHING_AND_END = (says(OVERVIEW), labels_all, says(FINALIZE))


def test_forty_clusters_of_a_thousand_traces_take_few_bounded_requests(labeling: Labeling) -> None:
    labeling.assignments, labeling.projection, labeling.summaries = clustering(40, 24, noise=40)
    result, server = labeling.run(sensible())
    assert len(labeling.assignments) == 1000
    assert len(server.requests) <= 12
    assert max(request.characters for request in server.requests) <= 60_000
    labels = labeling.put_together(result)
    assert set(labels.labelers) == {"agent"}
    assert result.report == {
        "model": "gpt-5.1",
        "ended": "finalized by the agent",
        "requests": len(server.requests),
        "prompt_tokens": sum(request.characters // 4 for request in server.requests),
        "completion_tokens": result.report["completion_tokens"],
        "cost_usd": None,
        "tokens_estimated": False,
    }
    # These figures stand in the README of labeling/.
    assert 40_000 < result.report["prompt_tokens"] < 60_000
    assert 2_000 < result.report["completion_tokens"] < 4_000


def test_the_titles_are_about_the_traces(labeling: Labeling) -> None:
    result, _ = labeling.run(sensible())
    labels = labeling.put_together(result)
    for cluster, title in zip(labels.cluster_ids[:-1], labels.titles, strict=False):
        rows = labeling.assignments.rank_members(cluster)
        of_a_trace = labeling.summaries[labeling.assignments.trace_ids[rows[0]]]["title"].casefold()
        assert all(word in of_a_trace for word in title.casefold().split()[:3])
    assert labels.titles[-1] == "Outliers"


def test_calls_beside_finalize_count_wherever_they_stand(labeling: Labeling) -> None:
    def ends_and_labels(request: Any) -> Any:
        return says(FINALIZE, *labels_all(request).calls)

    result, server = labeling.run(in_turn(says(OVERVIEW), ends_and_labels))
    assert len(result.labels) == 5
    assert len(server.requests) == 2


def test_many_calls_in_one_message_are_all_answered(labeling: Labeling) -> None:
    looks = [Call("get_cluster_trace_titles", {"cluster_id": cluster}) for cluster in range(4)]
    result, server = labeling.run(in_turn(says(OVERVIEW, *looks), labels_all, says(FINALIZE)))
    assert [len(answer) for answer in server.requests[1].results()] == [5, 10, 10, 10, 10]
    assert result.report["ended"] == "finalized by the agent"


def test_only_the_first_of_too_many_calls_in_one_message_are_answered(labeling: Labeling) -> None:
    _, server = labeling.run(in_turn(says(OVERVIEW, *[OVERVIEW] * 200), labels_all, says(FINALIZE)))
    assert len(server.requests[1].results()) == 20
    assert server.requests[1].characters < 60_000


def test_titles_that_are_nearly_equal_are_pointed_out_until_they_are_resolved(labeling: Labeling) -> None:
    alike = [label(0, "Refunds for broken kettles"), label(1, "Refund of a broken kettle")]
    others = [label(2, "Tax rates"), label(3, "Password resets"), label(-1, "Outliers")]
    mended = Call("set_cluster_label", label(1, "Lost parcels"))
    result, server = labeling.run(in_turn(says(bulk(alike + others)), says(FINALIZE), says(mended, FINALIZE)))
    (answer,) = server.requests[2].results()
    assert answer[0] == {"finalized": False}
    assert answer[1]["titles"] == {"0": "Refunds for broken kettles", "1": "Refund of a broken kettle"}
    assert result.labels[1].title == "Lost parcels"
    assert len(server.requests) == 3


def test_titles_that_stay_equal_get_a_distinguishing_term(labeling: Labeling) -> None:
    equal = [label(cluster, "Customer requests") for cluster in range(4)]
    result, server = labeling.run(in_turn(says(bulk([*equal, label(-1, "Outliers")])), says(FINALIZE)))
    assert len(server.requests) == 5  # three refusals, then the end
    labels = labeling.put_together(result)
    assert labels.titles[0] == "Customer requests"
    for title in labels.titles[1:4]:
        assert title.startswith("Customer requests (")
    assert set(labels.labelers) == {"agent"}


def test_every_iteration_is_logged_without_texts_or_key(
    labeling: Labeling, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    labeling.run(in_turn(*EVERYTHING_AND_END))
    lines = [r.getMessage() for r in caplog.records if r.name == "labeling"]
    assert lines[0].startswith("Labeling, iteration 1: get_clusters_overview; 0 of 5 clusters have labels")
    assert lines[1].startswith("Labeling, iteration 2: bulk_set_labels; 5 of 5 clusters have labels")
    assert "tokens in 3 requests" in lines[2]
    assert "merchant" not in " ".join(lines)
    assert KEY not in " ".join(lines)


def test_without_key_and_address_there_is_no_agent(labeling: Labeling) -> None:
    assert labeling.run_with(LLM()) is None


def test_keywords_can_be_asked_for_in_spite_of_a_key(labeling: Labeling) -> None:
    assert labeling.run_with(LLM(labeler="keywords", api_key=KEY)) is None


def test_a_local_server_needs_no_key(labeling: Labeling) -> None:
    _, server = labeling.run(in_turn(*EVERYTHING_AND_END), api_key="")
    assert {request.authorization for request in server.requests} == {"Bearer no-key"}


def test_the_environment_is_read_when_the_run_starts(
    labeling: Labeling, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = LLM(model="tiny")
    server = labeling.serve(in_turn(*EVERYTHING_AND_END))
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment\n")
    result = labeling.run_with(llm)
    assert len(result.labels) == 5
    assert {request.authorization for request in server.requests} == {"Bearer sk-of-the-environment"}
    assert {request.body["model"] for request in server.requests} == {"tiny"}


def test_the_temperature_is_sent_only_if_it_is_set(labeling: Labeling) -> None:
    _, server = labeling.run(in_turn(*EVERYTHING_AND_END))
    assert "temperature" not in server.requests[0].body
    _, server = labeling.run(in_turn(*EVERYTHING_AND_END), model="tiny", temperature=0.0)
    assert server.requests[0].body["temperature"] == 0

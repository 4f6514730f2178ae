"""A model that sees only the labels assigns traces that the agent has not seen."""

import json
from typing import Any

import numpy as np
import pytest

from trace_clustering.labeling.agent.evidence import gather_evidence
from trace_clustering_tests.labeling.clusterings import clustering, prepare_clustering
from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import FINALIZE, OVERVIEW, finalizes_at_once, labels_all, sensible
from trace_clustering_tests.llm.llm_server import Call, Fails, Model, Request, Says, in_turn, says

AGENT = (says(OVERVIEW), labels_all, says(FINALIZE))


def is_verification(request: Request) -> bool:
    return request.body["tools"][0]["function"]["name"] == "assign_traces"


def judge(choose: Any) -> Model:
    """A model that assigns each trace to the cluster that `choose` returns for it."""

    def model(request: Request) -> Says:
        given = json.loads(request.messages[1]["content"])
        assignments = [
            {"trace": row["trace"], "cluster_id": choose(row, given["clusters"])} for row in given["traces"]
        ]
        return says(Call("assign_traces", {"assignments": assignments}))

    return model


def by_words(row: dict[str, Any], clusters: list[dict[str, Any]]) -> int:
    """The cluster whose title shares most words with that of the trace, else the outliers."""
    words = set(row["title"].lower().split())
    shared = {c["cluster_id"]: len(words & set(c["title"].lower().split())) for c in clusters}
    best = max(shared, key=lambda cluster: shared[cluster])
    return best if shared[best] else -1


def test_good_labels_are_found_to_be_good(labeling: Labeling) -> None:
    agent = sensible()

    def model(request: Request) -> Any:
        return judge(by_words)(request) if is_verification(request) else agent(request)

    result, server = labeling.run(model, verify_labels=True)
    assert set(result.accuracies) == {0, 1, 2, 3, -1}
    assert all(result.accuracies[cluster] == 1 for cluster in range(4))
    assert sum(map(is_verification, server.requests)) == 1
    assert result.report["requests"] == len(server.requests)
    accuracies = labeling.put_together(result).accuracies
    assert accuracies.dtype == np.float32
    assert accuracies[:4].tolist() == [1, 1, 1, 1]


def test_the_share_is_that_of_each_cluster(labeling: Labeling) -> None:
    def choose(row: dict[str, Any], _: Any) -> int:
        return 0 if row["trace"] % 2 == 0 else 3

    result, _ = labeling.run(in_turn(*AGENT, judge(choose)), verify_labels=True)
    # Two held-out traces of each cluster of ten, one of the four outliers, numbered in the order of clusters.
    assert result.accuracies == {0: 0.5, 1: 0, 2: 0, 3: 0.5, -1: 0}


def test_the_agent_does_not_see_what_is_held_out(labeling: Labeling) -> None:
    held_out = labeling.prepare(5).held_out
    looks = [Call("get_cluster_trace_titles", {"cluster_id": c, "limit": 100}) for c in (0, 1, 2, 3, -1)]
    script = (says(OVERVIEW, *looks), says(OVERVIEW), labels_all, says(FINALIZE), judge(by_words))
    _, server = labeling.run(in_turn(*script), verify_labels=True)
    assert len(held_out) == 9
    titles = {trace.summary["title"] for trace in held_out}
    for request in server.requests:
        assert is_verification(request) == any(title in request.text for title in titles)


@pytest.mark.parametrize(
    "answer",
    [
        Fails(500),
        Fails(401),
        says(text="all fine"),
        says(Call("assign_traces", {"assignments": "none"})),
        says(
            Call(
                "assign_traces",
                {"assignments": [7, {"trace": "zero", "cluster_id": 1}, {"trace": 999, "cluster_id": 0}]},
            )
        ),
        says(Call("assign_traces", "{")),
        says(Call("assign_traces", "[]")),
    ],
    ids=["500", "401", "text", "no list", "wrong rows", "cut JSON", "a list"],
)
def test_a_check_that_fails_loses_no_label(labeling: Labeling, answer: Any) -> None:
    result, _ = labeling.run(in_turn(*AGENT, answer), verify_labels=True, max_retries=1)
    assert len(result.labels) == 5
    assert result.accuracies == {}
    assert result.report["ended"] == "finalized by the agent"
    assert np.isnan(labeling.put_together(result).accuracies).all()
    again, _ = labeling.run(judge(by_words), verify_labels=True)
    assert len(again.accuracies) == 5


def test_the_check_keeps_to_the_limits(labeling: Labeling) -> None:
    result, server = labeling.run(in_turn(*AGENT, judge(by_words)), verify_labels=True, max_requests=3)
    assert not any(map(is_verification, server.requests))
    assert len(result.labels) == 5


def test_large_checks_take_few_bounded_requests(labeling: Labeling) -> None:
    labeling.assignments, labeling.projection, labeling.summaries = clustering(40, 40, noise=40)
    script = in_turn(*AGENT, judge(by_words))
    result, server = labeling.run(script, verify_labels=True, verification_samples=10)
    checks = [request for request in server.requests if is_verification(request)]
    assert 2 <= len(checks) <= 10
    assert max(request.characters for request in checks) <= 60_000
    assert len(result.accuracies) == 41


def test_another_model_can_check(labeling: Labeling) -> None:
    script = in_turn(*AGENT, judge(by_words))
    _, server = labeling.run(script, verify_labels=True, verification_model="cheap")
    assert [request.body["model"] for request in server.requests] == ["gpt-5.1"] * 3 + ["cheap"]


def test_stored_labels_are_checked_once(labeling: Labeling) -> None:
    labeling.run(in_turn(*AGENT))
    checked, server = labeling.run(judge(by_words), verify_labels=True)
    assert len(server.requests) == 1
    again, server = labeling.run(finalizes_at_once(), verify_labels=True)
    assert server.requests == []
    assert again.accuracies == checked.accuracies


@pytest.mark.parametrize(("size", "held"), [(1, 0), (3, 0), (4, 1), (5, 1), (12, 3), (100, 5)])
def test_a_quarter_of_a_cluster_is_held_out_at_most_and_never_the_most_typical(size: int, held: int) -> None:
    assignments, projection, summaries = clustering(2, size, noise=0)
    prepared = prepare_clustering(assignments, projection, summaries, 5)
    assert [trace.cluster_id for trace in prepared.held_out] == [0] * held + [1] * held
    assert prepare_clustering(assignments, projection, summaries, 5).held_out == prepared.held_out
    evidence = gather_evidence(prepared)
    assert [len(c.trace_ids) for c in evidence.clusters.values()] == [size - held] * 2
    assert [c.size for c in evidence.clusters.values()] == [size] * 2
    assert evidence.clusters[0].trace_ids[0] == assignments.trace_ids[0]

"""The agent works around the labels that stand: it sees them and cannot change them."""

import json
from typing import Any

from trace_clustering.artifacts.clusters import ClusterLabel
from trace_clustering.labeling.agent.run import AgentLabels, run_labeling_agent
from trace_clustering.labeling.fixed import FixedLabel
from trace_clustering.labeling.label import generate_cluster_labels
from trace_clustering.llm.resource import LLM
from trace_clustering_tests.labeling.conftest import ONLY_ATTEMPT, Labeling
from trace_clustering_tests.labeling.models import FINALIZE, OVERVIEW, SAMPLES, bulk, finalizes_at_once, label
from trace_clustering_tests.llm.llm_server import Call, Fails, LLMServer, Model, Request, in_turn, says

BEFORE = ClusterLabel("Refunds for broken kettles", "- As before.")
THREE = {0: BEFORE, 1: ClusterLabel("Lost parcels", "- B"), 3: ClusterLabel("Import taxes", "- C")}
ALL = {**THREE, 2: ClusterLabel("Password resets", "- D")}


def run(
    labeling: Labeling, model: Model, fixed: dict[int, ClusterLabel], **settings: Any
) -> tuple[AgentLabels, LLMServer]:
    server = labeling.serve(model)
    llm = labeling.llm(server, **settings)
    result = run_labeling_agent(
        labeling.prepare(llm.verification_samples if llm.verify_labels else 0),
        llm.connection(),
        llm=llm,
        store=labeling.store(),
        attempt=ONLY_ATTEMPT,
        seconds=600,
        log=labeling.log,
        fixed=fixed,
    )
    assert result is not None
    return result, server


def test_only_the_others_are_asked_for_and_the_fixed_are_shown(labeling: Labeling) -> None:
    mine = says(bulk([label(2, "Newsletter drafts"), label(-1, "Outliers")]))
    looks = says(OVERVIEW, SAMPLES, Call("get_current_labels"))
    result, server = run(labeling, in_turn(looks, mine, says(FINALIZE)), THREE)
    assert set(result.labels) == {2, -1}
    assert result.report["ended"] == "finalized by the agent"
    opening = server.requests[0].text
    assert "3 clusters have titles that are fixed" in opening
    assert "[2,-1]" in opening.replace(" ", "")
    overview, samples, labels = server.requests[1].results()
    assert overview[0] == {"cluster_id": 0, "size": 10, "fixed_title": BEFORE.title}
    assert "terms" in overview[2]
    assert [row["cluster_id"] for row in samples] == [2, -1]
    assert [row.get("fixed", False) for row in labels] == [True, True, False, True, False]


def test_a_fixed_label_cannot_be_changed(labeling: Labeling) -> None:
    def tries(request: Request) -> Any:  # noqa: ARG001
        return says(bulk([label(0, "Kettles of the agent"), label(2, "Newsletters"), label(-1, "Outliers")]))

    result, server = run(labeling, in_turn(says(OVERVIEW), tries, says(FINALIZE)), THREE)
    assert 0 not in result.labels
    assert "the label of cluster 0 is fixed" in json.dumps(server.requests[2].results())
    assert "is fixed" in result.report["ended"]


def test_a_new_title_must_differ_from_a_fixed_one(labeling: Labeling) -> None:
    alike = says(bulk([label(2, "Refund of a broken kettle"), label(-1, "Outliers")]), FINALIZE)
    mended = says(bulk([label(2, "Newsletter drafts")]), FINALIZE)
    result, server = run(labeling, in_turn(alike, mended), THREE)
    refusal = server.requests[1].results()[-1]
    assert refusal[1]["titles"] == {"0": BEFORE.title, "2": "Refund of a broken kettle"}
    assert refusal[1]["fixed"] == [0]
    assert result.labels[2].title == "Newsletter drafts"


def test_fixed_titles_that_are_alike_do_not_keep_the_agent_from_ending(labeling: Labeling) -> None:
    alike = {**THREE, 1: ClusterLabel("Refund for a broken kettle", "- E")}
    mine = says(bulk([label(2, "Newsletters"), label(-1, "Outliers")]), FINALIZE)
    result, server = run(labeling, in_turn(mine), alike)
    assert result.report["ended"] == "finalized by the agent"
    assert len(server.requests) == 1


def test_nothing_is_asked_if_all_is_fixed(labeling: Labeling) -> None:
    result, server = run(
        labeling, finalizes_at_once(), ALL, prices={"gpt-5.1": {"prompt": 1, "completion": 1}}
    )
    assert server.requests == []
    assert (result.report["requests"], result.report["cost_usd"]) == (0, 0)
    assert result.report["ended"] == "no language model was asked: all titles are kept"


def test_nothing_is_asked_if_all_is_fixed_and_the_endpoint_is_down(labeling: Labeling) -> None:
    result, server = run(labeling, in_turn(Fails(503)), ALL)
    assert server.requests == []
    assert result.labels == {}


def test_kept_labels_are_verified_like_others(labeling: Labeling) -> None:
    def assigns(request: Request) -> Any:
        traces = json.loads(request.body["messages"][-1]["content"])["traces"]
        return says(
            Call("assign_traces", {"assignments": [{"trace": t["trace"], "cluster_id": 1} for t in traces]})
        )

    result, server = run(labeling, assigns, ALL, verify_labels=True)
    assert len(server.requests) == 1
    assert result.accuracies == {0: 0.0, 1: 1.0, 2: 0.0, 3: 0.0}


def put_together(labeling: Labeling, agent: AgentLabels | None, lasting: dict[int, FixedLabel]) -> Any:
    known = labeling.prepare()
    return generate_cluster_labels(
        labeling.assignments, known.members, known.terms, agent, "none", lasting=lasting
    )


def test_all_kept_needs_no_fallback_for_the_outliers(labeling: Labeling) -> None:
    lasting = {c: FixedLabel(known, "agent", "run-0", ("kettle",)) for c, known in ALL.items()}
    agent, _ = run(labeling, finalizes_at_once(), ALL)
    labels = put_together(labeling, agent, lasting)
    assert labels.titles.tolist() == [*(ALL[c].title for c in range(4)), "Outliers"]
    assert labels.labelers.tolist() == ["agent"] * 4 + ["keywords"]
    assert labels.label_from_runs == ["run-0"] * 4 + [""]
    assert labels.label_terms[0] == ["kettle"]
    assert labels.labeling["kept"] == 4
    assert labels.descriptions[-1].startswith("- 4 of 44 traces (9%)")


def test_keywords_give_way_to_an_agent_and_to_nothing_else(labeling: Labeling) -> None:
    lasting = {c: FixedLabel(ClusterLabel(f"Word{c}, term{c}", ""), "keywords", "run-0") for c in (0, 1)}
    agent, _ = run(
        labeling, in_turn(says(bulk([label(0, "Broken kettles")])), says(OVERVIEW)), {}, max_iterations=2
    )
    with_agent = put_together(labeling, agent, lasting)
    assert with_agent.titles[:2].tolist() == ["Broken kettles", "Word1, term1"]
    assert with_agent.labelers[:4].tolist() == ["agent", "keywords", "fallback", "fallback"]
    without = put_together(labeling, None, lasting)
    assert without.titles[:2].tolist() == ["Word0, term0", "Word1, term1"]
    assert without.descriptions[0].startswith("- 10 of 44 traces (23%)")
    assert set(without.labelers) == {"keywords"}


def test_a_title_that_lasts_is_not_the_one_that_gives_way(labeling: Labeling) -> None:
    agent, _ = run(labeling, in_turn(says(bulk([label(0, "Lost parcels")])), says(FINALIZE)), {3: THREE[1]})
    labels = put_together(labeling, agent, {3: FixedLabel(THREE[1], "agent", "run-0")})
    assert labels.titles[3] == "Lost parcels"
    assert labels.titles[0].startswith("Lost parcels (")


def test_without_any_model_the_agents_titles_last(labeling: Labeling) -> None:
    assert LLM(labeler="keywords").connection() is None
    labels = put_together(labeling, None, {1: FixedLabel(BEFORE, "agent", "run-0")})
    assert (labels.titles[1], labels.labelers[1]) == (BEFORE.title, "agent")
    assert labels.descriptions[1] == "- As before."

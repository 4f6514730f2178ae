"""The agent labels groups of clusters in the same conversation, like clusters."""

import json
from dataclasses import replace
from typing import Any

import pytest

from trace_clustering.artifacts.clusters import ClusterLabel
from trace_clustering.labeling.agent.evidence import Clustering
from trace_clustering.labeling.agent.run import AgentLabels, run_labeling_agent
from trace_clustering_tests.labeling.clusterings import clustering
from trace_clustering_tests.labeling.conftest import ONLY_ATTEMPT, Labeling
from trace_clustering_tests.labeling.groups import N_CLUSTERS, make_groups, make_parents
from trace_clustering_tests.labeling.models import (
    FINALIZE,
    OVERVIEW,
    bulk,
    label,
    sensible,
    title_of,
)
from trace_clustering_tests.llm.llm_server import Call, LLMServer, Model, in_turn, says

GROUPS = [group.group_id for group in make_groups()]
CLUSTERS = [*range(N_CLUSTERS), -1]
LABEL_CLUSTERS = bulk(label(cluster, title_of(cluster)) for cluster in CLUSTERS)
LABEL_GROUPS = bulk(label(group, f"All of kind {group}") for group in GROUPS)
KEPT = {cluster: ClusterLabel(title_of(cluster), "- As before") for cluster in CLUSTERS}


@pytest.fixture
def grouped(labeling: Labeling) -> Labeling:
    labeling.assignments, labeling.projection, labeling.summaries = clustering(N_CLUSTERS)
    return labeling


def run(
    labeling: Labeling,
    model: Model,
    *,
    fixed: dict[int, ClusterLabel] | None = None,
    characters: int = 60_000,
    **changes: Any,
) -> tuple[AgentLabels, LLMServer]:
    server = labeling.serve(model)
    llm = labeling.llm(server, max_request_characters=characters)
    prepared: Clustering = replace(labeling.prepare(), **{"groups": make_groups(), **changes})
    result = run_labeling_agent(
        prepared,
        llm.connection(),
        llm=llm,
        store=labeling.store(),
        attempt=ONLY_ATTEMPT,
        seconds=600,
        log=labeling.log,
        fixed=fixed,
    )
    assert result is not None
    assert server.refusals == []
    return result, server


def test_groups_take_no_request_of_their_own(grouped: Labeling) -> None:
    result, server = run(grouped, in_turn(says(OVERVIEW), says(LABEL_CLUSTERS, LABEL_GROUPS), says(FINALIZE)))
    assert set(result.labels) == {*CLUSTERS, *GROUPS}
    assert len(server.requests) == 3
    assert str(GROUPS).replace(" ", "") in server.requests[0].text
    rows = server.requests[1].results()[0]
    assert [row["cluster_id"] for row in rows] == [*CLUSTERS, *GROUPS]
    assert rows[-1]["group_of"] == [10, 11, 12, 13, 14]
    assert "import" in json.dumps(rows[-1]["terms"]).lower()
    assert result.report["ended"] == "finalized by the agent"


def test_groups_without_a_label_are_asked_for_once(grouped: Labeling) -> None:
    result, server = run(grouped, in_turn(says(LABEL_CLUSTERS, FINALIZE), says(FINALIZE)))
    assert set(result.labels) == set(CLUSTERS)
    assert len(server.requests) == 2
    assert server.requests[1].results()[-1][1] == {
        "problem": "these groups of clusters have no label",
        "cluster_ids": GROUPS,
    }


def test_a_group_must_not_have_the_title_of_a_cluster(grouped: Labeling) -> None:
    alike = bulk([*(label(g, f"All of kind {g}") for g in GROUPS[1:]), label(GROUPS[0], title_of(3))])
    _, server = run(grouped, in_turn(says(LABEL_CLUSTERS, alike, FINALIZE), says(LABEL_GROUPS, FINALIZE)))
    problems = server.requests[1].results()[-1]
    assert problems[1]["titles"] == {"3": title_of(3), str(GROUPS[0]): title_of(3)}


def test_new_groups_of_known_clusters_take_one_request(grouped: Labeling) -> None:
    result, server = run(grouped, in_turn(says(LABEL_GROUPS, FINALIZE)), fixed=KEPT)
    assert set(result.labels) == set(GROUPS)
    assert len(server.requests) == 1
    assert title_of(14) in server.requests[0].text


def test_the_titles_in_new_groups_fit_into_a_small_request(grouped: Labeling) -> None:
    long = {c: ClusterLabel(f'"{title_of(c)}" {"which is long " * 6}{c}', "- As before") for c in CLUSTERS}
    _, server = run(grouped, in_turn(says(LABEL_GROUPS, FINALIZE)), fixed=long, characters=10_000)
    assert server.requests[0].characters <= 10_000
    assert "which is" in server.requests[0].text


def test_known_groups_of_known_clusters_take_none(grouped: Labeling) -> None:
    known = KEPT | {group: ClusterLabel(f"Kind {group}", "- As before") for group in GROUPS}
    result, server = run(grouped, says(FINALIZE), fixed=known)
    assert server.requests == []
    assert not result.had_to_label


def test_a_kept_group_is_shown_and_cannot_be_changed(grouped: Labeling) -> None:
    kept = {GROUPS[0]: ClusterLabel("Money back", "- As before")}
    result, server = run(
        grouped, in_turn(says(OVERVIEW), says(LABEL_CLUSTERS, LABEL_GROUPS, FINALIZE)), fixed=kept
    )
    assert set(result.labels) == {*CLUSTERS, *GROUPS[1:]}
    row = next(row for row in server.requests[1].results()[0] if row["cluster_id"] == GROUPS[0])
    assert row["fixed_title"] == "Money back"


def test_a_group_has_no_traces_of_its_own(grouped: Labeling) -> None:
    looks = says(Call("get_cluster_trace_titles", {"cluster_id": GROUPS[0]}))
    _, server = run(grouped, in_turn(looks, says(LABEL_CLUSTERS, LABEL_GROUPS, FINALIZE)))
    assert "look at the clusters in it" in json.dumps(server.requests[1].results())


def test_stored_labels_of_groups_are_used_again_for_the_same_groups_only(grouped: Labeling) -> None:
    run(grouped, in_turn(says(LABEL_CLUSTERS, LABEL_GROUPS, FINALIZE)))
    again, server = run(grouped, says(FINALIZE))
    assert set(again.labels) == {*CLUSTERS, *GROUPS}
    assert server.requests == []
    others = make_groups(make_parents()[:1] + make_parents()[1:][::-1])
    changed, server = run(grouped, in_turn(says(LABEL_GROUPS, FINALIZE)), groups=others)
    assert set(changed.labels) == {*CLUSTERS, *GROUPS}
    assert len(server.requests) == 1


def test_groups_never_fail_a_run_without_a_model(grouped: Labeling) -> None:
    """A group without a title of a model is named by keywords, as long as no cluster lost one."""
    run(grouped, in_turn(says(LABEL_CLUSTERS, FINALIZE)))
    llm = grouped.llm(grouped.serve(says(FINALIZE)))
    others = make_groups(make_parents()[::-1])
    result = run_labeling_agent(
        replace(grouped.prepare(), groups=others),
        None,
        fault="no model today",
        llm=llm,
        store=grouped.store(),
        attempt=ONLY_ATTEMPT,
        seconds=600,
        log=grouped.log,
    )
    assert result is not None
    assert set(result.labels) == set(CLUSTERS)


def test_two_phases_with_groups(grouped: Labeling) -> None:
    result, _ = run(grouped, sensible())
    assert set(result.labels) == {*CLUSTERS, *GROUPS}

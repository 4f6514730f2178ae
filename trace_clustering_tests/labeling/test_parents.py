"""Groups of clusters are named by what their clusters share."""

from typing import Any

import pytest

from trace_clustering.artifacts.clusters import ClusterLabel, ClusterLabels
from trace_clustering.labeling.keywords import build_documents, find_terms
from trace_clustering.labeling.label import generate_cluster_labels, list_members_with_summaries
from trace_clustering.labeling.parents import label_groups
from trace_clustering.labeling.shared_terms import find_all_terms
from trace_clustering.labeling.titles import stem_title
from trace_clustering_tests.labeling.clusterings import clustering
from trace_clustering_tests.labeling.groups import N_CLUSTERS, make_groups, make_parents

BEFORE = {
    "relation": "continued",
    "overlap": 0.9,
    "earlier_title": "Money back",
    "earlier_description": "- What it was",
    "earlier_labeler": "agent",
}


def make_labels() -> ClusterLabels:
    assignments, _, summaries = clustering(N_CLUSTERS)
    members = list_members_with_summaries(assignments, summaries)
    terms, _ = find_all_terms(build_documents(members), [])
    return generate_cluster_labels(assignments, members, terms)


def make_rows(parents: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    return label_groups(make_groups(parents), make_labels(), {})


def test_the_terms_of_a_group_are_those_that_its_clusters_share() -> None:
    documents = {
        0: "invoice tax rate invoice tax",
        1: "invoice address address address",
        2: "parcel late late late",
        3: "parcel lost lost",
        -1: "oddity oddity",
    }
    _, (billing, parcels) = find_all_terms(documents, [(1, [0, 1]), (1, [2, 3])])
    assert billing[0] == "invoice"
    assert parcels[0] == "parcel"


def test_a_term_of_one_cluster_names_no_group_and_neither_does_a_term_of_all() -> None:
    documents = {n: f"please {'card card' if n < 4 else 'trip'} only{n} only{n} only{n}" for n in range(8)}
    _, (cards, trips) = find_all_terms(documents, [(1, [0, 1, 2, 3]), (1, [4, 5, 6, 7])])
    assert cards == ["card"]
    assert trips == ["trip"]


def test_documents_without_words_give_no_terms() -> None:
    assert find_all_terms({0: "", 1: "12 34"}, [(1, [0]), (1, [1])]) == ({0: [], 1: []}, [[], []])
    assert find_all_terms({}, []) == ({}, [])


def test_the_terms_of_clusters_are_those_without_groups() -> None:
    assignments, _, summaries = clustering(N_CLUSTERS)
    documents = build_documents(list_members_with_summaries(assignments, summaries))
    groups = [(parent["level"], parent["cluster_ids"]) for parent in make_parents()]
    assert find_all_terms(documents, groups)[0] == find_terms(documents)


def test_titles_of_groups_differ_from_all_others_and_say_what_is_shared() -> None:
    labels = make_labels()
    rows = label_groups(make_groups(), labels, {})
    assert [(row["level"], row["clusters"], row["traces"]) for row in rows] == [
        (parent["level"], parent["cluster_ids"], 10 * len(parent["cluster_ids"])) for parent in make_parents()
    ]
    for row, verb in zip(rows, ("refund", "repair", "import"), strict=False):
        assert row["title"].lower().startswith(verb)
    titles = [*labels.titles, *(row["title"] for row in rows)]
    assert len({stem_title(title) for title in titles}) == len(titles)
    assert {row["labeler"] for row in rows} == {"keywords"}
    assert rows[0]["description"].startswith("- 50 of 154 traces (32%) in 5 clusters\n- ")


def test_a_group_whose_clusters_share_nothing_is_named_by_its_largest() -> None:
    parents = [
        {**make_parents()[0], "cluster_ids": [0, 6, 12]},
        {**make_parents()[1], "cluster_ids": [c for c in range(15) if c not in (0, 6, 12)]},
    ]
    group = make_groups(parents)[0]
    assert group.terms
    (row, _) = label_groups(make_groups(parents), make_labels(), {})
    assert row["labeler"] == "keywords"


def test_a_group_that_goes_on_keeps_its_title() -> None:
    rows = label_groups(make_groups(make_parents(**BEFORE)), make_labels(), {})
    assert rows[0]["title"] == "Money back"
    assert rows[0]["description"] == "- What it was"
    assert rows[0]["labeler"] == "agent"
    assert len({row["title"] for row in rows}) == len(rows)


def test_a_title_of_keywords_is_kept_as_long_as_they_are_true() -> None:
    known = {**BEFORE, "earlier_labeler": "keywords", "earlier_title": "Refund, kettle, invoices"}
    first, second, *_ = make_rows(make_parents(**known))
    assert (first["title"], first["labeler"]) == (known["earlier_title"], "keywords")
    assert first["description"].startswith("- 50 of 154 traces")
    other = {**known, "earlier_title": "Parcel, kettle, customs"}
    assert "Parcel" not in make_rows(make_parents(**other))[0]["title"]
    assert second["title"] != first["title"]


def test_a_title_that_is_kept_is_not_taken_by_a_group_that_is_named_now() -> None:
    kept = {**BEFORE, "earlier_title": make_rows()[0]["title"], "earlier_labeler": "keywords"}
    parents = make_parents()
    rows = make_rows([parents[0], {**parents[1], **kept}, *parents[2:]])
    assert rows[1]["title"] == kept["earlier_title"]
    assert rows[0]["title"].startswith(kept["earlier_title"])
    assert rows[0]["title"] != kept["earlier_title"]


@pytest.mark.parametrize("changed", [{"overlap": 0.4}, {"earlier_labeler": "fallback"}, {"relation": "new"}])
def test_a_group_that_changed_much_or_had_no_name_gets_a_new_title(changed: dict[str, object]) -> None:
    rows = label_groups(make_groups(make_parents(**{**BEFORE, **changed})), make_labels(), {})
    assert not any("Money" in row["title"] for row in rows)


def test_labels_are_made_anew_if_they_are_not_to_be_kept() -> None:
    rows = label_groups(make_groups(make_parents(**BEFORE), keep_labels=False), make_labels(), {})
    assert not any("Money" in row["title"] for row in rows)


def test_hostile_text_of_an_earlier_event_stays_text() -> None:
    hostile = {
        **BEFORE,
        "earlier_title": "<b>Money\x1b[31m\nback</b>",
        "earlier_description": "<i>- a</i>\x07",
    }
    row = label_groups(make_groups(make_parents(**hostile)), make_labels(), {})[0]
    assert row["title"].isprintable()
    assert "<" not in row["title"] + row["description"]
    assert "\x07" not in row["description"]


def test_the_agents_label_wins_and_is_made_distinct() -> None:
    labels = make_labels()
    groups = make_groups()
    written = {group.group_id: ClusterLabel(labels.titles[0], "- By the agent") for group in groups[:1]}
    rows = label_groups(groups, labels, written)
    assert rows[0]["title"].startswith(f"{labels.titles[0]} (")
    assert (rows[0]["description"], rows[0]["labeler"]) == ("- By the agent", "agent")
    assert rows[1]["labeler"] == "keywords"

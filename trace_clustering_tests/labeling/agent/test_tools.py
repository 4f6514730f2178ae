"""Tools answer any call within their room, and change nothing but valid labels."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.labeling.agent.draft import Draft, ToolContext
from trace_clustering.labeling.agent.evidence import Evidence, gather_evidence
from trace_clustering.labeling.agent.tools.registry import TOOLS, call_tool
from trace_clustering.text import MAX_TITLE_LENGTH
from trace_clustering_tests.labeling.clusterings import clustering, prepare_clustering


def evidence_of(clusters: int, per_cluster: int, noise: int) -> Evidence:
    return gather_evidence(prepare_clustering(*clustering(clusters, per_cluster, noise)))


EVIDENCE = evidence_of(4, 10, noise=3)
LARGE = evidence_of(100, 60, noise=4000)
ROOM = 25_000


def context(evidence: Any = EVIDENCE) -> ToolContext:
    sizes = {cluster.cluster_id: cluster.size for cluster in evidence.clusters.values()}
    return ToolContext(evidence, Draft(sizes, lambda: None))


def answer(name: str, arguments: Any = None, at: ToolContext | None = None, room: int = ROOM) -> Any:
    return json.loads(call_tool(at or context(), name, {} if arguments is None else arguments, room))


class TestReading:
    def test_the_overview_has_terms_and_neighbours_with_contrasting_examples(self) -> None:
        rows = answer("get_clusters_overview")
        assert [row["cluster_id"] for row in rows] == [0, 1, 2, 3, -1]
        assert [row["size"] for row in rows] == [10, 10, 10, 10, 3]
        first = rows[0]
        assert "kettle" in " ".join(first["terms"])
        assert len(first["neighbours"]) == 2
        for neighbour in first["neighbours"]:
            other = EVIDENCE.clusters[neighbour["cluster_id"]]
            titles = {EVIDENCE.title(trace) for trace in other.trace_ids}
            assert len(set(neighbour["contrasting_examples"]) & titles) == 2
        assert "neighbours" not in rows[-1]

    def test_sample_titles_come_in_the_order_of_rank(self) -> None:
        rows = answer("get_all_clusters_with_sample_titles", {"titles_per_cluster": 2})
        assert rows[1]["sample_titles"] == [
            "Refund tax invoices for the shop of merchant 10",
            "Refund tax invoices for the shop of merchant 11",
        ]

    def test_titles_of_a_cluster_reach_from_the_centre_to_the_edge(self) -> None:
        rows = answer("get_cluster_trace_titles", {"cluster_id": 0, "limit": 4})
        assert [row["rank"] for row in rows] == [0, 3, 6, 9]
        assert rows[1]["trace_id"] == EVIDENCE.clusters[0].trace_ids[3]

    def test_details_are_given_for_known_traces_only(self) -> None:
        known = EVIDENCE.clusters[2].trace_ids[0]
        rows = answer("get_trace_details", {"trace_ids": [known, "unknown", known]})
        assert [set(row) for row in rows] == [
            {"trace_id", "title", "flow_diagram", "bullets", "interesting_notes"},
            {"trace_id", "error"},
        ]

    def test_current_labels_are_null_until_they_are_set(self) -> None:
        at = context()
        at.draft.set_label(1, "Tax rates", "- one\n- two")
        rows = answer("get_current_labels", at=at)
        assert rows[:2] == [
            {"cluster_id": 0, "title": None},
            {"cluster_id": 1, "title": "Tax rates", "description": "- one\n- two"},
        ]

    def test_the_model_is_told_of_eight_tools(self) -> None:
        schemas = [tool.schema()["function"] for tool in TOOLS.values()]
        assert [schema["name"] for schema in schemas] == [
            "get_clusters_overview",
            "get_all_clusters_with_sample_titles",
            "get_cluster_trace_titles",
            "get_trace_details",
            "get_current_labels",
            "set_cluster_label",
            "bulk_set_labels",
            "finalize_labels",
        ]
        assert all(schema["description"] and schema["parameters"]["type"] == "object" for schema in schemas)


class TestSetting:
    def test_bulk_takes_valid_labels_and_says_which_are_not(self) -> None:
        at = context()
        good = {"cluster_id": 0, "title": "Tax rates", "description": "- one\n- two"}
        labels = [
            good,
            good | {"cluster_id": "one"},
            good | {"cluster_id": 9},
            "nonsense",
            good | {"title": " "},
        ]
        rows = answer("bulk_set_labels", {"labels": labels}, at)
        assert rows[0] == {"set": 1, "without_label": [1, 2, 3, -1]}
        assert [row["item"] for row in rows[1:]] == [1, 2, 3, 4]
        assert list(at.draft.labels) == [0]

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("- one\n- two\n- three", "- one\n- two\n- three"),
            ("* one\n\n2. two", "- one\n- two"),
            ("only one", "- only one\n- 10 of 43 traces"),
            ("\n".join("abcdefg"), "- a\n- b\n- c\n- d\n- e"),
            ("- <b>bold</b> \x1b[31m\n- x\u202ey\u2028z", "- bold 31m\n- xy\n- z"),
            ("x" * 999 + "\ny", "- " + "x" * 239 + "…\n- y"),
        ],
    )
    def test_a_description_becomes_two_to_five_plain_bullets(self, given: str, kept: str) -> None:
        at = context()
        at.draft.set_label(0, "Tax rates", given)
        assert at.draft.labels[0].description == kept

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("Tax rates", "Tax rates"),
            ('"Tax rates"', "Tax rates"),
            ("Tax\nrates\x00\x1b[0m", "Tax rates 0m"),
            ("<script>Tax</script> **rates**", "Tax rates"),
        ],
    )
    def test_a_title_becomes_plain(self, given: str, kept: str) -> None:
        at = context()
        assert answer("set_cluster_label", {"cluster_id": 0, "title": given, "description": "- x"}, at) == {
            "set": 0,
            "title": kept,
        }

    def test_outliers_keep_their_name(self) -> None:
        at = context()
        at.draft.set_label(-1, "Strange things", "- one\n- two")
        assert at.draft.labels[-1].title == "Outliers"

    @pytest.mark.parametrize("title", ["", " ", "\u200b", "<>", "''", "Cluster 3", "group", "#7", "outliers"])
    def test_a_title_that_says_nothing_is_refused(self, title: str) -> None:
        at = context()
        assert answer("set_cluster_label", {"cluster_id": 0, "title": title, "description": "- x"}, at)[
            "error"
        ]
        assert at.draft.labels == {}


# Any tool, with any arguments

anything = st.text(st.characters(exclude_categories=()), max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.floats(allow_nan=False) | anything,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4),
    max_leaves=12,
)
cluster_ids = st.integers(-3, 6) | st.sampled_from(["0", 0.0, True, None, 2**70])
labels = st.fixed_dictionaries(
    {},
    optional={
        "cluster_id": cluster_ids,
        "title": anything | st.text("x<>*\n", max_size=300) | json_values,
        "description": anything | json_values,
    },
)
arguments = st.one_of(
    json_values,
    labels,
    st.fixed_dictionaries({"labels": st.lists(labels | json_values, max_size=6) | json_values}),
    st.fixed_dictionaries({"cluster_id": cluster_ids}, optional={"limit": cluster_ids}),
    st.fixed_dictionaries({"trace_ids": st.lists(anything, max_size=25) | json_values}),
    st.fixed_dictionaries({"titles_per_cluster": cluster_ids}),
)


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.tuples(st.sampled_from([*TOOLS, "unknown", ""]), arguments), max_size=6),
    st.integers(500, 3000),
)
def test_any_call_is_answered_in_bounds_and_only_sound_labels_are_set(
    calls: list[tuple[str, Any]], room: int
) -> None:
    at = context()
    for name, given_arguments in calls:
        text = call_tool(at, name, given_arguments, room)
        assert len(json.dumps(text, ensure_ascii=False)) <= room
        json.loads(text)
        text.encode()
    for cluster, label in at.draft.labels.items():
        assert cluster in EVIDENCE.clusters
        assert type(cluster) is int
        assert label.title.isprintable()
        assert 0 < len(label.title) <= MAX_TITLE_LENGTH
        assert not set(label.title + label.description) & set("<>`*|[]{}\\")
        lines = label.description.split("\n")
        assert 2 <= len(lines) <= 5
        assert all(line.startswith("- ") and len(line) <= 242 and line.isprintable() for line in lines)


@pytest.mark.parametrize("room", [500, 2_000, 25_000])
@pytest.mark.parametrize(
    ("name", "given_arguments"),
    [
        ("get_clusters_overview", {}),
        ("get_all_clusters_with_sample_titles", {"titles_per_cluster": 30}),
        ("get_cluster_trace_titles", {"cluster_id": -1, "limit": 100}),
        ("get_trace_details", {"trace_ids": list(LARGE.clusters[-1].trace_ids[:20])}),
        ("get_current_labels", {}),
        ("finalize_labels", {}),
    ],
)
def test_answers_are_bounded_whatever_the_size(name: str, given_arguments: dict[str, Any], room: int) -> None:
    text = call_tool(context(LARGE), name, given_arguments, room)
    assert len(json.dumps(text, ensure_ascii=False)) <= room
    assert json.loads(text)


def test_a_hundred_clusters_are_all_in_the_overview() -> None:
    for name in ("get_clusters_overview", "get_all_clusters_with_sample_titles", "get_current_labels"):
        rows = answer(name, at=context(LARGE))
        assert [row["cluster_id"] for row in rows] == [*range(100), -1]

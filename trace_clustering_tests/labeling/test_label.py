"""Every cluster gets a title of its own and a description that is true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.labeling.agent.run import AgentLabels
from trace_clustering.labeling.keywords import build_documents, find_terms
from trace_clustering.labeling.label import generate_cluster_labels, list_members_with_summaries
from trace_clustering.text import MAX_TITLE_LENGTH
from trace_clustering.traces.summary import TraceSummary
from trace_clustering_tests.examples import THEMES, WINDOW

HOSTILE = "<script>alert(1)</script>\n# heading\x1b[31m `code` **bold** [x](javascript:y) \u202eevil"


def assignments(*cluster_ids: int) -> ClusterAssignments:
    """One trace per id; later ones are nearer to their centroids."""
    n, clusters = len(cluster_ids), max(cluster_ids) + 1
    return ClusterAssignments(
        provenance=Provenance(1, WINDOW, {"run_label": ""}),
        trace_ids=np.array([f"trace-{row:02d}" for row in range(n)], dtype=object),
        timestamps=np.full(n, "2025-01-20", dtype="datetime64[ms]"),
        trace_times=np.full(n, "NaT", dtype="datetime64[us]"),
        batch_run_ids=np.full(n, "", dtype=object),
        weights=np.ones(n, dtype=np.int64),
        cluster_ids=np.array(cluster_ids),
        probabilities=np.ones(n, dtype=np.float32),
        nearest_cluster_ids=np.array(cluster_ids),
        distances_to_nearest=np.arange(n, 0, -1, dtype=np.float32),
        distances_to_centroid=np.arange(n, 0, -1, dtype=np.float32),
        centroids=np.zeros((clusters, 2), dtype=np.float32),
        stabilities=np.ones(clusters, dtype=np.float32),
    )


def summary(row: int, title: str, *bullets: str) -> TraceSummary:
    return TraceSummary(
        title=title,
        flow_diagram="",
        bullets=list(bullets),
        interesting_notes=[],
        trace_timestamp="2025-01-20T00:00:00Z",
        trace_id=f"trace-{row:02d}",
    )


def summaries(*titles: str) -> dict[str, TraceSummary]:
    return {f"trace-{row:02d}": summary(row, title) for row, title in enumerate(titles)}


def label(
    found: ClusterAssignments, known: dict[str, TraceSummary], agent: AgentLabels | None = None
) -> ClusterLabels:
    """Label clusters in the same steps as the pipeline."""
    members = list_members_with_summaries(found, known)
    return generate_cluster_labels(found, members, find_terms(build_documents(members)), agent)


def assert_sound(labels: ClusterLabels) -> None:
    titles = [title.casefold() for title in labels.titles]
    assert len(set(titles)) == len(titles)
    for title, description in zip(labels.titles, labels.descriptions, strict=True):
        lines = description.split("\n")
        assert title.isprintable()
        assert 0 < len(title) <= MAX_TITLE_LENGTH
        assert all(line.startswith("- ") and line.isprintable() for line in lines)
        assert len(lines) <= 3
        assert not set(title + description) & set("<>`*|[]{}\\")


def test_themes_get_titles_of_their_own_words() -> None:
    labels = label(
        assignments(0, 0, 1, 1, 2, 2, -1), summaries(*[theme for theme in THEMES for _ in "ab"], "oddity")
    )
    assert labels.cluster_ids.tolist() == [0, 1, 2, -1]
    assert labels.sizes.tolist() == [2, 2, 2, 1]
    assert labels.labelers.tolist() == ["keywords"] * 4
    assert labels.titles[3] == "Outliers"
    for theme, title in zip(THEMES, labels.titles, strict=False):
        assert set(title.casefold().replace(",", "").split()) <= set(theme.split())
    assert_sound(labels)


def test_the_description_tells_the_size_the_terms_and_the_nearest_trace() -> None:
    labels = label(assignments(0, 0, 0, 1), summaries("Kettle", "Kettle", "Kettle refund", "Tax"))
    assert labels.descriptions[0].split("\n") == [
        "- 3 of 4 traces (75%)",
        "- Distinguishing terms: kettle, refund",
        "- For example: Kettle refund",
    ]


@pytest.mark.parametrize(
    "text", ["Refund", "Refund of a kettle", "Refund of a broken kettle in a winter sale"]
)
@pytest.mark.parametrize(("clusters", "labeler"), [(3, "keywords"), (5, "fallback")])
def test_clusters_with_identical_texts_still_have_distinct_titles(
    clusters: int, labeler: str, text: str
) -> None:
    # Words that three clusters share still make titles; words that five share are too common.
    labels = label(assignments(*range(clusters)), summaries(*[text] * clusters))
    assert labels.labelers.tolist() == [labeler] * clusters
    assert_sound(labels)


def test_titles_stay_bounded_when_identical_texts_have_very_long_words() -> None:
    words = " ".join(letter * 70 for letter in "abc")
    labels = label(assignments(0, 1, 2), summaries(words, words, words))
    assert_sound(labels)


def test_a_title_never_takes_the_name_of_the_outliers() -> None:
    labels = label(assignments(0, 1, -1), summaries("outliers", "refund", "tax"))
    assert labels.titles[2] == "Outliers"
    assert_sound(labels)


@pytest.mark.parametrize("text", [None, "", "12 345", "the of and", "😀🎉", "<b></b>"])
def test_clusters_without_words_fall_back_to_their_number(text: str | None) -> None:
    known = summaries("Refund of a kettle")
    if text is not None:
        known["trace-01"] = summary(1, text)
    labels = label(assignments(0, 1, 3, 2, -1), known)
    assert labels.cluster_ids.tolist() == [0, 1, 2, 3, -1]
    assert labels.titles[1:].tolist() == ["Cluster 1", "Cluster 2", "Cluster 3", "Outliers"]
    assert labels.labelers.tolist() == ["keywords"] + ["fallback"] * 4
    assert labels.descriptions[1].startswith("- 1 of 5 traces (20%)")
    assert_sound(labels)


def test_noise_alone_is_outliers() -> None:
    labels = label(assignments(-1, -1), {})
    assert labels.titles.tolist() == ["Outliers"]
    assert labels.cluster_sizes() == {-1: 2}


def test_the_order_of_the_summaries_changes_nothing() -> None:
    found = assignments(0, 0, 1, 1, -1)
    known = summaries("Kettle", "Kettle refund", "Tax", "Tax invoice", "Oddity")
    backwards = dict(reversed(known.items()))
    assert list(backwards) != list(known)
    first, second = (label(found, order) for order in (known, backwards))
    assert first.titles.tolist() == second.titles.tolist()
    assert first.descriptions.tolist() == second.descriptions.tolist()


def test_summaries_of_other_traces_are_left_out() -> None:
    known = summaries("Kettle", "Tax")
    labels = label(assignments(0, 1), known | {"trace-99": summary(99, "Password")})
    assert labels.titles.tolist() == ["Kettle", "Tax"]


def test_hostile_text_never_reaches_a_label_raw() -> None:
    labels = label(assignments(0, 0, 1, -1), summaries(*[HOSTILE] * 4))
    assert_sound(labels)
    assert "For example: alert(1) # heading 31m code bold x(javascript:y) evil" in labels.descriptions[0]


anything = st.text(st.characters(exclude_categories=()), max_size=80)
hostile = st.text(st.sampled_from("<>/b`*|[]{}\\ \n\r\x1b\x00\u202e\u2028aé漢😀'-_1"), max_size=80)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(anything, hostile), min_size=8, max_size=8))
def test_whatever_the_texts_are_the_labels_are_sound(texts: list[str]) -> None:
    known = {
        f"trace-{row:02d}": summary(row, title, bullet)
        for row, (title, bullet) in enumerate(zip(texts[:4], texts[4:], strict=True))
    }
    labels = label(assignments(0, 1, 1, -1), known)
    assert set(labels.labelers) <= {"keywords", "fallback"}
    assert_sound(labels)

"""Distinguishing terms follow class-based TF-IDF."""

import math
import unicodedata
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.labeling.keywords import MAX_SUMMARIES, build_document, find_distinguishing_terms
from trace_clustering.traces.summary import TraceSummary
from trace_clustering_tests.examples import THEMES

WORDS = ("kettle", "invoice", "refund", "password", "tax", "mail")


def test_terms_are_weighed_by_their_share_and_by_their_rarity_in_all_clusters() -> None:
    # With pairs of words, the clusters have 9, 9 and 3 terms, so A = 7. By hand, tf * log(1 + A / f) is:
    #   first:   kettle 2/9 log(1 + 7/2) = 0.334   lid     3/9 log(1 + 7/7) = 0.231   (the rest repeats "lid")
    #   second:  lid    4/9 log(1 + 7/7) = 0.308   invoice 1/9 log(1 + 7/1) = 0.231   (pairs repeat "lid")
    # The share alone would put lid first in both, the rarity alone would put it last in both.
    documents = ["kettle kettle lid lid lid", "lid lid lid lid invoice", "tax mail"]
    assert find_distinguishing_terms(documents)[:2] == [["kettle", "lid"], ["lid", "invoice"]]


def weights(documents: list[str]) -> list[dict[str, float]]:
    """Return the weight of every word and pair of words, straight from the formula."""
    counts = []
    for words in (document.split() for document in documents):
        pairs = [f"{first} {second}" for first, second in pairwise(words)]
        counts.append(Counter(words + pairs))
    mean_terms = sum(map(Counter.total, counts)) / len(counts)
    over_all = sum(counts, Counter())
    return [
        {term: n / count.total() * math.log(1 + mean_terms / over_all[term]) for term, n in count.items()}
        for count in counts
    ]


documents_of_words = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), min_size=1, max_size=2
)


@settings(deadline=None, max_examples=60)
@given(documents_of_words)
def test_terms_come_in_the_order_of_the_formula_and_the_heaviest_is_first(documents: list[str]) -> None:
    # A last document without any word, so that no word is one that all share.
    documents.append("42")
    found = find_distinguishing_terms(documents)
    for weight, terms in zip(weights([*documents[:-1], ""]), found, strict=True):
        weighed = [weight[term] for term in terms]
        assert bool(terms) == bool(weight)
        assert weighed[:1] == pytest.approx([max(weight.values())] if weight else [])
        assert weighed == pytest.approx(sorted(weighed, reverse=True))


def test_themes_are_told_apart_by_their_own_words() -> None:
    documents = [" ".join(f"{theme} {number}" for number in range(20)) for theme in THEMES]
    for theme, terms in zip(THEMES, find_distinguishing_terms(documents), strict=True):
        words = {word for term in terms for word in term.split()}
        assert words
        assert words <= set(theme.split())


def test_what_most_clusters_share_tells_none_apart() -> None:
    documents = [f"{word} {word} {word} agent" for word in WORDS]
    assert find_distinguishing_terms(documents) == [[word] for word in WORDS]
    for few in (2, 3):
        assert find_distinguishing_terms(documents[:few]) == [[word] for word in WORDS[:few]]


def test_what_all_of_a_few_clusters_share_is_named_where_it_stands_out_or_is_all_there_is() -> None:
    stray = [
        "refund tax refund mail refund lid refund",
        "invoice price invoice refund cost invoice bill invoice",
    ]
    assert find_distinguishing_terms(stray)[0][0] == "refund"
    assert find_distinguishing_terms(["refund kettle", "refund"])[1] == ["refund"]


def test_forms_of_one_word_are_named_once() -> None:
    [terms] = find_distinguishing_terms(["refund refunds refunded refunding"])
    assert len(terms) == 1


def test_no_more_terms_than_asked_for_are_returned() -> None:
    documents = [" ".join(WORDS[:4]), " ".join(WORDS[2:])]
    assert [len(terms) for terms in find_distinguishing_terms(documents, max_terms=2)] == [2, 2]


def test_terms_do_not_depend_on_upper_case() -> None:
    assert find_distinguishing_terms(["REFUND Kettle"]) == find_distinguishing_terms(["refund kettle"])


@pytest.mark.parametrize("text", ["", "  \n", "12 34.5 2025-01-22", "the of and", "😀 🎉", "!?… — ·", "\x00"])
def test_a_document_without_words_has_no_terms(text: str) -> None:
    assert find_distinguishing_terms([text, text]) == [[], []]
    assert find_distinguishing_terms([text, "refund"]) == [[], ["refund"]]


def test_no_documents_have_no_terms() -> None:
    assert find_distinguishing_terms([]) == []


@pytest.mark.parametrize(
    "word",
    [
        "größe",
        "возврат",
        "استرداد",
        "退款",
        "don't",
        "co-op",
        pytest.param("नमस्ते", id="with vowel signs"),
        pytest.param("cafe\u0301", id="with a combining accent"),
    ],
)
def test_a_word_of_any_language_stays_whole(word: str) -> None:
    [[term], _] = find_distinguishing_terms([word, "refund"])
    assert unicodedata.normalize("NFC", term) == unicodedata.normalize("NFC", word)


def test_a_summary_gives_its_title_twice_and_all_its_notes_but_not_its_diagram() -> None:
    summary = TraceSummary(
        title="Title",
        flow_diagram="Diagram",
        bullets=["First", "Second"],
        interesting_notes=["Note"],
        trace_timestamp="2025-01-20T00:00:00Z",
        trace_id="a",
    )
    words = ["Title", "Title", "First", "Second", "Note"]
    assert build_document([summary, summary]).split() == words * 2
    assert build_document([]) == ""


def test_only_the_first_summaries_of_a_huge_cluster_count() -> None:
    def titled(title: str) -> TraceSummary:
        return TraceSummary(
            trace_id="t", title=title, flow_diagram="", bullets=[], interesting_notes=[], trace_timestamp=""
        )

    document = build_document([titled("near")] * MAX_SUMMARIES + [titled("far")] * 5)
    assert Counter(document.split()) == {"near": 2 * MAX_SUMMARIES}

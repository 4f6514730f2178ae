"""Labels without a language model: the terms that set a cluster apart (c-TF-IDF)."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trace_clustering.labeling.scripts_without_spaces import (
    blank_unspaced,
    cut_unspaced,
    is_unspaced,
    list_pairs,
)
from trace_clustering.traces.summary import TraceSummary

TERMS_IN_TITLE = 3
MAX_TERMS_IN_DESCRIPTION = 8
_MAX_VOCABULARY = 20_000
# More summaries would change the terms of a cluster little, and those of 100,000 traces would take minutes.
MAX_SUMMARIES = 1000
# A term that occurs in a larger share of the clusters, such as the name of the product, tells none apart.
MAX_CLUSTER_SHARE = 0.6
# A common word that nearly all clusters have is a filler, such as an article: pairs with it are left out too.
_MIN_CLUSTER_SHARE_OF_FILLER = 0.95
# With fewer clusters than this, a term of two of them would already exceed that share. Then a term is common
# if all clusters have it, and none has it this many times more often than another.
_MIN_CLUSTERS_FOR_SHARE = 4
_MAX_RATIO_OF_COMMON = 4.0
# A longer piece of a text without spaces says more than one inside it, if it weighs nearly as much.
_MIN_WEIGHT_OF_LONGER = 0.7


def build_documents(members: Mapping[int, Sequence[TraceSummary]]) -> dict[int, str]:
    """Return the words of each cluster, given the summaries of its members."""
    return {cluster: build_document(summaries) for cluster, summaries in members.items()}


def find_terms(documents: Mapping[int, str]) -> dict[int, list[str]]:
    """Return the terms that set each cluster apart from the others, best first, given its words."""
    return dict(zip(documents, find_distinguishing_terms(list(documents.values())), strict=True))


def find_distinguishing_terms(
    documents: Sequence[str], max_terms: int = MAX_TERMS_IN_DESCRIPTION
) -> list[list[str]]:
    """Return the terms of each document that the other documents lack, best first.

    Class-based TF-IDF (Grootendorst 2022, arXiv:2203.05794): all texts of a cluster are one document, and a
    term weighs `tf * log(1 + A / f)`, where `tf` is its share of the cluster's terms, `f` its count in all
    clusters, and `A` the mean number of terms per cluster. Terms are words and pairs of words, or pieces of
    text in scripts that put no spaces between words. What all clusters share is left out, in any language,
    unless a document has nothing else.

    Parameters
    ----------
    documents : sequence of str
        All texts of each cluster.
    max_terms : int
        At most so many terms are returned per cluster.
    """
    return rank_distinguishing_terms(count_terms(documents), max_terms)


def rank_distinguishing_terms(
    counted: "TermCounts", max_terms: int = MAX_TERMS_IN_DESCRIPTION
) -> list[list[str]]:
    """Return the terms of each counted document that the others lack; see `find_distinguishing_terms`."""
    if len(counted.terms) == 0:
        return [[] for _ in counted.counts]
    counts, terms = counted.counts, counted.terms
    totals = counts.sum(axis=1, keepdims=True)
    frequency = counts / np.maximum(totals, 1)
    weights = frequency * np.log1p(totals.mean() / counts.sum(axis=0))
    is_common = _find_common_terms(counts, frequency)
    fillers = set(terms[is_common & ((counts > 0).mean(axis=0) >= _MIN_CLUSTER_SHARE_OF_FILLER)])
    is_common |= [" " in term and not fillers.isdisjoint(term.split()) for term in terms]
    telling = np.where(is_common, 0, weights)
    if len(counts) < _MIN_CLUSTERS_FOR_SHARE:
        lacks_others = telling.max(axis=1) <= 0
        telling[lacks_others] = weights[lacks_others]
    return [pick_terms(terms, row, max_terms) for row in telling]


@dataclass(frozen=True, eq=False)
class TermCounts:
    """How often each of t terms occurs in each of m documents.

    Attributes
    ----------
    terms : array of str, shape (t,)
    counts : float64 array, shape (m, t)
    """

    terms: np.ndarray
    counts: np.ndarray


def count_terms(documents: Sequence[str]) -> TermCounts:
    """Count words and pairs of words, or pieces of text without spaces; there may be none."""
    from sklearn.feature_extraction.text import CountVectorizer

    nothing = TermCounts(np.empty(0, dtype=object), np.empty((len(documents), 0)))
    if not any(document.strip() for document in documents):
        return nothing
    composed = [unicodedata.normalize("NFC", document) for document in documents]
    list_words = CountVectorizer(
        stop_words="english", ngram_range=(1, 2), token_pattern=_make_word_pattern(composed)
    ).build_analyzer()
    vectorizer = CountVectorizer(
        analyzer=lambda document: [*list_words(blank_unspaced(document)), *cut_unspaced(document)],
        max_features=_MAX_VOCABULARY,
    )
    try:
        counts = vectorizer.fit_transform(composed).toarray().astype(np.float64)
    except ValueError:  # nothing but stop words and numbers
        return nothing
    return TermCounts(vectorizer.get_feature_names_out(), counts)


def _make_word_pattern(documents: Sequence[str]) -> str:
    r"""Return a pattern of words in any script: `\w` alone cuts words at vowel signs and accents.

    It lists only the marks that occur, since with all 2,400 marks of Unicode it is twenty times slower.
    """
    characters = set().union(*documents)
    marks = "".join(sorted(c for c in characters if unicodedata.category(c)[0] == "M"))
    return rf"(?<![\w{marks}])[^\W\d_](?:[\w{marks}'-]*[\w{marks}])"


def build_document(summaries: Sequence[TraceSummary]) -> str:
    """Return the words of a cluster's first summaries; titles count double, because they name the topic."""
    lines = []
    for summary in summaries[:MAX_SUMMARIES]:
        lines += [summary["title"], summary["title"], *summary["bullets"], *summary["interesting_notes"]]
    return "\n".join(lines)


def _find_common_terms(counts: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Return, for each term, whether it occurs in too many clusters to tell them apart."""
    share: np.ndarray = (counts > 0).mean(axis=0)
    if len(counts) >= _MIN_CLUSTERS_FOR_SHARE:
        return share > MAX_CLUSTER_SHARE
    if len(counts) == 1:
        return np.zeros(counts.shape[1], dtype=bool)
    is_even: np.ndarray = frequency.max(axis=0) < _MAX_RATIO_OF_COMMON * frequency.min(axis=0)
    is_common: np.ndarray = (share == 1) & is_even
    return is_common


def pick_terms(terms: np.ndarray, weights: np.ndarray, max_terms: int) -> list[str]:
    """Return the heaviest terms, without those that repeat a word of a heavier one."""
    picked: list[str] = []
    words: set[str] = set()
    found = np.flatnonzero(weights > 0)
    weight_of = {str(terms[index]): weights[index] for index in found}
    for index in found[np.lexsort((terms[found], -weights[found]))]:
        if len(picked) == max_terms:
            break
        term = _lengthen(str(terms[index]), weight_of)
        stems = list_pairs(term) if is_unspaced(term) else {stem(word) for word in term.split()}
        if not stems & words:
            picked.append(term)
            words |= stems
    return picked


def _lengthen(term: str, weight_of: Mapping[str, float]) -> str:
    """Return the longest piece around a piece of unspaced text that weighs nearly as much; else the term."""
    if not is_unspaced(term):
        return term
    least = _MIN_WEIGHT_OF_LONGER * weight_of[term]
    longer = [other for other, weight in weight_of.items() if weight >= least and term in other]
    return max(longer, key=lambda other: (len(other), weight_of[other], other))


def stem(word: str) -> str:
    """Return a rough stem, the same for `refund` and `refunds`, and for `kettle` and `kettles`."""
    for ending in ("ies", "ing", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word

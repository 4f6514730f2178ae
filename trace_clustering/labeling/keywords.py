"""Labels without an LLM: the terms that set a cluster apart (c-TF-IDF)."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from trace_clustering.traces.summary import TraceSummary

TERMS_IN_TITLE = 3
TERMS_IN_DESCRIPTION = 8
_MAX_TERMS = 20_000
# More of one cluster say nothing new, and all of 100,000 traces would take minutes.
MAX_SUMMARIES = 1000
# What many traces share says nothing about one cluster.
_LARGEST_SHARE_OF_CLUSTERS = 0.6


def distinguishing_terms(documents: Sequence[str], limit: int = TERMS_IN_DESCRIPTION) -> list[list[str]]:
    """Return the terms of each document that the other documents lack, best first.

    Class-based TF-IDF (Grootendorst 2022, arXiv:2203.05794): all texts of a cluster are one document, and a
    term weighs `tf * log(1 + A / f)`, with its share `tf` of the cluster's terms, its count `f` over all
    clusters and the mean number `A` of terms per cluster. Terms are words and pairs of words.

    Parameters
    ----------
    documents : sequence of str
        All texts of each cluster.
    limit : int
        Most terms to return per cluster.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    if not any(document.strip() for document in documents):
        return [[] for _ in documents]
    composed = [unicodedata.normalize("NFC", document) for document in documents]
    vectorizer = CountVectorizer(
        stop_words="english",
        ngram_range=(1, 2),
        max_features=_MAX_TERMS,
        token_pattern=_word_pattern(composed),
    )
    try:
        counts = vectorizer.fit_transform(composed).toarray().astype(np.float64)
    except ValueError:  # nothing but stop words and numbers
        return [[] for _ in documents]
    terms = vectorizer.get_feature_names_out()
    totals = counts.sum(axis=1, keepdims=True)
    frequency = counts / np.maximum(totals, 1)
    weights = frequency * np.log1p(totals.mean() / counts.sum(axis=0))
    weights[:, _is_common(counts)] = 0
    return [_pick(terms, row, limit) for row in weights]


def _word_pattern(documents: Sequence[str]) -> str:
    r"""Return a pattern of words in any script: `\w` alone cuts words at vowel signs and accents.

    It knows those that occur, since with all 2,400 that exist it would be twenty times slower.
    """
    characters = set().union(*documents)
    marks = "".join(sorted(c for c in characters if unicodedata.category(c)[0] == "M"))
    return rf"(?<![\w{marks}])[^\W\d_](?:[\w{marks}'-]*[\w{marks}])"


def cluster_document(summaries: Sequence[TraceSummary]) -> str:
    """Return the words of the first summaries of a cluster; titles, which shall be telling, count double."""
    lines = []
    for summary in summaries[:MAX_SUMMARIES]:
        lines += [summary["title"], summary["title"], *summary["bullets"], *summary["interesting_notes"]]
    return "\n".join(lines)


def _is_common(counts: np.ndarray) -> np.ndarray:
    """Return which terms occur in so many clusters that they tell none apart."""
    clusters = len(counts)
    if clusters < 4:
        return np.zeros(counts.shape[1], dtype=bool)
    share: np.ndarray = (counts > 0).mean(axis=0)
    return share > _LARGEST_SHARE_OF_CLUSTERS


def _pick(terms: np.ndarray, weights: np.ndarray, limit: int) -> list[str]:
    """Return the heaviest terms, leaving out those that repeat the words of a heavier one."""
    picked: list[str] = []
    words: set[str] = set()
    for index in np.lexsort((terms, -weights)):
        if weights[index] <= 0 or len(picked) == limit:
            break
        stems = {stem(word) for word in terms[index].split()}
        if not stems & words:
            picked.append(str(terms[index]))
            words |= stems
    return picked


def stem(word: str) -> str:
    """Return a rough stem, enough to see that `refund` and `refunds`, `kettle` and `kettles` are one word."""
    for ending in ("ies", "ing", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word

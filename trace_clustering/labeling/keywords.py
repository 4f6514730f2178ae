"""Labels without a language model: the terms that set a cluster apart (c-TF-IDF)."""

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from trace_clustering.traces.summary import TraceSummary

TERMS_IN_TITLE = 3
MAX_TERMS_IN_DESCRIPTION = 8
_MAX_VOCABULARY = 20_000
# More summaries would change the terms of a cluster little, and those of 100,000 traces would take minutes.
MAX_SUMMARIES = 1000
# A term that occurs in a larger share of the clusters, such as the name of the product, tells none apart.
_MAX_CLUSTER_SHARE = 0.6
# With fewer clusters than this, a term of two of them would already exceed that share.
_MIN_CLUSTERS_WITH_COMMON_TERMS = 4


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
    clusters, and `A` the mean number of terms per cluster. Terms are words and pairs of words.

    Parameters
    ----------
    documents : sequence of str
        All texts of each cluster.
    max_terms : int
        At most so many terms are returned per cluster.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    if not any(document.strip() for document in documents):
        return [[] for _ in documents]
    composed = [unicodedata.normalize("NFC", document) for document in documents]
    vectorizer = CountVectorizer(
        stop_words="english",
        ngram_range=(1, 2),
        max_features=_MAX_VOCABULARY,
        token_pattern=_make_word_pattern(composed),
    )
    try:
        counts = vectorizer.fit_transform(composed).toarray().astype(np.float64)
    except ValueError:  # nothing but stop words and numbers
        return [[] for _ in documents]
    terms = vectorizer.get_feature_names_out()
    totals = counts.sum(axis=1, keepdims=True)
    frequency = counts / np.maximum(totals, 1)
    weights = frequency * np.log1p(totals.mean() / counts.sum(axis=0))
    weights[:, _find_common_terms(counts)] = 0
    return [_pick_terms(terms, row, max_terms) for row in weights]


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


def _find_common_terms(counts: np.ndarray) -> np.ndarray:
    """Return, for each term, whether it occurs in too many clusters to tell them apart."""
    if len(counts) < _MIN_CLUSTERS_WITH_COMMON_TERMS:
        return np.zeros(counts.shape[1], dtype=bool)
    share: np.ndarray = (counts > 0).mean(axis=0)
    return share > _MAX_CLUSTER_SHARE


def _pick_terms(terms: np.ndarray, weights: np.ndarray, max_terms: int) -> list[str]:
    """Return the heaviest terms, without those that repeat a word of a heavier one."""
    picked: list[str] = []
    words: set[str] = set()
    for index in np.lexsort((terms, -weights)):
        if weights[index] <= 0 or len(picked) == max_terms:
            break
        stems = {stem(word) for word in terms[index].split()}
        if not stems & words:
            picked.append(str(terms[index]))
            words |= stems
    return picked


def stem(word: str) -> str:
    """Return a rough stem, the same for `refund` and `refunds`, and for `kettle` and `kettles`."""
    for ending in ("ies", "ing", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word

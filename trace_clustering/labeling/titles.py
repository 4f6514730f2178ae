"""Titles that tell clusters apart: which of them say the same, and how they are made distinct."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from trace_clustering.constants import NOISE_CLUSTER_ID, NOISE_TITLE
from trace_clustering.labeling.keywords import stem
from trace_clustering.text import MAX_TITLE_LENGTH, plain_line

# Two titles that share this much of their words are too much alike to be told apart in a list.
NEARLY_EQUAL = 0.75

_WORD = re.compile(r"\w+")
_EMPTY_WORDS = frozenset(
    ("a", "an", "and", "at", "by", "for", "from", "in", "into", "is", "of", "on", "or", "the", "to", "with")
)


def title_words(title: str) -> frozenset[str]:
    """Return what a title says, whatever the order and the form of its words."""
    words = _WORD.findall(title.casefold())
    return frozenset(stem(word) for word in words if word not in _EMPTY_WORDS) or frozenset(words)


def similar_titles(titles: Mapping[int, str]) -> list[tuple[int, int]]:
    """Return the pairs of clusters whose titles are equal or nearly equal."""
    words = {cluster: title_words(title) for cluster, title in titles.items()}
    return [
        (one, other)
        for one, other in itertools.combinations(words, 2)
        if len(words[one] & words[other]) >= NEARLY_EQUAL * max(len(words[one] | words[other]), 1)
    ]


def distinct_titles(candidates: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """Return for each cluster the first of its candidates that says something no earlier title says.

    If there is none, its first candidate gets the number of the cluster. Noise is always `Outliers`.
    """
    titles: dict[int, str] = {}
    taken = {title_words(NOISE_TITLE)}
    for cluster, wanted in candidates.items():
        if cluster == NOISE_CLUSTER_ID:
            titles[cluster] = NOISE_TITLE
            continue
        possible = itertools.chain(wanted, _numbered(wanted[0], cluster))
        titles[cluster] = next(title for title in possible if title_words(title) not in taken)
        taken.add(title_words(titles[cluster]))
    return titles


def with_each_term(title: str, terms: Iterable[str]) -> Iterator[str]:
    """Yield a title with one of its cluster's terms added, in the order of the terms."""
    for term in terms:
        yield _with_suffix(title, f" ({plain_line(term, 40)})")


def _numbered(title: str, cluster: int) -> Iterator[str]:
    yield _with_suffix(title, f" ({cluster})")
    for count in itertools.count(2):
        yield _with_suffix(title, f" ({cluster}, {count})")


def _with_suffix(title: str, suffix: str) -> str:
    return plain_line(title, MAX_TITLE_LENGTH - len(suffix)) + suffix

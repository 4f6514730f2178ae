"""Titles that tell clusters apart: find those that say the same, and make them distinct."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from trace_clustering.constants import NOISE_CLUSTER_ID, NOISE_TITLE
from trace_clustering.labeling.keywords import stem
from trace_clustering.text import MAX_TITLE_LENGTH, clean_line

# Readers of a list confuse two titles that share this much of their words.
MIN_SHARE_OF_SIMILAR = 0.75

_WORD = re.compile(r"\w+")
_STOP_WORDS = frozenset(
    ("a", "an", "and", "at", "by", "for", "from", "in", "into", "is", "of", "on", "or", "the", "to", "with")
)


def stem_title(title: str) -> frozenset[str]:
    """Return the stems of a title's words; titles with the same stems say the same."""
    words = _WORD.findall(title.casefold())
    return frozenset(stem(word) for word in words if word not in _STOP_WORDS) or frozenset(words)


def find_similar_titles(titles: Mapping[int, str]) -> list[tuple[int, int]]:
    """Return the pairs of clusters whose titles are equal or nearly equal."""
    words = {cluster: stem_title(title) for cluster, title in titles.items()}
    return [
        (one, other)
        for one, other in itertools.combinations(words, 2)
        if len(words[one] & words[other]) >= MIN_SHARE_OF_SIMILAR * max(len(words[one] | words[other]), 1)
    ]


def make_titles_distinct(
    candidates: Mapping[int, Sequence[str]], others: Iterable[str] = ()
) -> dict[int, str]:
    """Choose for each cluster the first of its candidates that no earlier title repeats.

    If there is none, its first candidate gets the number of the cluster. Noise is always `Outliers`. No
    title repeats one of the `others`, which have theirs already.
    """
    titles: dict[int, str] = {}
    taken = {stem_title(NOISE_TITLE), *map(stem_title, others)}
    for cluster, wanted in candidates.items():
        if cluster == NOISE_CLUSTER_ID:
            titles[cluster] = NOISE_TITLE
            continue
        possible = itertools.chain(wanted, _add_number(wanted[0], cluster))
        titles[cluster] = next(title for title in possible if stem_title(title) not in taken)
        taken.add(stem_title(titles[cluster]))
    return titles


def add_each_term(title: str, terms: Iterable[str]) -> Iterator[str]:
    """Yield a title with one of its cluster's terms added, in the order of the terms."""
    for term in terms:
        yield _append_suffix(title, f" ({clean_line(term, 40)})")


def _add_number(title: str, cluster: int) -> Iterator[str]:
    yield _append_suffix(title, f" ({cluster})")
    for count in itertools.count(2):
        yield _append_suffix(title, f" ({cluster}, {count})")


def _append_suffix(title: str, suffix: str) -> str:
    return clean_line(title, MAX_TITLE_LENGTH - len(suffix)) + suffix

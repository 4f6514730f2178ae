"""Labels that stand before a run names its clusters: those of topics that go on, and those of the user."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from trace_clustering.artifacts.clusters import ClusterLabel
from trace_clustering.artifacts.topics import ClusterIdentities
from trace_clustering.labeling.keywords import stem
from trace_clustering.text import MAX_TITLE_LENGTH, clean_line

# Relations under which a cluster can carry on the label of its topic.
_ONGOING: Final = ("continued", "merged", "back")
# A topic keeps its label if at least this share of the words of then still sets it apart. Of the words of one
# intent in two disjoint weeks, less are the same in 1 of 100 cases; of those of two intents, in 98 of 100.
MIN_SHARE_OF_WORDS = 0.2
# What was merged keeps the label of the larger part, if that part still makes up this share of the cluster.
MIN_SHARE_OF_TRACES = 0.5
# A title with the number of a cluster is no name, and the user's titles hold as long as the file says so.
LASTING_LABELERS: Final = ("agent", "keywords")
_MAX_DESCRIPTION_LINE = 300
_SIZE_LINE = re.compile(r"^- \d+ of \d+ traces( \(\d+%\))?$", re.MULTILINE)


@dataclass(frozen=True)
class FixedLabel:
    """A label that stood before the run named its clusters.

    Attributes
    ----------
    label : ClusterLabel
    labeler : str
        `agent`, `keywords` or `user`.
    from_run : str
        The run that made it; empty for the user's.
    terms : tuple of str
        The terms that set the cluster apart when the label was made.
    """

    label: ClusterLabel
    labeler: str
    from_run: str = ""
    terms: tuple[str, ...] = ()


def find_lasting_labels(
    identities: ClusterIdentities, sizes: Mapping[int, int], terms: Mapping[int, Collection[str]]
) -> dict[int, FixedLabel]:
    """Return the labels of earlier runs that still say what their clusters are.

    A label lasts if its cluster goes on with the topic, and the terms that set the cluster apart when the
    label was made, which may be many runs ago, still do. So a topic that drifts slowly gets a new title in
    the end. Of topics that were merged, the label of the larger part lasts.

    Parameters
    ----------
    identities : ClusterIdentities
    sizes : mapping
        Number of traces of each cluster.
    terms : mapping
        The terms that set each cluster apart now, best first.
    """
    lasting = {}
    for row, cluster in enumerate(identities.cluster_ids.tolist()):
        title = clean_line(identities.earlier_titles[row], MAX_TITLE_LENGTH)
        if not title or identities.earlier_labelers[row] not in LASTING_LABELERS:
            continue
        then = identities.earlier_label_terms[row] if identities.earlier_label_terms else []
        if not (_goes_on(identities, row, sizes[cluster]) and share_words(then, terms[cluster])):
            continue
        made_by = identities.earlier_label_from_runs[row] if identities.earlier_label_from_runs else ""
        lasting[cluster] = FixedLabel(
            ClusterLabel(title, _restate(identities.earlier_descriptions[row], sizes, cluster)),
            str(identities.earlier_labelers[row]),
            made_by or str(identities.earlier_run_ids[row]),
            tuple(then) or tuple(terms[cluster]),
        )
    return lasting


def share_words(then: Collection[str], now: Collection[str]) -> bool:
    """Return whether enough words of the terms of then are in those of now; true if there are none."""
    if not (then and now):
        return True
    return measure_shared_words(then, now) >= MIN_SHARE_OF_WORDS


def measure_shared_words(then: Collection[str], now: Collection[str]) -> float:
    """Return the share of the words of some terms that are in others, from 0 to 1."""
    before = _stem_terms(then)
    return len(before & _stem_terms(now)) / max(len(before), 1)


def _goes_on(identities: ClusterIdentities, row: int, size: int) -> bool:
    relation, shared = identities.relations[row], int(identities.shared_traces[row])
    if relation == "merged" and shared:
        return shared >= MIN_SHARE_OF_TRACES * size
    return relation in _ONGOING


def _stem_terms(terms: Iterable[str]) -> set[str]:
    return {stem(word) for term in terms for word in term.casefold().split()}


def _restate(description: str, sizes: Mapping[int, int], cluster: int) -> str:
    """Return a description of an earlier run in plain lines, with the size that the cluster has now."""
    size_line = write_size_line(sizes[cluster], sum(sizes.values()))
    return _SIZE_LINE.sub(size_line, clean_lines(description))


def clean_lines(description: str) -> str:
    """Return a description of an earlier run in plain lines."""
    lines = [clean_line(line, _MAX_DESCRIPTION_LINE) for line in description.splitlines()]
    return "\n".join(line for line in lines if line)


def write_size_line(size: int, total: int) -> str:
    """Return the line of a description that says how large a cluster is."""
    return f"- {size} of {total} traces ({size / total:.0%})"

"""Groups of clusters get titles too: by what their clusters share, and distinct from all other titles."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from trace_clustering.artifacts.clusters import ClusterLabel, ClusterLabels
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.labeling.fixed import LASTING_LABELERS, clean_lines, write_size_line
from trace_clustering.labeling.keywords import TERMS_IN_TITLE
from trace_clustering.labeling.titles import add_each_term, make_titles_distinct, stem_title
from trace_clustering.text import clean_line

# A group keeps its name if it shares this much of its topics with the group that it continues.
_MIN_OVERLAP_TO_KEEP = 0.6
# And if that name is words, at least this share of them still sets the group or its clusters apart.
_MIN_SHARE_OF_WORDS_TO_KEEP = 0.6
_MAX_TITLES_IN_DESCRIPTION = 5
_TITLE_LENGTH_IN_DESCRIPTION = 60


@dataclass(frozen=True)
class Group:
    """A group of clusters that is to be named.

    Attributes
    ----------
    group_id : int
        An id that no cluster of the run has: the groups are numbered after the clusters.
    parent_id : str
        The identity that it keeps from run to run.
    level : int
        1 is the narrower, 2 the wider.
    cluster_ids : sequence of int
    size : int
        Number of traces.
    terms : sequence of str
        What its clusters share, best first; where they share little, what its largest clusters are about.
    kept : ClusterLabel or None
        The label that it had before, if it has hardly changed.
    kept_labeler : str
    """

    group_id: int
    parent_id: str
    level: int
    cluster_ids: Sequence[int]
    size: int
    terms: Sequence[str]
    kept: ClusterLabel | None = None
    kept_labeler: str = ""


def prepare_groups(
    parents: Sequence[Mapping[str, Any]],
    shared_terms: Sequence[Sequence[str]],
    terms: Mapping[int, Sequence[str]],
    sizes: Mapping[int, int],
    *,
    keep_labels: bool,
) -> list[Group]:
    """Return the groups of a run with the terms that they are named by, and with the labels that they keep.

    Parameters
    ----------
    parents : sequence of mapping
        As `ClusterIdentities` holds them.
    shared_terms : sequence
        The terms that the clusters of each of these groups share.
    terms : mapping
        The terms that set each cluster apart.
    sizes : mapping
        Number of traces of each cluster.
    keep_labels : bool
        Whether groups that go on keep their labels.
    """
    groups = []
    first = 1 + max(sizes, default=NOISE_CLUSTER_ID)
    for number, (parent, shared) in enumerate(zip(parents, shared_terms, strict=True), start=first):
        clusters = sorted(parent["cluster_ids"], key=lambda cluster: (-sizes[cluster], cluster))
        own_terms = list(dict.fromkeys([*shared, *_take_turns([terms[c] for c in clusters])]))
        kept = _find_kept_label(parent, own_terms) if keep_labels else None
        groups.append(
            Group(
                group_id=number,
                parent_id=parent["parent_id"],
                level=parent["level"],
                cluster_ids=list(parent["cluster_ids"]),
                size=sum(sizes[cluster] for cluster in clusters),
                terms=own_terms,
                kept=kept,
                kept_labeler=parent["earlier_labeler"] if kept else "",
            )
        )
    return groups


def _find_kept_label(parent: Mapping[str, Any], terms: Sequence[str]) -> ClusterLabel | None:
    """Return the label that a group had before, if it is much the same group and its title still holds."""
    title, labeler = clean_line(parent["earlier_title"]), parent["earlier_labeler"]
    if parent["relation"] != "continued" or parent["overlap"] < _MIN_OVERLAP_TO_KEEP:
        return None
    if not title or labeler not in LASTING_LABELERS:
        return None
    words = stem_title(title)
    known = {word for term in terms for word in stem_title(term)}
    if labeler == "keywords" and len(words & known) < _MIN_SHARE_OF_WORDS_TO_KEEP * len(words):
        return None
    return ClusterLabel(title, clean_lines(parent["earlier_description"]))


def label_groups(
    groups: Sequence[Group], labels: ClusterLabels, written: Mapping[int, ClusterLabel]
) -> list[dict[str, Any]]:
    """Return every group with a title that no cluster and no other group has.

    Parameters
    ----------
    groups : sequence of Group
    labels : ClusterLabels
        Of the clusters.
    written : mapping
        The labels that the agent wrote, by the number of the group; some or all may be missing.

    Returns
    -------
    list of dict
        As `ClusterLabels.parents` holds them.
    """
    sizes = labels.cluster_sizes()
    titles_of = dict(zip(labels.cluster_ids.tolist(), labels.titles.tolist(), strict=True))
    found = {group.group_id: _find_label(group, written) for group in groups}
    # A title that a group keeps is taken before those that are made now.
    by_rank = sorted(groups, key=lambda group: (group.kept is None, group.group_id not in written))
    titles = make_titles_distinct(
        {group.group_id: _list_titles(group, found[group.group_id][0]) for group in by_rank},
        titles_of.values(),
    )
    rows = []
    for group in groups:
        label, labeler = found[group.group_id]
        by_size = sorted(group.cluster_ids, key=lambda cluster: (-sizes[cluster], cluster))
        facts = _describe(group.size, sum(sizes.values()), [titles_of[cluster] for cluster in by_size])
        rows.append(
            {
                "id": group.parent_id,
                "level": group.level,
                "title": titles[group.group_id],
                "description": label.description if label and labeler == "agent" else facts,
                "labeler": labeler,
                "clusters": list(group.cluster_ids),
                "traces": group.size,
            }
        )
    return rows


def _find_label(group: Group, written: Mapping[int, ClusterLabel]) -> tuple[ClusterLabel | None, str]:
    """Return the label of a group that somebody wrote or that it keeps, and the labeler of its title."""
    if group.group_id in written:
        return written[group.group_id], "agent"
    if group.kept:
        return group.kept, group.kept_labeler
    return None, "keywords" if group.terms else "fallback"


def _list_titles(group: Group, label: ClusterLabel | None) -> list[str]:
    """Return candidates for the title of a group, best first."""
    if label:
        return [label.title, *add_each_term(label.title, group.terms)]
    fewest = min(TERMS_IN_TITLE, len(group.terms))
    lines = [clean_line(", ".join(group.terms[:n])) for n in range(fewest, len(group.terms) + 1) if n]
    return [line[:1].upper() + line[1:] for line in lines] or [f"Group {group.group_id}"]


def _describe(traces: int, total: int, titles: Sequence[str]) -> str:
    """Return a description of facts: size, and the largest clusters."""
    shown = [clean_line(title, _TITLE_LENGTH_IN_DESCRIPTION) for title in titles[:_MAX_TITLES_IN_DESCRIPTION]]
    more = f"; and {len(titles) - len(shown)} more" if len(titles) > len(shown) else ""
    clusters = f"{len(titles)} cluster{'s' if len(titles) > 1 else ''}"
    return f"{write_size_line(traces, total)} in {clusters}\n- {'; '.join(shown)}{more}"


def _take_turns(lists: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the first items of all lists, then the second ones."""
    for items in zip_longest(*lists):
        yield from (item for item in items if item is not None)

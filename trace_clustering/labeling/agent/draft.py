"""The labels while the agent works on them: each is checked before it is taken."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trace_clustering.artifacts.clusters import ClusterLabel
from trace_clustering.constants import NOISE_CLUSTER_ID, NOISE_TITLE
from trace_clustering.errors import ToolCallRefusedError
from trace_clustering.labeling.agent.evidence import Evidence
from trace_clustering.labeling.titles import find_similar_titles, stem_title
from trace_clustering.text import MAX_TITLE_LENGTH, clean_line

MAX_BULLETS = 5
MAX_BULLET_LENGTH = 240
MAX_REASONS = 3  # for refusals, in the report

_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s*")
_MEANINGLESS_TITLE = re.compile(r"(cluster|group|topic|category)?[\s#:_-]*-?\d*", re.IGNORECASE)


@dataclass(frozen=True)
class ToolContext:
    """What the tools work with: the evidence that they show, and the labels that they set."""

    evidence: Evidence
    draft: "Draft"


class Draft:
    """The labels that the clusters of one run have so far.

    Parameters
    ----------
    sizes : mapping
        Number of traces of every cluster.
    save : callable
        Called after labels were set. It stores them, so that they outlive the process.
    fixed : mapping
        By cluster, the labels that stand before the run and cannot be changed.
    groups : mapping
        Number of traces of every group of clusters. A group is labelled like a cluster, under an id that no
        cluster has.
    """

    def __init__(
        self,
        sizes: Mapping[int, int],
        save: Callable[[], None],
        fixed: Mapping[int, ClusterLabel] | None = None,
        groups: Mapping[int, int] | None = None,
    ) -> None:
        self.sizes = sizes
        self.groups = dict(groups or {})
        self.has_named_missing_groups = False
        self.fixed = dict(fixed or {})
        self.save = save
        self.labels: dict[int, ClusterLabel] = {}
        self.refused_endings = 0
        self.finalized = False
        self.accepted_calls = 0
        self.refusals: Counter[str] = Counter()

    def set_label(self, cluster_id: int, title: str, description: str) -> ClusterLabel:
        """Take a label as plain text, and return it as it was taken.

        Raises
        ------
        ToolCallRefusedError
            If the cluster does not exist or has a fixed label, or the label is empty, too long or without
            meaning.
        """
        if cluster_id not in self.sizes and cluster_id not in self.groups:
            raise ToolCallRefusedError(f"there is no cluster {cluster_id}; the overview lists the ids")
        if cluster_id in self.fixed:
            raise ToolCallRefusedError(f"the label of cluster {cluster_id} is fixed; leave it as it is")
        label = ClusterLabel(
            self._clean_title(cluster_id, title), self._clean_description(cluster_id, description)
        )
        self.labels[cluster_id] = label
        return label

    def note_refusal(self, reason: str) -> None:
        """Count why a call, or one label of many, was not taken; the reason holds no text of a model."""
        self.refusals[reason] += 1

    def describe_refusals(self) -> str:
        """Return what was refused, the most frequent reasons first; empty if nothing was."""
        shown = [f"{count} x {reason}" for reason, count in self.refusals.most_common(MAX_REASONS)]
        others = self.refusals.total() - sum(n for _, n in self.refusals.most_common(MAX_REASONS))
        return "; ".join([*shown, *([f"{others} others"] if others else [])])

    def list_unlabelled(self) -> list[int]:
        """Return the clusters that have no label yet."""
        return [cluster for cluster in self.sizes if cluster not in self.list_labels()]

    def list_unlabelled_groups(self) -> list[int]:
        """Return the groups of clusters that have no label yet."""
        return [group for group in self.groups if group not in self.labels and group not in self.fixed]

    def list_labels(self) -> dict[int, ClusterLabel]:
        """Return the labels of clusters so far, those that are fixed among them, in the clusters' order."""
        known = self.labels | self.fixed
        return {cluster: known[cluster] for cluster in self.sizes if cluster in known}

    def list_all_labels(self) -> dict[int, ClusterLabel]:
        """Return the labels of clusters and then those of groups."""
        known = self.labels | self.fixed
        return self.list_labels() | {group: known[group] for group in self.groups if group in known}

    def find_similar_titles(self) -> list[tuple[int, int]]:
        """Return the pairs, of clusters and groups, with titles that are nearly equal, and not both fixed."""
        similar = find_similar_titles({owner: label.title for owner, label in self.list_all_labels().items()})
        return [pair for pair in similar if not self.fixed.keys() >= set(pair)]

    def _clean_title(self, cluster_id: int, title: str) -> str:
        if cluster_id == NOISE_CLUSTER_ID:
            return NOISE_TITLE
        line = clean_line(title, max(len(title), 1)).strip("\"' ")
        if not line:
            raise ToolCallRefusedError("the title is empty; give 3 to 10 words")
        if len(line) > MAX_TITLE_LENGTH:
            raise ToolCallRefusedError(
                f"the title has {len(line)} characters, at most {MAX_TITLE_LENGTH} are allowed; "
                "give 3 to 10 words"
            )
        if stem_title(line) == stem_title(NOISE_TITLE):
            raise ToolCallRefusedError(f"the title {NOISE_TITLE} is reserved for cluster {NOISE_CLUSTER_ID}")
        if _MEANINGLESS_TITLE.fullmatch(line):
            raise ToolCallRefusedError(
                "the title says nothing about the traces; name what they have in common"
            )
        return line

    def _clean_description(self, cluster_id: int, description: str) -> str:
        lines = [clean_line(_BULLET.sub("", line), MAX_BULLET_LENGTH) for line in description.splitlines()]
        bullets = [line for line in lines if line][:MAX_BULLETS]
        if not bullets:
            raise ToolCallRefusedError(
                f"the description is empty; give 2 to {MAX_BULLETS} lines that start with '- '"
            )
        if len(bullets) == 1:
            size = (self.groups if cluster_id in self.groups else self.sizes)[cluster_id]
            bullets.append(f"{size} of {sum(self.sizes.values())} traces")
        return "\n".join(f"- {bullet}" for bullet in bullets)

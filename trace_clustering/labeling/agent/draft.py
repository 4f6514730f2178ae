"""The labels as they come to be: each is checked before it counts, and kept as soon as it does."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trace_clustering.artifacts.clusters import ClusterLabel
from trace_clustering.constants import NOISE_CLUSTER_ID, NOISE_TITLE
from trace_clustering.errors import ToolCallRefusedError
from trace_clustering.labeling.agent.evidence import Evidence
from trace_clustering.labeling.titles import similar_titles, title_words
from trace_clustering.text import MAX_TITLE_LENGTH, plain_line

MOST_BULLETS = 5
LONGEST_BULLET = 240
# How often finalizing is refused for the sake of better labels.
MOST_REFUSALS = 3

_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s*")
_SAYS_NOTHING = re.compile(r"(cluster|group|topic|category)?[\s#:_-]*-?\d*", re.IGNORECASE)


@dataclass(frozen=True)
class Desk:
    """What the tools work with: what can be looked at, and the labels so far."""

    evidence: Evidence
    draft: "Draft"


class Draft:
    """Labels of the clusters of one run, while an agent works on them.

    Parameters
    ----------
    sizes : mapping
        Number of traces of every cluster.
    keep : callable
        Called whenever labels were set, to store them, so that they outlive the process.
    """

    def __init__(self, sizes: Mapping[int, int], keep: Callable[[], None]) -> None:
        self.sizes = sizes
        self.keep = keep
        self.labels: dict[int, ClusterLabel] = {}
        self.refusals = 0
        self.finalized = False

    def set(self, cluster_id: int, title: str, description: str) -> ClusterLabel:
        """Take a label, as plain text, and return it as it was taken.

        Raises
        ------
        ToolCallRefusedError
            If the cluster does not exist, or the label is empty, too long or says nothing.
        """
        if cluster_id not in self.sizes:
            raise ToolCallRefusedError(f"there is no cluster {cluster_id}; the overview lists the ids")
        label = ClusterLabel(self._title(cluster_id, title), self._description(cluster_id, description))
        self.labels[cluster_id] = label
        return label

    def unlabelled(self) -> list[int]:
        """Return the clusters that have no label yet."""
        return [cluster for cluster in self.sizes if cluster not in self.labels]

    def similar(self) -> list[tuple[int, int]]:
        """Return the pairs of clusters whose titles are equal or nearly equal."""
        return similar_titles({cluster: label.title for cluster, label in self.labels.items()})

    def refuse_to_end(self) -> bool:
        """Return whether there is something to mend and the model shall be asked, a few times, to do it."""
        if self.refusals < MOST_REFUSALS and (self.unlabelled() or self.similar()):
            self.refusals += 1
            return True
        return False

    def _title(self, cluster_id: int, title: str) -> str:
        if cluster_id == NOISE_CLUSTER_ID:
            return NOISE_TITLE
        line = plain_line(title, max(len(title), 1)).strip("\"' ")
        if not line:
            raise ToolCallRefusedError("the title is empty; give 3 to 10 words")
        if len(line) > MAX_TITLE_LENGTH:
            raise ToolCallRefusedError(
                f"the title has {len(line)} characters, at most {MAX_TITLE_LENGTH} are allowed; "
                "give 3 to 10 words"
            )
        if title_words(line) == title_words(NOISE_TITLE):
            raise ToolCallRefusedError(f"the title {NOISE_TITLE} is reserved for cluster {NOISE_CLUSTER_ID}")
        if _SAYS_NOTHING.fullmatch(line):
            raise ToolCallRefusedError(
                "the title says nothing about the traces; name what they have in common"
            )
        return line

    def _description(self, cluster_id: int, description: str) -> str:
        lines = [plain_line(_BULLET.sub("", line), LONGEST_BULLET) for line in description.splitlines()]
        bullets = [line for line in lines if line][:MOST_BULLETS]
        if not bullets:
            raise ToolCallRefusedError(
                f"the description is empty; give 2 to {MOST_BULLETS} lines that start with '- '"
            )
        if len(bullets) == 1:
            bullets.append(f"{self.sizes[cluster_id]} of {sum(self.sizes.values())} traces")
        return "\n".join(f"- {bullet}" for bullet in bullets)

"""Where labels are kept while they are made, so that a killed process or another run does not lose them."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from upath import UPath

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabel
from trace_clustering.artifacts.files import write_whole
from trace_clustering.constants import NOISE_TITLE
from trace_clustering.labeling.agent.prompts import VERSION
from trace_clustering.llm.endpoint.budget import Usage

# What a file that is missing, damaged or of another time raises.
_UNREADABLE: Final = (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True)
class StoredLabels:
    """The labels that a clustering has so far, and how they were made.

    Attributes
    ----------
    labels : dict
    usage : Usage
        The requests, tokens and money of all attempts.
    ended : str
        How the agent ended; empty if it did not.
    accuracies : dict or None
        By cluster, the share of held-out traces that were assigned to it; None if labels were not verified.
    groups : list of list of int
        The groups of clusters, whose labels have the ids after those of the clusters.
    """

    labels: Mapping[int, ClusterLabel] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    ended: str = ""
    accuracies: Mapping[int, float] | None = None
    groups: list[list[int]] = field(default_factory=list)

    def adapt_to_groups(self, groups: list[list[int]], clusters: Collection[int]) -> "StoredLabels":
        """Return what holds if the same clusters are in these groups; other groups have to be labelled."""
        if groups == self.groups:
            return self
        labels = {cluster: label for cluster, label in self.labels.items() if cluster in clusters}
        return replace(self, labels=labels, ended="" if groups else self.ended, groups=groups)


@dataclass(frozen=True)
class EarlierLabels:
    """The labels that a model wrote in earlier runs for the same night, for any clustering and by any model.

    Attributes
    ----------
    labels : dict
        Of the clusters that have exactly the traces of a cluster of then.
    n_others : int
        Number of labels whose cluster does not exist any more; noise is not counted.
    """

    labels: Mapping[int, ClusterLabel] = field(default_factory=dict)
    n_others: int = 0


class LabelStore:
    """The file with the labels of one run: `<base>/labels_of_agent/<team>/<run id>.json`.

    Labels are used again only for the same fingerprint, which stands for the clustering, the model and the
    prompts. Those of an earlier fingerprint stay in the file until every cluster has a label.

    Parameters
    ----------
    base : UPath
        Folder of all artifacts.
    assignments : ClusterAssignments
    model : str
        Name of the model.
    """

    def __init__(self, base: UPath, assignments: ClusterAssignments, model: str) -> None:
        provenance = assignments.provenance
        self._path = base / "labels_of_agent" / str(provenance.team_id) / f"{provenance.run_id}.json"
        self._fingerprint = _compute_fingerprint(assignments, model)
        self._digests = {cluster: _digest_members(assignments, cluster) for cluster in assignments.clusters()}

    def load(self) -> StoredLabels:
        """Return what is stored; nothing, if it has another fingerprint or cannot be read."""
        try:
            content = self._read()
            if content["fingerprint"] != self._fingerprint:
                return StoredLabels()
            accuracies = content["accuracies"]
            return StoredLabels(
                labels={int(cluster): ClusterLabel(**label) for cluster, label in content["labels"].items()},
                usage=Usage(**content["usage"]),
                ended=content["ended"],
                accuracies=None if accuracies is None else {int(c): float(a) for c, a in accuracies.items()},
                groups=content.get("groups", []),
            )
        except _UNREADABLE:
            return StoredLabels()

    def load_earlier(self) -> EarlierLabels:
        """Return the labels of earlier runs; nothing, if they cannot be read."""
        known = self._labels_by_members
        labels = {c: known[digest] for c, digest in self._digests.items() if digest in known}
        outliers = {digest for digest, label in known.items() if label.title == NOISE_TITLE}
        return EarlierLabels(labels, n_others=len(known.keys() - outliers - set(self._digests.values())))

    def save(self, stored: StoredLabels, fixed: Collection[int] = ()) -> None:
        """Write the whole file; after a crash it has the old content or the new.

        Parameters
        ----------
        stored : StoredLabels
        fixed : collection of int
            The clusters whose labels no model sets.
        """
        mine = {self._digests[c]: label for c, label in stored.labels.items() if c in self._digests}
        is_complete = self._digests.keys() <= stored.labels.keys() | set(fixed)
        earlier = {} if is_complete else self._labels_by_members
        content: dict[str, Any] = {
            "fingerprint": self._fingerprint,
            **asdict(stored),
            "labels_by_members": {digest: asdict(label) for digest, label in {**earlier, **mine}.items()},
        }
        write_whole(self._path, json.dumps(content, ensure_ascii=False).encode())

    @cached_property
    def _labels_by_members(self) -> dict[str, ClusterLabel]:
        """The labels that were stored before this run, by the digest of their clusters' members."""
        try:
            return {d: ClusterLabel(**label) for d, label in self._read()["labels_by_members"].items()}
        except _UNREADABLE:
            return {}

    def _read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._path.read_bytes())
        return content


def _compute_fingerprint(assignments: ClusterAssignments, model: str) -> str:
    """Return a hash of everything that labels depend on: the traces, their clusters, model and prompts."""
    return _digest([VERSION, model, assignments.trace_ids.tolist(), assignments.cluster_ids.tolist()])


def _digest_members(assignments: ClusterAssignments, cluster: int) -> str:
    return _digest(sorted(assignments.trace_ids[assignments.cluster_ids == cluster].tolist()))


def _digest(value: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()

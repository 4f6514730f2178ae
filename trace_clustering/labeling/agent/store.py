"""Where labels are kept while they are made, so that a killed process or another run does not lose them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from upath import UPath

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabel
from trace_clustering.artifacts.files import write_whole
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.labeling.agent.prompts import VERSION
from trace_clustering.labeling.endpoint.budget import Usage


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
    """

    labels: Mapping[int, ClusterLabel] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    ended: str = ""
    accuracies: Mapping[int, float] | None = None


class LabelStore:
    """The file with the labels of one run: `<base>/labels_of_agent/<team>/<run id>.json`.

    Labels are used again only for the same fingerprint, which stands for the clustering, the model and the
    prompts.

    Parameters
    ----------
    base : UPath
        Folder of all artifacts.
    provenance : Provenance
    fingerprint : str
    """

    def __init__(self, base: UPath, provenance: Provenance, fingerprint: str) -> None:
        self._path = base / "labels_of_agent" / str(provenance.team_id) / f"{provenance.run_id}.json"
        self._fingerprint = fingerprint

    def load(self) -> StoredLabels:
        """Return what is stored; nothing, if it has another fingerprint or cannot be read."""
        try:
            content = json.loads(self._path.read_bytes())
            if content["fingerprint"] != self._fingerprint:
                return StoredLabels()
            accuracies = content["accuracies"]
            return StoredLabels(
                labels={int(cluster): ClusterLabel(**label) for cluster, label in content["labels"].items()},
                usage=Usage(**content["usage"]),
                ended=content["ended"],
                accuracies=None if accuracies is None else {int(c): float(a) for c, a in accuracies.items()},
            )
        except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
            return StoredLabels()

    def save(self, stored: StoredLabels) -> None:
        """Write the whole file; after a crash it has the old content or the new."""
        content: dict[str, Any] = {"fingerprint": self._fingerprint, **asdict(stored)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, json.dumps(content, ensure_ascii=False).encode())


def compute_fingerprint(assignments: ClusterAssignments, model: str) -> str:
    """Return a hash of everything that labels depend on: the traces, their clusters, model and prompts."""
    identity = [VERSION, model, assignments.trace_ids.tolist(), assignments.cluster_ids.tolist()]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()

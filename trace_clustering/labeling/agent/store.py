"""Where labels are kept while they are made, so that neither a killed process nor a re-run loses them."""

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
    """Labels of one clustering, as far as they got.

    Attributes
    ----------
    labels : dict
    usage : Usage
        What it took to make them, over all attempts.
    ended : str
        How the agent ended; empty if it did not.
    accuracies : dict or None
        Where the labels were verified: by cluster, the share that was right.
    """

    labels: Mapping[int, ClusterLabel] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    ended: str = ""
    accuracies: Mapping[int, float] | None = None


class LabelStore:
    """The stored labels of one run: `<base>/labels_of_agent/<team>/<run id>.json`.

    They hold for one fingerprint, that of the clustering, the model and the prompts; those of another are
    as good as none.

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
        """Return what is stored; nothing, if that is of another clustering or cannot be read."""
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
        """Write everything anew; a crash leaves the old content or the new."""
        content: dict[str, Any] = {"fingerprint": self._fingerprint, **asdict(stored)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, json.dumps(content, ensure_ascii=False).encode())


def fingerprint(assignments: ClusterAssignments, model: str) -> str:
    """Return what labels hold for: the traces, their clusters, the model and the prompts."""
    what = [VERSION, model, assignments.trace_ids.tolist(), assignments.cluster_ids.tolist()]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()

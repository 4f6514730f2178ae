"""What the event tells of a team's file of topics."""

from typing import Any

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels
from trace_clustering.artifacts.topics import ClusterIdentities


def list_edits(cluster_id: int, identities: ClusterIdentities, *, is_renamed: bool) -> list[str]:
    """Return which edits of its topic made a cluster what it is."""
    rows: list[int] = np.flatnonzero(identities.cluster_ids == cluster_id).tolist()
    obeyed = [name for row in rows if identities.obeyed for name in identities.obeyed[row]]
    return ["rename", *obeyed] if is_renamed else obeyed


def describe_edits(
    assignments: ClusterAssignments, identities: ClusterIdentities, labels: ClusterLabels
) -> dict[str, Any]:
    """Return which state of the file each step obeyed, and what it names in vain; empty without a file."""
    steps = {"clusters": assignments.edits, "identities": identities.edits, "labels": labels.edits}
    digests = {name: edits["digest"] for name, edits in steps.items() if edits}
    if not digests:
        return {}
    return {"digests": digests, "unknown_topics": identities.edits.get("unknown_topics", [])}

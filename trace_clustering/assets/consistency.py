"""Checks that stored artifacts stem from the same runs of the assets upstream."""

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.traces import TraceArtifact
from trace_clustering.errors import InconsistentArtifactsError


def require_same_traces(first: TraceArtifact, second: TraceArtifact) -> None:
    """Check that two artifacts hold the same traces.

    Raises
    ------
    InconsistentArtifactsError
        If only one of them was made again, from other traces.
    """
    if list(first.trace_ids) != list(second.trace_ids):
        raise _explain_mismatch(first, second, "hold different traces")


def require_same_clusters(
    assignments: ClusterAssignments, projection: Projection2D, labels: ClusterLabels | None = None
) -> None:
    """Check that a map, and labels if given, belong to the same clusters.

    Raises
    ------
    InconsistentArtifactsError
        If the clusters were made again, and the map or the labels were not.
    """
    require_same_traces(assignments, projection)
    if not np.array_equal(assignments.cluster_ids, projection.cluster_ids):
        raise _explain_mismatch(assignments, projection, "hold different clusters")
    if labels is not None and labels.cluster_sizes() != assignments.cluster_sizes():
        raise _explain_mismatch(assignments, labels, "hold different clusters")


def _explain_mismatch(first: Artifact, second: Artifact, difference: str) -> InconsistentArtifactsError:
    return InconsistentArtifactsError(
        f"The stored {type(first).__name__} and {type(second).__name__} "
        f"of run {first.provenance.run_id} {difference}: "
        "an asset upstream was materialized again and those after it were not; "
        "materialize the partition's assets from there on"
    )

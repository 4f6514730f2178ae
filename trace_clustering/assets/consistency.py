"""Checks that the artifacts that an asset reads stem from the same materializations upstream."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.traces import TraceArtifact
from trace_clustering.errors import InconsistentArtifactsError
from trace_clustering.orchestration.settings import list_settings_of_several_stages


def require_one_origin(inputs: Mapping[str, Artifact]) -> None:
    """Check that artifacts were made from each other, and from the same artifacts upstream.

    Parameters
    ----------
    inputs : mapping
        Artifacts by asset, in the order of the pipeline.

    Raises
    ------
    InconsistentArtifactsError
        If an asset was materialized again and another one after it was not. The message says which.
    """
    pairs = list(combinations(inputs.items(), 2))
    for (earlier, first), (later, second) in pairs:
        # What can be seen in the content comes first: it also holds for files of earlier versions.
        difference = _compare_content(first, second) or _compare_settings(first, second)
        made_from = second.provenance.made_from.get(earlier, first.digest)
        if difference or made_from != first.digest:
            difference = difference or "it was made from others"
            raise InconsistentArtifactsError(
                f"{later} (stored by {_name_run(second)}) does not belong to the stored {earlier} (of "
                f"{_name_run(first)}): {difference}. {earlier} was materialized again after {later}, maybe "
                f"with other settings; materialize {later} and the assets after it: --select '{later}*'"
            )
    for (earlier, first), (later, second) in pairs:
        for source, digest in first.provenance.made_from.items():
            if second.provenance.made_from.get(source, digest) != digest:
                raise InconsistentArtifactsError(
                    f"{earlier} (stored by {_name_run(first)}) and {later} (of {_name_run(second)}) were "
                    f"made from different {source}; materialize {source} and the assets after it: "
                    f"--select '{source}*'"
                )


def trace_lineage(inputs: Mapping[str, Artifact]) -> dict[str, str]:
    """Return the digest of each artifact that something made from these inputs is made from, by asset."""
    lineage: dict[str, str] = {}
    for name, artifact in inputs.items():
        lineage |= {**artifact.provenance.made_from, name: artifact.digest}
    return lineage


def _compare_content(first: Artifact, second: Artifact) -> str:
    """Return what two artifacts hold that cannot belong together; empty if they may belong together."""
    if isinstance(first, TraceArtifact) and isinstance(second, TraceArtifact):
        if list(first.trace_ids) != list(second.trace_ids):
            return "they hold different traces"
        if isinstance(first, ClusterAssignments) and isinstance(second, Projection2D):
            same = np.array_equal(first.cluster_ids, second.cluster_ids)
            return "" if same else "they hold different clusters"
    if isinstance(first, ClusterAssignments) and isinstance(second, ClusterLabels):
        same = first.cluster_sizes() == second.cluster_sizes()
        return "" if same else "they hold different clusters"
    return ""


def _compare_settings(first: Artifact, second: Artifact) -> str:
    """Return a setting that two artifacts record differently, although only one asset records it."""
    one, other = first.provenance.settings, second.provenance.settings
    for name in one.keys() & other.keys() - list_settings_of_several_stages():
        if one[name] != other[name]:
            return f"the one was made with {name} = {one[name]!r}, the other with {other[name]!r}"
    return ""


def _name_run(artifact: Artifact) -> str:
    run_id = artifact.provenance.dagster_run_id
    return f"run {run_id}" if run_id else "an earlier version"

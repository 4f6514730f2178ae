"""The labels of a clustering as a table for Dagster's pages."""

import dagster as dg
import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels
from trace_clustering.constants import NOISE_CLUSTER_ID


def tabulate_labels(labels: ClusterLabels, assignments: ClusterAssignments) -> dg.TableMetadataValue:
    """Return one row per cluster, the largest first and noise last; shares and stability in per cent.

    The columns of what was not measured, stability or accuracy, are left out.
    """
    total = int(labels.sizes.sum())
    stabilities = [assignments.stability(int(cluster)) for cluster in labels.cluster_ids]
    measured = any(stability is not None for stability in stabilities)
    verified = not np.isnan(labels.accuracies).all()
    order = np.lexsort((labels.cluster_ids, -labels.sizes, labels.cluster_ids == NOISE_CLUSTER_ID))
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "cluster": int(labels.cluster_ids[row]),
                    "title": labels.titles[row],
                    "traces": int(labels.sizes[row]),
                    "share": f"{labels.sizes[row] / total:.1%}",
                    **({"stability": _write_share(stabilities[row])} if measured else {}),
                    "labeler": labels.labelers[row],
                    **({"accuracy": _write_share(labels.accuracies[row])} if verified else {}),
                    "description": _join_points(labels.descriptions[row]),
                }
            )
            for row in order
        ]
    )


def tabulate_parents(labels: ClusterLabels) -> dg.TableMetadataValue:
    """Return one row per group of clusters, the wider level first, and on each level the largest first."""
    total = int(labels.sizes.sum())
    titles = dict(zip(labels.cluster_ids.tolist(), labels.titles.tolist(), strict=True))
    ordered = sorted(labels.parents, key=lambda parent: (-parent["level"], -parent["traces"]))
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "level": ("narrow", "wide")[parent["level"] - 1],
                    "title": parent["title"],
                    "traces": parent["traces"],
                    "share": f"{parent['traces'] / total:.1%}",
                    "labeler": parent["labeler"],
                    "clusters": " · ".join(titles[cluster] for cluster in parent["clusters"]),
                }
            )
            for parent in ordered
        ]
    )


def _write_share(share: float | None) -> str:
    return "" if share is None or np.isnan(share) else f"{share:.0%}"


def _join_points(description: str) -> str:
    """Return the points of a description on one line: a cell has no line breaks."""
    return " · ".join(line.removeprefix("- ") for line in description.splitlines())

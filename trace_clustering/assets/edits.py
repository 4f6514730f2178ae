"""How the assets obey what a team's file says of its topics, and what they record of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from trace_clustering.algorithms.steps import ClusteredPoints, relabel_points
from trace_clustering.artifacts.clusters import ClusterLabel
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.topics import ClusterIdentities
from trace_clustering.artifacts.traces import Embeddings, ReducedEmbeddings
from trace_clustering.topics.edited_clusters import EditedClusters, apply_edits
from trace_clustering.topics.edits import TopicEdits
from trace_clustering.topics.history import EarlierRun
from trace_clustering.traces.arrays import FloatArray


def name_scope(provenance: Provenance) -> str:
    """Return what sets the new topics of a run apart from those of all other runs."""
    return f"{provenance.team_id}:{provenance.run_id}"


def edit_clusters(
    clustered: ClusteredPoints,
    embeddings: Embeddings,
    reduced: ReducedEmbeddings,
    edits: TopicEdits,
    earlier: Sequence[EarlierRun],
) -> tuple[ClusteredPoints, EditedClusters]:
    """Return the clusters as the merges and pins of a team's file want them; without any, as they are."""
    if not edits.change_clusters:
        return clustered, EditedClusters(clustered.cluster_ids, list(range(len(clustered.centroids))))
    edited = apply_edits(
        clustered.cluster_ids,
        reduced.trace_ids,
        embeddings.embeddings,
        earlier,
        edits,
        scope=name_scope(reduced.provenance),
    )
    is_placed = np.isin(edited.labels, list(edited.kept))
    relabelled = relabel_points(
        reduced.points, clustered, edited.labels, origins=edited.origins, is_placed=is_placed
    )
    return relabelled, edited


def keep_places(
    edited: EditedClusters, centroids: FloatArray, radii: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return centroids and radii, in which topics that stay only since they are pinned are where they were.

    A few traces would move them, until no trace is near them any more.
    """
    centroids, radii = centroids.copy(), radii.copy()
    for cluster, topic in edited.kept.items():
        centroids[cluster], radii[cluster] = topic.centroid, topic.radius
    return centroids, radii


def record_edits(edited: EditedClusters, edits: TopicEdits) -> dict[str, Any]:
    """Return what was obeyed as the artifact holds it; empty if the file says nothing of the team."""
    if not edits.by_topic:
        return {}
    return {
        "digest": edits.digest,
        "topics": {str(cluster): topic for cluster, topic in sorted(edited.topics.items())},
        "kept_by_pin": sorted(edited.kept),
        "merges": dict(sorted(edited.merges.items())),
        "known_sources": edited.known_sources,
    }


def list_obeyed(topic_ids: list[str], merges: dict[str, str], edits: TopicEdits) -> list[list[str]]:
    """Return, by cluster, which edits were obeyed until its topic was known."""
    targets = set(merges.values())
    return [
        [
            *(["merge"] if topic in targets else []),
            *(["pin"] if edits.find(topic).pin else []),
            *(["ignore"] if edits.find(topic).ignore else []),
        ]
        for topic in topic_ids
    ]


def find_renamed(identities: ClusterIdentities, edits: TopicEdits) -> dict[int, ClusterLabel]:
    """Return the labels that the file gives to clusters, by the topics that these have."""
    found = zip(identities.cluster_ids.tolist(), map(edits.find, identities.topic_ids), strict=True)
    return {cluster: ClusterLabel(edit.title, edit.description) for cluster, edit in found if edit.title}

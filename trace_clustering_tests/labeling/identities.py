"""Made-up topics of the made-up clusterings: each cluster goes on with a label of an earlier run."""

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.topics import ClusterIdentities

EARLIER_RUN = "1_trace_20250122_000000"


def identities_of(
    assignments: ClusterAssignments,
    titles: dict[int, str],
    *,
    labeler: str = "agent",
    relation: str = "continued",
    description: str = "- Written before.",
    terms: tuple[str, ...] = (),
    shared: int = 0,
    from_run: str = "",
) -> ClusterIdentities:
    """Return identities in which the clusters that `titles` names go on, and the others are new."""
    clusters = list(range(len(assignments.centroids)))

    def fill(value: str) -> np.ndarray:
        return np.array([value if cluster in titles else "" for cluster in clusters], dtype=object)

    return ClusterIdentities(
        provenance=assignments.provenance,
        cluster_ids=np.array(clusters, dtype=np.int64),
        topic_ids=np.array([f"topic-{cluster}" for cluster in clusters], dtype=object),
        relations=np.array([relation if c in titles else "new" for c in clusters], dtype=object),
        earlier_run_ids=fill(EARLIER_RUN),
        earlier_cluster_ids=np.array([c if c in titles else -1 for c in clusters], dtype=np.int64),
        shared_traces=np.array([shared if c in titles else 0 for c in clusters], dtype=np.int64),
        earlier_titles=np.array([titles.get(cluster, "") for cluster in clusters], dtype=object),
        earlier_descriptions=fill(description),
        earlier_labelers=fill(labeler),
        earlier_label_from_runs=[from_run if cluster in titles else "" for cluster in clusters],
        earlier_label_terms=[list(terms) if cluster in titles else [] for cluster in clusters],
    )

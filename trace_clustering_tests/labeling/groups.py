"""Groups of made-up clusters: those that share a verb."""

from collections.abc import Mapping, Sequence
from typing import Any

from trace_clustering.labeling.keywords import build_documents
from trace_clustering.labeling.label import list_members_with_summaries
from trace_clustering.labeling.parents import Group, prepare_groups
from trace_clustering.labeling.shared_terms import find_all_terms
from trace_clustering_tests.labeling.clusterings import OBJECTS, clustering

N_CLUSTERS = 15  # three verbs, each with every object


def make_parents(n_clusters: int = N_CLUSTERS, **fields: Any) -> list[dict[str, Any]]:
    """Return a narrow group per verb and a wide one of all but the last, as `ClusterIdentities` has them."""
    verbs = [list(range(first, first + len(OBJECTS))) for first in range(0, n_clusters, len(OBJECTS))]
    wide = [[cluster for verb in verbs[:-1] for cluster in verb], verbs[-1]]
    new = {"relation": "new", "overlap": 0.0, "earlier_run_id": ""} | {
        f"earlier_{key}": "" for key in ("title", "description", "labeler")
    }
    return [
        {"parent_id": f"p{level}-{number}", "level": level, "cluster_ids": clusters, **new, **fields}
        for level, groups in ((1, verbs), (2, wide))
        for number, clusters in enumerate(groups)
    ]


def make_groups(
    parents: Sequence[Mapping[str, Any]] | None = None, *, keep_labels: bool = True
) -> list[Group]:
    """Return the groups of `clustering(N_CLUSTERS)`, prepared in the same steps as in the pipeline."""
    parents = make_parents() if parents is None else parents
    assignments, _, summaries = clustering(N_CLUSTERS)
    documents = build_documents(list_members_with_summaries(assignments, summaries))
    terms, shared = find_all_terms(documents, [(p["level"], p["cluster_ids"]) for p in parents])
    return prepare_groups(parents, shared, terms, assignments.cluster_sizes(), keep_labels=keep_labels)

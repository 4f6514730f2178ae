"""One title and one description for every cluster, all titles distinct."""

import numpy as np

from trace_clustering.artifacts import ClusterAssignments, ClusterLabel, ClusterLabels, TraceSummary
from trace_clustering.constants import NOISE_CLUSTER_ID, NOISE_TITLE
from trace_clustering.labeling.keywords import TERMS_IN_TITLE, cluster_document, distinguishing_terms
from trace_clustering.text import MAX_TITLE_LENGTH, plain_line


def generate_cluster_labels(
    assignments: ClusterAssignments, summaries: dict[str, TraceSummary]
) -> ClusterLabels:
    """Label every cluster by the terms that set it apart from the others.

    A cluster whose traces have no summaries falls back to `Cluster N`; noise is always `Outliers`.

    Parameters
    ----------
    assignments : ClusterAssignments
    summaries : dict
        Summaries by trace id; some may be missing.

    Returns
    -------
    ClusterLabels
        Ascending cluster ids, noise last; `labelers` says `keywords` or `fallback`.
    """
    cluster_ids = assignments.cluster_ids()
    members = {cluster: assignments.ranked_members(cluster) for cluster in cluster_ids}
    known = {
        cluster: [summaries[trace_id] for trace_id in assignments.trace_ids[rows] if trace_id in summaries]
        for cluster, rows in members.items()
    }
    terms = dict(
        zip(cluster_ids, distinguishing_terms([cluster_document(known[c]) for c in cluster_ids]), strict=True)
    )
    titles = _distinct_titles(terms)
    labels = [
        ClusterLabel(titles[c], _description(len(members[c]), len(assignments), terms[c], known[c]))
        for c in cluster_ids
    ]
    return ClusterLabels(
        provenance=assignments.provenance,
        cluster_ids=np.array(cluster_ids, dtype=np.int64),
        sizes=np.array([len(members[c]) for c in cluster_ids], dtype=np.int64),
        titles=np.array([label.title for label in labels], dtype=object),
        descriptions=np.array([label.description for label in labels], dtype=object),
        labelers=np.array(["keywords" if terms[c] else "fallback" for c in cluster_ids], dtype=object),
    )


def _distinct_titles(terms: dict[int, list[str]]) -> dict[int, str]:
    """Return a title per cluster; of equal ones, the later gets further terms, or its number at last."""
    titles: dict[int, str] = {}
    for cluster, found in terms.items():
        if cluster == NOISE_CLUSTER_ID:
            titles[cluster] = NOISE_TITLE
            continue
        taken = {title.casefold() for title in titles.values()} | {NOISE_TITLE.casefold()}
        candidates = [_title(found[:count]) for count in range(TERMS_IN_TITLE, len(found) + 1)]
        candidates += [_title(found[:TERMS_IN_TITLE])] if found else []
        fresh = [title for title in candidates if title and title.casefold() not in taken]
        fallback = _numbered(candidates[-1], cluster) if candidates else f"Cluster {cluster}"
        titles[cluster] = fresh[0] if fresh else fallback
    return titles


def _numbered(title: str, cluster: int) -> str:
    suffix = f" ({cluster})"
    return plain_line(title, MAX_TITLE_LENGTH - len(suffix)) + suffix


def _title(terms: list[str]) -> str:
    line = plain_line(", ".join(terms))
    return line[:1].upper() + line[1:]


def _description(size: int, total: int, terms: list[str], summaries: list[TraceSummary]) -> str:
    lines = [f"- {size} of {total} traces ({size / total:.0%})"]
    if terms:
        lines.append(f"- Distinguishing terms: {plain_line(', '.join(terms), 300)}")
    if summaries:
        lines.append(f"- For example: {plain_line(summaries[0]['title']) or 'untitled'}")
    return "\n".join(lines)

"""One title and one description for every cluster, all titles distinct, whoever made them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabel, ClusterLabels
from trace_clustering.labeling.endpoint.budget import Usage
from trace_clustering.labeling.keywords import TERMS_IN_TITLE, cluster_document, distinguishing_terms
from trace_clustering.labeling.titles import distinct_titles, with_each_term
from trace_clustering.text import plain_line
from trace_clustering.traces.summary import TraceSummary

# The report of labels that no agent had a part in.
NO_AGENT: dict[str, Any] = {
    "model": "",
    "ended": "no language model was asked: there is no key and no address, or labeler is keywords",
    **asdict(Usage()),
}


@dataclass(frozen=True)
class AgentLabels:
    """What the agent leaves behind, whether or not it came to its end.

    Attributes
    ----------
    labels : dict
        The clusters it labelled.
    report : dict
        How the labels came about: model, how the agent ended, requests, tokens, cost.
    accuracies : dict
        Where labels were verified: the share of held-out members that was assigned to their cluster.
    reused : int
        How many of the labels an earlier attempt or run had left behind.
    """

    labels: Mapping[int, ClusterLabel]
    report: dict[str, Any]
    accuracies: Mapping[int, float] = field(default_factory=dict)
    reused: int = 0


def generate_cluster_labels(
    assignments: ClusterAssignments, summaries: dict[str, TraceSummary], agent: AgentLabels | None = None
) -> ClusterLabels:
    """Label every cluster.

    Without an agent, titles are the terms that set a cluster apart from the others. With one, they are
    the agent's. A cluster that nobody could name is `Cluster N`, noise is always `Outliers`; their
    descriptions still say how large they are and what sets them apart. Of titles that say the same, the later
    gets one of its terms added, or its number at last.

    Parameters
    ----------
    assignments : ClusterAssignments
    summaries : dict
        Summaries by trace id; some may be missing.
    agent : AgentLabels, optional
        What an agent wrote; labels may be missing. None if no language model is configured.

    Returns
    -------
    ClusterLabels
        Ascending cluster ids, noise last; `labelers` says `agent`, `keywords` or `fallback`.
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
    descriptions = {c: _facts(len(members[c]), len(assignments), terms[c], known[c]) for c in cluster_ids}
    if agent is None:
        labeler, candidates = "keywords", {c: _titles_of_terms(terms[c]) for c in cluster_ids if terms[c]}
    else:
        labeler, candidates = (
            "agent",
            {c: _agents_title(label, terms[c]) for c, label in agent.labels.items()},
        )
        descriptions |= {c: label.description for c, label in agent.labels.items()}
    titles = distinct_titles({c: candidates.get(c, [f"Cluster {c}"]) for c in cluster_ids})
    accuracies = agent.accuracies if agent else {}
    return ClusterLabels(
        provenance=assignments.provenance,
        cluster_ids=np.array(cluster_ids, dtype=np.int64),
        sizes=np.array([len(members[c]) for c in cluster_ids], dtype=np.int64),
        titles=np.array([titles[c] for c in cluster_ids], dtype=object),
        descriptions=np.array([descriptions[c] for c in cluster_ids], dtype=object),
        labelers=np.array([labeler if c in candidates else "fallback" for c in cluster_ids], dtype=object),
        accuracies=np.array([accuracies.get(c, np.nan) for c in cluster_ids], dtype=np.float32),
        labeling=agent.report if agent else NO_AGENT,
    )


def _titles_of_terms(terms: list[str]) -> list[str]:
    """Return titles of ever more terms; the first is meant, the others tell it from equal ones."""
    lines = [plain_line(", ".join(terms[:n])) for n in range(min(TERMS_IN_TITLE, len(terms)), len(terms) + 1)]
    return [line[:1].upper() + line[1:] for line in lines]


def _agents_title(label: ClusterLabel, terms: list[str]) -> list[str]:
    return [label.title, *with_each_term(label.title, terms)]


def _facts(size: int, total: int, terms: list[str], summaries: list[TraceSummary]) -> str:
    lines = [f"- {size} of {total} traces ({size / total:.0%})"]
    if terms:
        lines.append(f"- Distinguishing terms: {plain_line(', '.join(terms), 300)}")
    if summaries:
        lines.append(f"- For example: {plain_line(summaries[0]['title']) or 'untitled'}")
    return "\n".join(lines)

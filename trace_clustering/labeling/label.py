"""One title and one description for every cluster, all titles distinct, whatever made them: the way in."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabel, ClusterLabels, Projection2D
from trace_clustering.labeling.agent.evidence import hold_out
from trace_clustering.labeling.agent.run import AgentLabels, Attempt, run_labeling_agent
from trace_clustering.labeling.agent.store import LabelStore
from trace_clustering.labeling.endpoint.budget import Usage
from trace_clustering.labeling.keywords import TERMS_IN_TITLE, cluster_document, distinguishing_terms
from trace_clustering.labeling.resource import LLM
from trace_clustering.labeling.titles import distinct_titles, with_each_term
from trace_clustering.processes.clock import StepClock
from trace_clustering.processes.worker import run_with_deadline
from trace_clustering.text import plain_line
from trace_clustering.traces.summary import TraceSummary

# The report of labels that no agent had a part in.
NO_AGENT: dict[str, Any] = {
    "model": "",
    "ended": "no language model was asked: there is no key and no address, or labeler is keywords",
    **asdict(Usage()),
}


@dataclass(frozen=True)
class LabelingResult:
    """The labels of a clustering.

    Attributes
    ----------
    labels : ClusterLabels
    labels_reused : int
        How many of them an earlier attempt or run had left behind.
    """

    labels: ClusterLabels
    labels_reused: int


def label_clusters(
    assignments: ClusterAssignments,
    projection: Projection2D,
    summaries: dict[str, TraceSummary],
    *,
    llm: LLM,
    store: LabelStore,
    attempt: Attempt,
    clock: StepClock,
    log: logging.Logger,
) -> LabelingResult:
    """Label every cluster: by the agent where a language model is configured, else by keywords.

    Parameters
    ----------
    assignments, projection
    summaries : dict
        Summaries by trace id; some may be missing.
    llm : LLM
    store : LabelStore
        Where the agent's labels are kept while they are made.
    attempt : Attempt
    clock : StepClock
    log : logging.Logger
        Told of every iteration, without a text of a trace or a model.

    Raises
    ------
    LLMUnavailableError, InvalidSettingsError
        As `run_labeling_agent` does.
    DeadlineExceededError
        If the step's time is over before terms are found.
    """
    connection = llm.connection()
    held_out = hold_out(assignments, llm.verification_samples) if connection and llm.verify_labels else {}
    members = list_members_with_summaries(assignments, summaries, without=held_out)
    # Where the computations of the run were done, the library that this needs is imported already.
    terms = run_with_deadline(find_terms, cluster_documents(members), seconds=clock.seconds_left())
    agent = run_labeling_agent(
        assignments,
        projection,
        summaries,
        terms,
        held_out,
        connection=connection,
        llm=llm,
        store=store,
        attempt=attempt,
        seconds=clock.seconds_left(),
        log=log,
    )
    labels = generate_cluster_labels(assignments, summaries, terms, agent)
    return LabelingResult(labels, agent.reused if agent else 0)


def list_members_with_summaries(
    assignments: ClusterAssignments,
    summaries: Mapping[str, TraceSummary],
    without: Mapping[str, Any] | None = None,
) -> dict[int, list[TraceSummary]]:
    """Return the summaries of every cluster's members in the order of rank, without some traces."""
    hidden = without or {}
    return {
        cluster: [
            summaries[trace]
            for trace in assignments.trace_ids[assignments.rank_members(cluster)]
            if trace in summaries and trace not in hidden
        ]
        for cluster in assignments.clusters()
    }


def cluster_documents(members: Mapping[int, Sequence[TraceSummary]]) -> dict[int, str]:
    """Return all words of every cluster, given the summaries of its members."""
    return {cluster: cluster_document(summaries) for cluster, summaries in members.items()}


def find_terms(documents: Mapping[int, str]) -> dict[int, list[str]]:
    """Return the terms that set each cluster apart from the others, best first, given all its words."""
    return dict(zip(documents, distinguishing_terms(list(documents.values())), strict=True))


def generate_cluster_labels(
    assignments: ClusterAssignments,
    summaries: Mapping[str, TraceSummary],
    terms: Mapping[int, list[str]],
    agent: AgentLabels | None = None,
) -> ClusterLabels:
    """Put the labels of all clusters together.

    Without an agent, titles are the terms that set a cluster apart from the others. With one, they are
    the agent's. A cluster that got no title is `Cluster N`, noise is always `Outliers`; their
    descriptions still say how large they are and what sets them apart. Of titles that say the same, the later
    gets one of its terms added, or its number at last.

    Parameters
    ----------
    assignments : ClusterAssignments
    summaries : mapping
        Summaries by trace id; some may be missing.
    terms : mapping
        The terms that set each cluster apart, best first.
    agent : AgentLabels, optional
        What an agent wrote; labels may be missing. None if no language model is configured.

    Returns
    -------
    ClusterLabels
        Ascending cluster ids, noise last; `labelers` says `agent`, `keywords` or `fallback`.
    """
    members = {cluster: assignments.rank_members(cluster) for cluster in assignments.clusters()}
    known = list_members_with_summaries(assignments, summaries)
    descriptions = {
        c: _describe(len(rows), len(assignments), terms[c], known[c]) for c, rows in members.items()
    }
    if agent is None:
        labeler, candidates = "keywords", {c: _titles_of_terms(terms[c]) for c in members if terms[c]}
    else:
        labeler = "agent"
        candidates = {c: _titles_of_agent(label, terms[c]) for c, label in agent.labels.items()}
        descriptions |= {c: label.description for c, label in agent.labels.items()}
    titles = distinct_titles({c: candidates.get(c, [f"Cluster {c}"]) for c in members})
    accuracies = agent.accuracies if agent else {}
    return ClusterLabels(
        provenance=assignments.provenance,
        cluster_ids=np.array(list(members), dtype=np.int64),
        sizes=np.array([len(rows) for rows in members.values()], dtype=np.int64),
        titles=np.array([titles[c] for c in members], dtype=object),
        descriptions=np.array([descriptions[c] for c in members], dtype=object),
        labelers=np.array([labeler if c in candidates else "fallback" for c in members], dtype=object),
        accuracies=np.array([accuracies.get(c, np.nan) for c in members], dtype=np.float32),
        labeling=agent.report if agent else NO_AGENT,
    )


def _titles_of_terms(terms: list[str]) -> list[str]:
    """Return titles of ever more terms: the first is the title, the others tell it from equal ones."""
    lines = [plain_line(", ".join(terms[:n])) for n in range(min(TERMS_IN_TITLE, len(terms)), len(terms) + 1)]
    return [line[:1].upper() + line[1:] for line in lines]


def _titles_of_agent(label: ClusterLabel, terms: list[str]) -> list[str]:
    """Return the agent's title, and the same with a term added, to tell it from an equal one."""
    return [label.title, *with_each_term(label.title, terms)]


def _describe(size: int, total: int, terms: list[str], summaries: Sequence[TraceSummary]) -> str:
    """Return what is true of a cluster that nobody described: its size, its terms, an example."""
    lines = [f"- {size} of {total} traces ({size / total:.0%})"]
    if terms:
        lines.append(f"- Distinguishing terms: {plain_line(', '.join(terms), 300)}")
    if summaries:
        lines.append(f"- For example: {plain_line(summaries[0]['title']) or 'untitled'}")
    return "\n".join(lines)

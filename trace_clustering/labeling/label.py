"""The way into this room: every cluster gets a description and a title that no other cluster has."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from upath import UPath

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabel, ClusterLabels, Projection2D
from trace_clustering.artifacts.topics import ClusterIdentities
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.labeling.agent.evidence import Clustering, HeldOutTrace, hold_out
from trace_clustering.labeling.agent.run import AgentLabels, Attempt, run_labeling_agent
from trace_clustering.labeling.agent.store import LabelStore
from trace_clustering.labeling.fixed import FixedLabel, find_lasting_labels, write_size_line
from trace_clustering.labeling.keywords import TERMS_IN_TITLE, build_documents
from trace_clustering.labeling.parents import label_groups, prepare_groups
from trace_clustering.labeling.shared_terms import find_all_terms
from trace_clustering.labeling.titles import add_each_term, make_titles_distinct
from trace_clustering.llm.access import API_KEY, BASE_URL
from trace_clustering.llm.endpoint.budget import Usage
from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.llm.resource import LLM
from trace_clustering.processes.clock import StepClock
from trace_clustering.processes.worker import run_with_deadline
from trace_clustering.text import clean_line
from trace_clustering.traces.summary import TraceSummary


@dataclass(frozen=True)
class LabelingResult:
    """The labels of a clustering.

    Attributes
    ----------
    labels : ClusterLabels
    labels_reused : int
        How many of them an earlier attempt or run had stored.
    """

    labels: ClusterLabels
    labels_reused: int


def label_clusters(
    assignments: ClusterAssignments,
    projection: Projection2D,
    summaries: dict[str, TraceSummary],
    *,
    parents: Sequence[Mapping[str, Any]],
    llm: LLM,
    base: UPath,
    attempt: Attempt,
    clock: StepClock,
    log: logging.Logger,
    identities: ClusterIdentities | None = None,
    renamed: Mapping[int, ClusterLabel] | None = None,
) -> LabelingResult:
    """Label every cluster: by the agent if a language model is configured, else by keywords.

    Parameters
    ----------
    assignments, projection
    summaries : dict
        Summaries by trace id; some may be missing.
    parents : sequence of mapping
        The groups of clusters, as `ClusterIdentities` holds them.
    llm : LLM
    base : UPath
        Folder of all artifacts; the agent's labels are stored below it while they are made.
    attempt : Attempt
    clock : StepClock
    log : logging.Logger
        Gets a line per iteration of the agent, without any text of a trace or a model.
    identities : ClusterIdentities, optional
        The topics whose labels are kept where they go on. None: every cluster is named anew.
    renamed : mapping, optional
        By cluster, the label that the user gave its topic; without a description, facts describe it.

    Raises
    ------
    LLMUnavailableError, LabelsWouldBeLostError
        See `run_labeling_agent`.
    DeadlineExceededError
        If the step's time is over before the agent starts.
    """
    connection, fault = _connect(llm)
    members = list_members_with_summaries(assignments, summaries)
    held_out: list[HeldOutTrace] = []
    if connection and llm.verify_labels:
        members, held_out = hold_out(members, llm.verification_samples)
    # The process of the run's other computations has imported scikit-learn already, which takes a second. It
    # must not have to import this module for it, and with it Dagster.
    terms, shared_terms = run_with_deadline(
        find_all_terms,
        build_documents(members),
        [(parent["level"], parent["cluster_ids"]) for parent in parents],
        seconds=clock.seconds_left(),
    )
    groups = prepare_groups(
        parents, shared_terms, terms, assignments.cluster_sizes(), keep_labels=identities is not None
    )
    lasting = find_lasting_labels(identities, assignments.cluster_sizes(), terms) if identities else {}
    lasting |= {cluster: FixedLabel(label, "user") for cluster, label in (renamed or {}).items()}
    agent = run_labeling_agent(
        Clustering(assignments, projection, members, terms, held_out, groups),
        connection,
        fault=fault,
        llm=llm,
        store=LabelStore(base, assignments, llm.model),
        attempt=attempt,
        seconds=clock.seconds_left(),
        log=log,
        # An agent that can be asked now replaces the keywords of a time without one.
        fixed={cluster: kept.label for cluster, kept in lasting.items() if kept.labeler != "keywords"}
        | {group.group_id: group.kept for group in groups if group.kept and group.kept_labeler == "agent"},
    )
    labels = generate_cluster_labels(
        assignments, members, terms, agent, llm.explain_absence(), lasting=lasting
    )
    labels = replace(labels, parents=label_groups(groups, labels, agent.labels if agent else {}))
    return LabelingResult(labels, agent.reused if agent else 0)


def require_model(llm: LLM) -> None:
    """Refuse to begin if no language model can be asked.

    Raises
    ------
    InvalidSettingsError
        If there is none, or its address or key is malformed.
    LLMUnavailableError
        If it cannot be reached, or refuses the key.
    """
    connection = llm.connection()
    if connection is None:
        raise InvalidSettingsError(
            f"There is no language model: set {API_KEY}, or {BASE_URL} to the address of your own server"
        )
    from trace_clustering.llm.endpoint.probe import require_endpoint

    require_endpoint(connection)


def _connect(llm: LLM) -> tuple[Connection | None, str]:
    """Return the connection, or why the endpoint that is configured cannot be reached at all."""
    try:
        return llm.connection(), ""
    except InvalidSettingsError as error:
        return None, f"no language model was asked: {error}"


def list_members_with_summaries(
    assignments: ClusterAssignments, summaries: Mapping[str, TraceSummary]
) -> dict[int, list[TraceSummary]]:
    """Return the summaries of each cluster's members in the order of rank; some traces have none."""
    return {
        cluster: [
            summaries[trace]
            for trace in assignments.trace_ids[assignments.rank_members(cluster)]
            if trace in summaries
        ]
        for cluster in assignments.clusters()
    }


def generate_cluster_labels(
    assignments: ClusterAssignments,
    members: Mapping[int, Sequence[TraceSummary]],
    terms: Mapping[int, list[str]],
    agent: AgentLabels | None = None,
    why_no_agent: str = "",
    *,
    lasting: Mapping[int, FixedLabel] | None = None,
) -> ClusterLabels:
    """Return a label for every cluster.

    A label that lasts stays, except that the agent's replaces one of keywords. With an agent, the other
    titles and descriptions are the agent's; a cluster that it left without a title is called
    `Cluster N (late, parcel, refund)`, after the terms that set it apart. Without an agent, titles are these
    terms, or `Cluster N` where there are none. Noise is always called `Outliers`. Descriptions that nobody
    wrote give the size, the terms and an example. If two titles say the same, a term
    or at last its number is added to the later one; titles that last come first, and the user's stay as they
    are.

    Parameters
    ----------
    assignments
    members : mapping
        By cluster, the summaries of its members in the order of rank; the first is the example.
    terms : mapping
        The terms that set each cluster apart, best first.
    agent : AgentLabels, optional
        Some clusters may be missing. None if no language model is configured.
    why_no_agent : str
        Why there is none, for the report.
    lasting : mapping, optional
        By cluster, the labels that stood before.

    Returns
    -------
    ClusterLabels
        In ascending order of cluster ids, noise last.
    """
    sizes = assignments.cluster_sizes()
    chosen = {c: _choose_label(c, terms[c], agent, (lasting or {}).get(c)) for c in sizes}
    of_user = {c: chosen[c].titles[0] for c in sizes if chosen[c].labeler == "user"}
    others = sorted(sizes.keys() - of_user.keys(), key=lambda c: (not chosen[c].from_run, c))
    titles = make_titles_distinct({c: chosen[c].titles for c in others}, of_user.values()) | of_user
    facts = {c: _describe_cluster(sizes[c], len(assignments), terms[c], members[c]) for c in sizes}
    accuracies = agent.accuracies if agent else {}
    report = agent.report if agent else {"model": "", "ended": why_no_agent, **asdict(Usage())}
    return ClusterLabels(
        provenance=assignments.provenance,
        cluster_ids=np.array(list(sizes), dtype=np.int64),
        sizes=np.array(list(sizes.values()), dtype=np.int64),
        titles=np.array([titles[c] for c in sizes], dtype=object),
        descriptions=np.array([chosen[c].description or facts[c] for c in sizes], dtype=object),
        labelers=np.array([chosen[c].labeler for c in sizes], dtype=object),
        accuracies=np.array([accuracies.get(c, np.nan) for c in sizes], dtype=np.float32),
        labeling=report | {"kept": sum(bool(chosen[c].from_run) for c in sizes)},
        label_from_runs=[chosen[c].from_run for c in sizes],
        label_terms=[list(chosen[c].terms) for c in sizes],
    )


@dataclass(frozen=True)
class _Choice:
    """Where the label of a cluster comes from: candidates for its title, and a description or none."""

    titles: list[str]
    labeler: str
    description: str = ""
    from_run: str = ""
    terms: Sequence[str] = ()


def _choose_label(
    cluster: int, terms: list[str], agent: AgentLabels | None, lasting: FixedLabel | None
) -> _Choice:
    label = {**agent.kept, **agent.labels}.get(cluster) if agent else None
    if lasting and (label is None or lasting.labeler != "keywords"):
        titles = [lasting.label.title, *add_each_term(lasting.label.title, terms)]
        known = lasting.label.description if lasting.labeler != "keywords" else ""
        return _Choice(titles, lasting.labeler, known, lasting.from_run, lasting.terms)
    if label:
        return _Choice(_make_agent_titles(label, terms), "agent", label.description, terms=terms)
    if terms and (agent is None or not agent.had_to_label):
        return _Choice(_make_keyword_titles(terms), "keywords", terms=terms)
    return _Choice(_make_fallback_titles(cluster, terms), "fallback", terms=terms)


def _make_keyword_titles(terms: list[str]) -> list[str]:
    """Return candidates for a title: the best three terms, then with one more term each, to be distinct."""
    lines = [clean_line(", ".join(terms[:n])) for n in range(min(TERMS_IN_TITLE, len(terms)), len(terms) + 1)]
    return [line[:1].upper() + line[1:] for line in lines]


def _make_agent_titles(label: ClusterLabel, terms: list[str]) -> list[str]:
    """Return candidates for a title: the agent's, then the same with one term added, to be distinct."""
    return [label.title, *add_each_term(label.title, terms)]


def _make_fallback_titles(cluster: int, terms: list[str]) -> list[str]:
    """Return the title of a cluster that nobody named: its number, and its best terms if it has any."""
    shown = clean_line(", ".join(terms[:TERMS_IN_TITLE]))
    return [f"Cluster {cluster} ({shown})" if shown else f"Cluster {cluster}"]


def _describe_cluster(size: int, total: int, terms: list[str], summaries: Sequence[TraceSummary]) -> str:
    """Return a description of facts: the size of the cluster, its terms, an example."""
    lines = [write_size_line(size, total)]
    if terms:
        lines.append(f"- Distinguishing terms: {clean_line(', '.join(terms), 300)}")
    if summaries:
        lines.append(f"- For example: {clean_line(summaries[0]['title']) or 'untitled'}")
    return "\n".join(lines)

"""One run of the agent: it starts from the labels that are stored, and adds to them within its limits."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabel, Projection2D
from trace_clustering.errors import EndpointDownError, LLMUnavailableError, ToolCallRefusedError
from trace_clustering.labeling.agent.draft import Desk, Draft
from trace_clustering.labeling.agent.evidence import Evidence, gather_evidence
from trace_clustering.labeling.agent.store import LabelStore, StoredLabels
from trace_clustering.labeling.endpoint.budget import Budget, Usage
from trace_clustering.labeling.endpoint.connection import Connection
from trace_clustering.labeling.resource import BASE_URL, LLM
from trace_clustering.traces.summary import TraceSummary


@dataclass(frozen=True)
class Attempt:
    """Which attempt of the step this is, of those that the step's retry policy allows."""

    is_first: bool
    is_last: bool


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


def run_labeling_agent(
    assignments: ClusterAssignments,
    projection: Projection2D,
    summaries: Mapping[str, TraceSummary],
    terms: Mapping[int, list[str]],
    held_out: Mapping[str, int],
    *,
    connection: Connection | None,
    llm: LLM,
    store: LabelStore,
    attempt: Attempt,
    seconds: float,
    log: logging.Logger,
) -> AgentLabels | None:
    """Have the agent label the clusters; what is stored of them is kept, unless `reuse_labels` is off.

    Labels are stored as soon as they are set. A limit, a fault of the endpoint or a model that does not
    cooperate leave some clusters without one; no label that was set is lost.

    Parameters
    ----------
    assignments, projection
    summaries : mapping
        Summaries by trace id; some may be missing.
    terms : mapping
        The terms that set each cluster apart, best first.
    held_out : mapping
        Traces that the agent shall not see, and their clusters; its labels are verified with them.
    connection : Connection or None
        How the endpoint is reached; None if there is none.
    llm : LLM
    store : LabelStore
    attempt : Attempt
    seconds : float
        Time until the step must have ended.
    log : logging.Logger
        Told of every iteration, without a text of a trace or a model.

    Returns
    -------
    AgentLabels or None
        None if no language model is configured and no complete labels are stored.

    Raises
    ------
    LLMUnavailableError
        If the endpoint was down, no cluster has a label, and another attempt will follow.
    InvalidSettingsError
        If the address or the key of the endpoint cannot be one.
    """
    if llm.labeler == "keywords":
        return None
    stored = store.load() if llm.reuse_labels or not attempt.is_first else StoredLabels()
    run = _Run(llm, store, stored, attempt, projection.cluster_sizes(), seconds, log)
    if run.is_complete:
        log.info(f"Labeling: all {run.reused} labels of this clustering are stored and are used again")
    elif connection is None:
        return None
    else:
        run.label(connection, gather_evidence(assignments, projection, summaries, terms, held_out))
    if llm.verify_labels and run.accuracies is None and connection is not None:
        run.verify(llm.connection(llm.verification_model) or connection, held_out, summaries)
    return run.result()


class _Outcome(Enum):
    """How far the agent came, in this attempt or in the one that stored its labels."""

    UNFINISHED = "unfinished"
    ENDED = "ended"  # it finalized, or a limit ended it: asking again would change nothing
    ENDPOINT_DOWN = "endpoint down"


class _Run:
    """The labels of one clustering in one attempt, and what they cost."""

    def __init__(
        self,
        llm: LLM,
        store: LabelStore,
        stored: StoredLabels,
        attempt: Attempt,
        sizes: Mapping[int, int],
        seconds: float,
        log: logging.Logger,
    ) -> None:
        self._llm, self._store, self._log = llm, store, log
        self._is_last = attempt.is_last
        # Limits count what an earlier attempt of the same run used, and not what earlier runs used.
        self._used_before = stored.usage if attempt.is_first else Usage()
        self._budget = Budget(llm.limits(), Usage() if attempt.is_first else stored.usage, seconds)
        self._outcome = _Outcome.ENDED if stored.ended else _Outcome.UNFINISHED
        self._reason = stored.ended
        self.accuracies = stored.accuracies
        self._draft = Draft(sizes, self._save)
        self._take_over(stored.labels)
        self.reused = len(self._draft.labels)

    @property
    def is_complete(self) -> bool:
        """Whether an agent came to its end and left no cluster without a label."""
        return self._outcome is _Outcome.ENDED and not self._draft.unlabelled()

    def label(self, connection: Connection, evidence: Evidence) -> None:
        """Let the agent set labels, until it has finished or may not go on."""
        from trace_clustering.labeling.agent.graph import LabelingGraph
        from trace_clustering.labeling.endpoint.client import Endpoint

        self._outcome, self._reason, self.accuracies = _Outcome.UNFINISHED, "", None
        self._save()
        with Endpoint(connection, self._budget, self._log) as endpoint:
            try:
                self._reason = LabelingGraph(Desk(evidence, self._draft), endpoint, self._log).run()
                self._outcome = _Outcome.ENDED
            except EndpointDownError as down:
                self._outcome, self._reason = _Outcome.ENDPOINT_DOWN, str(down)
                if not (self._draft.labels or down.refused or self._is_last):
                    raise LLMUnavailableError(
                        f"No cluster has a label, because the language model {connection.model} did not "
                        f"answer: {down}. Check its endpoint ({BASE_URL}), or set labeler to keywords "
                        "in the llm resource"
                    ) from None
            finally:
                self._save()

    def verify(
        self, connection: Connection, held_out: Mapping[str, int], summaries: Mapping[str, TraceSummary]
    ) -> None:
        """Measure how well the labels tell where traces belong that the agent has not seen."""
        from trace_clustering.labeling.endpoint.client import Endpoint
        from trace_clustering.labeling.verification import verify_labels

        with Endpoint(connection, self._budget, self._log) as endpoint:
            found = verify_labels(endpoint, self._draft.labels, held_out, summaries, self._log)
        self.accuracies = found or None  # where nothing was found, the next run may try again
        self._save()

    def result(self) -> AgentLabels:
        """Return the labels with a report of how they came about."""
        missing = self._draft.unlabelled()
        if missing or self._outcome is _Outcome.ENDPOINT_DOWN:
            self._log.warning(
                f"Labeling: {len(missing)} of {len(self._draft.sizes)} clusters have no label of the agent. "
                f"How it ended: {self._reason}"
            )
        return AgentLabels(
            labels=dict(self._draft.labels),
            report={"model": self._llm.model, "ended": self._reason, **asdict(self._usage())},
            accuracies=self.accuracies or {},
            reused=self.reused,
        )

    def _take_over(self, labels: Mapping[int, ClusterLabel]) -> None:
        """Take labels that are stored, as if the model had set them now."""
        for cluster, label in labels.items():
            try:
                self._draft.set(cluster, label.title, label.description)
            except ToolCallRefusedError as error:
                self._log.warning(f"Labeling: the stored label of cluster {cluster} is not used: {error}")

    def _usage(self) -> Usage:
        return self._used_before + self._budget.usage

    def _save(self) -> None:
        ended = self._reason if self._outcome is _Outcome.ENDED else ""
        self._store.save(StoredLabels(self._draft.labels, self._usage(), ended, self.accuracies))

"""The agent from end to end: what is stored, what it adds within its limits, and whether that is any good."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabel, Projection2D
from trace_clustering.errors import EndpointDownError, LLMUnavailableError, ToolCallRefusedError
from trace_clustering.labeling.agent.draft import Desk, Draft
from trace_clustering.labeling.agent.evidence import Evidence, gather_evidence, hold_out
from trace_clustering.labeling.agent.store import LabelStore, StoredLabels
from trace_clustering.labeling.endpoint.budget import Budget, Usage
from trace_clustering.labeling.label import AgentLabels
from trace_clustering.labeling.resource import BASE_URL, LLM
from trace_clustering.traces.summary import TraceSummary

if TYPE_CHECKING:
    from trace_clustering.labeling.endpoint.connection import Connection


@dataclass(frozen=True)
class Attempt:
    """Which attempt of the step this is, and how much time it has.

    Attributes
    ----------
    is_first, is_last : bool
        Of those that the step's retry policy allows.
    seconds : float
        Time until the step must have ended.
    """

    is_first: bool
    is_last: bool
    seconds: float


def run_labeling_agent(
    assignments: ClusterAssignments,
    projection: Projection2D,
    summaries: dict[str, TraceSummary],
    *,
    llm: LLM,
    store: LabelStore,
    attempt: Attempt,
    log: logging.Logger,
) -> AgentLabels | None:
    """Have the agent label the clusters; what is stored of them is kept, unless `reuse_labels` is off.

    Labels are stored as soon as they are set. A limit, a fault of the endpoint or a model that does not
    cooperate leave some clusters without one; no label that was set is lost.

    Parameters
    ----------
    assignments : ClusterAssignments
    projection : Projection2D
    summaries : dict
        Summaries by trace id; some may be missing.
    llm : LLM
    store : LabelStore
    attempt : Attempt
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
    connection = llm.connection()
    if llm.labeler == "keywords":
        return None
    stored = store.load() if llm.reuse_labels or not attempt.is_first else StoredLabels()
    if connection is None and not stored.labels:
        return None
    held_out = hold_out(assignments, llm.verification_samples) if llm.verify_labels else {}
    evidence = gather_evidence(assignments, projection, summaries, held_out)
    run = _Run(llm, store, stored, attempt, evidence, log)
    if run.is_complete:
        log.info(f"Labeling: all {run.reused} labels of this clustering are stored and are used again")
    elif connection is None:
        return None
    else:
        run.label(connection)
    verifier = llm.connection(llm.verification_model)
    if llm.verify_labels and run.accuracies is None and verifier is not None:
        run.verify(verifier, held_out, summaries)
    return run.result()


class _Run:
    """The labels of one clustering in one attempt, and what they cost."""

    def __init__(
        self,
        llm: LLM,
        store: LabelStore,
        stored: StoredLabels,
        attempt: Attempt,
        evidence: Evidence,
        log: logging.Logger,
    ) -> None:
        self._llm, self._store, self._evidence, self._log = llm, store, evidence, log
        self._is_last = attempt.is_last
        # Limits count what an earlier attempt of the same run used, and not what earlier runs used.
        self._used_before = stored.usage if attempt.is_first else Usage()
        self._budget = Budget(llm.limits(), Usage() if attempt.is_first else stored.usage, attempt.seconds)
        self._ended, self._trouble = stored.ended, ""
        self.accuracies = stored.accuracies
        sizes = {cluster.cluster_id: cluster.size for cluster in evidence.clusters.values()}
        self._draft = Draft(sizes, evidence.traces, self._save)
        self._take_over(stored.labels)
        self.reused = len(self._draft.labels)

    @property
    def is_complete(self) -> bool:
        """Whether an agent came to its end and left no cluster without a label."""
        return bool(self._ended) and not self._draft.unlabelled()

    def label(self, connection: "Connection") -> None:
        """Let the agent set labels, until it has finished or may not go on."""
        from trace_clustering.labeling.agent.graph import LabelingGraph
        from trace_clustering.labeling.endpoint.client import Endpoint

        self._ended, self.accuracies = "", None
        self._save()
        with Endpoint(connection, self._budget, self._log) as endpoint:
            try:
                self._ended = LabelingGraph(Desk(self._evidence, self._draft), endpoint, self._log).run()
            except EndpointDownError as down:
                self._trouble = str(down)
                if not (self._draft.labels or down.refused or self._is_last):
                    raise LLMUnavailableError(
                        f"No cluster has a label, because the language model {connection.model} did not "
                        f"answer: {down}. Check its endpoint ({BASE_URL}), or set labeler to keywords "
                        "in the llm resource"
                    ) from None
            finally:
                self._save()

    def verify(
        self, connection: "Connection", held_out: Mapping[str, int], summaries: Mapping[str, TraceSummary]
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
        ended = self._trouble or self._ended
        missing = self._draft.unlabelled()
        if missing or self._trouble:
            self._log.warning(
                f"Labeling: {len(missing)} of {len(self._draft.sizes)} clusters have no label of the agent. "
                f"How it ended: {ended}"
            )
        return AgentLabels(
            labels=dict(self._draft.labels),
            report={"model": self._llm.model, "ended": ended, **asdict(self._usage())},
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
        self._store.save(StoredLabels(self._draft.labels, self._usage(), self._ended, self.accuracies))

"""One run of the agent: it starts from the labels that are stored, and adds to them within its limits."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from trace_clustering.artifacts.clusters import ClusterLabel
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.errors import (
    EndpointDownError,
    LabelsWouldBeLostError,
    LLMUnavailableError,
    ToolCallRefusedError,
)
from trace_clustering.labeling.agent.draft import Draft, ToolContext
from trace_clustering.labeling.agent.evidence import Clustering, gather_evidence
from trace_clustering.labeling.agent.store import LabelStore, StoredLabels
from trace_clustering.llm.access import BASE_URL
from trace_clustering.llm.endpoint.budget import Budget, Usage
from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.llm.endpoint.dialect import Dialect
from trace_clustering.llm.resource import LLM

if TYPE_CHECKING:
    from trace_clustering.llm.endpoint.client import Endpoint


@dataclass(frozen=True)
class Attempt:
    """Which attempt of the step this is, of those that the step's retry policy allows."""

    is_first: bool
    is_last: bool


@dataclass(frozen=True)
class AgentLabels:
    """The labels of the agent, whether or not it finished.

    Attributes
    ----------
    labels : dict
        By cluster; those that the agent did not label are missing.
    report : dict
        How the labels came about: model, how the agent ended, requests, tokens, cost.
    accuracies : dict
        By cluster, the share of held-out traces that were assigned to it; empty if labels were not verified.
    reused : int
        How many of the labels an earlier attempt or run had stored.
    kept : dict
        By cluster without a label, the label that the same traces had in an earlier run for the same night.
    had_to_label : bool
        False if all labels but that of noise are fixed.
    """

    labels: Mapping[int, ClusterLabel]
    report: dict[str, Any]
    accuracies: Mapping[int, float] = field(default_factory=dict)
    reused: int = 0
    kept: Mapping[int, ClusterLabel] = field(default_factory=dict)
    had_to_label: bool = True


def run_labeling_agent(
    clustering: Clustering,
    connection: Connection | None,
    *,
    fault: str = "",
    llm: LLM,
    store: LabelStore,
    attempt: Attempt,
    seconds: float,
    log: logging.Logger,
    fixed: Mapping[int, ClusterLabel] | None = None,
) -> AgentLabels | None:
    """Have the agent label the clusters that have no stored label, and improve the others.

    If all labels are fixed, nothing is asked. Labels are stored as soon as they are set. If a limit is
    reached, the endpoint fails or the model does not cooperate, some clusters have no label, but no label
    that was set is lost.

    Parameters
    ----------
    clustering, llm, store, attempt
    connection : Connection or None
        How the endpoint is reached; None if there is none.
    fault : str
        Why the endpoint that is configured cannot be reached at all; empty if it can, or if there is none.
    seconds : float
        What is left of the step's time.
    log : logging.Logger
        Gets a line per iteration, without any text of a trace or a model.
    fixed : mapping, optional
        By cluster, the labels that stand and that the agent must not change.

    Returns
    -------
    AgentLabels or None
        None if keywords are asked for, or if there is no endpoint and no label of a model is stored.

    Raises
    ------
    LabelsWouldBeLostError
        If no model can be asked, and labels of a model that an earlier run stored would be lost.
    LLMUnavailableError
        If the endpoint was down, no cluster has a label, and another attempt will follow.
    """
    if llm.labeler == "keywords":
        return None
    # Without reuse_labels the first attempt starts anew; the second continues it.
    stored = store.load() if llm.reuse_labels or not attempt.is_first else StoredLabels()
    run = _Run(
        clustering, stored, fixed or {}, llm=llm, store=store, attempt=attempt, seconds=seconds, log=log
    )
    if not run.had_to_label:
        run.end_without_need()
    elif run.is_complete:
        log.info(f"Labeling: all {run.reused} labels of this clustering are stored and are used again")
    elif connection is None:
        if not (fault or run.has_stored_labels):
            return None
        run.end_without_model(fault or llm.explain_absence())
    else:
        run.set_labels(connection)
    if llm.verify_labels and run.accuracies is None and connection is not None:
        run.verify_labels(llm.connection(llm.verification_model) or connection)
    return run.build_result()


class _Outcome(Enum):
    """How far the agent came, in this attempt or in the one that stored its labels."""

    UNFINISHED = "unfinished"
    ENDED = "ended"  # it finalized, or a limit ended it: asking again would change nothing
    ENDPOINT_DOWN = "endpoint down"


class _Run:
    """The labels of one clustering in one attempt, and what they cost."""

    def __init__(
        self,
        clustering: Clustering,
        stored: StoredLabels,
        fixed: Mapping[int, ClusterLabel],
        *,
        llm: LLM,
        store: LabelStore,
        attempt: Attempt,
        seconds: float,
        log: logging.Logger,
    ) -> None:
        self._clustering, self._llm, self._store, self._log = clustering, llm, store, log
        self._is_last_attempt = attempt.is_last
        # What an earlier attempt of this run used counts against the limits. What an earlier run used does
        # not, but the report adds it.
        self._used_before = stored.usage if attempt.is_first else Usage()
        self._budget = Budget(llm.limits(), Usage() if attempt.is_first else stored.usage, seconds)
        self._groups = [list(group.cluster_ids) for group in clustering.groups]
        stored = stored.adapt_to_groups(self._groups, clustering.assignments.clusters())
        self._outcome = _Outcome.ENDED if stored.ended else _Outcome.UNFINISHED
        self._reason = stored.ended
        self.accuracies = stored.accuracies
        self._earlier = store.load_earlier()
        sizes = clustering.assignments.cluster_sizes()
        groups = {group.group_id: group.size for group in clustering.groups}
        self._draft = Draft(sizes, self._save, fixed, groups)
        self.had_to_label = not fixed or bool(self._list_nameless() or self._draft.list_unlabelled_groups())
        self._adopt_labels(stored.labels)
        self.reused = len(self._draft.labels)
        self._dialects: dict[str, Dialect] = {}  # by model: what the endpoint takes, found once per run

    @property
    def has_stored_labels(self) -> bool:
        """Whether a model wrote labels for this night before, for this clustering or another."""
        return bool(self._draft.labels or self._earlier.labels or self._earlier.n_others)

    @property
    def is_complete(self) -> bool:
        """Whether an agent came to its end and left no cluster without a label."""
        return self._outcome is _Outcome.ENDED and not self._draft.list_unlabelled()

    def set_labels(self, connection: Connection) -> None:
        """Let the agent set labels until it finishes, reaches a limit or gets no answer."""
        from trace_clustering.labeling.agent.graph import LabelingGraph

        context = ToolContext(gather_evidence(self._clustering), self._draft)
        self._outcome, self._reason, self.accuracies = _Outcome.UNFINISHED, "", None
        self._save()
        with self._open_endpoint(connection) as endpoint:
            graph = LabelingGraph(context, endpoint, self._log)
            try:
                self._reason = graph.run()
                self._outcome = _Outcome.ENDED
            except EndpointDownError as down:
                self._outcome, self._reason = _Outcome.ENDPOINT_DOWN, str(down)
                if not (self._draft.labels or down.refused or self._is_last_attempt):
                    raise LLMUnavailableError(
                        f"No cluster has a label, because the language model {connection.model} did not "
                        f"answer: {down}. Check its endpoint ({BASE_URL}), or set labeler to keywords "
                        "in the llm resource"
                    ) from None
            finally:
                self._tell_troubles(graph.list_troubles())
                self._save()

    def _tell_troubles(self, troubles: list[str]) -> None:
        """Add what kept the model from setting labels to how it ended."""
        if troubles and self._reason:
            self._reason = "; ".join([self._reason, *troubles])
            if not self._draft.list_unlabelled():  # otherwise the result warns
                self._log.warning(f"Labeling: {self._reason}")

    def end_without_need(self) -> None:
        """Note that all labels are fixed; noise is described by facts then, which needs no model."""
        self._outcome, self._reason = _Outcome.ENDED, "no language model was asked: all titles are kept"

    def end_without_model(self, reason: str) -> None:
        """Note that there is no endpoint to ask."""
        self._outcome, self._reason = _Outcome.ENDPOINT_DOWN, reason

    def verify_labels(self, connection: Connection) -> None:
        """Measure how many held-out traces a model assigns to their own cluster by its label."""
        from trace_clustering.labeling.verification import verify_labels

        with self._open_endpoint(connection) as endpoint:
            accuracies = verify_labels(
                endpoint, self._draft.list_labels(), self._clustering.held_out, self._log
            )
        self.accuracies = accuracies or None  # after no answer at all, the next run tries again
        self._save()

    def build_result(self) -> AgentLabels:
        """Return the labels with a report of how they came about.

        Raises
        ------
        LabelsWouldBeLostError
            See `run_labeling_agent`.
        """
        missing = self._draft.list_unlabelled()
        kept = {c: label for c, label in self._earlier.labels.items() if c in missing}
        nameless = [cluster for cluster in self._list_nameless() if cluster not in kept]
        is_down = self._outcome is _Outcome.ENDPOINT_DOWN
        if is_down and nameless and self._earlier.n_others:
            raise LabelsWouldBeLostError(
                f"{len(nameless)} of {len(self._draft.sizes)} clusters would get no title by a model, "
                f"and those that one wrote for this night would be lost: {self._reason}. The stored "
                "labels and the event stay as they are. Make the model available, or set labeler to keywords "
                "in the llm resource, and materialize cluster_labels again"
            )
        reason = f"{self._reason}; {len(kept)} labels of an earlier run are kept" if kept else self._reason
        if (missing and self.had_to_label) or is_down:
            self._log.warning(
                f"Labeling: {len(missing)} of {len(self._draft.sizes)} clusters have no label of the agent. "
                f"How it ended: {reason}"
            )
        return AgentLabels(
            labels=dict(self._draft.labels),
            report={"model": self._llm.model, "ended": reason, **asdict(self._total_usage())},
            accuracies=self.accuracies or {},
            reused=self.reused,
            kept=kept,
            had_to_label=self.had_to_label,
        )

    def _list_nameless(self) -> list[int]:
        return [cluster for cluster in self._draft.list_unlabelled() if cluster != NOISE_CLUSTER_ID]

    def _open_endpoint(self, connection: Connection) -> "Endpoint":
        from trace_clustering.llm.endpoint.client import Endpoint

        dialect = self._dialects.setdefault(connection.model, Dialect())
        return Endpoint(connection, self._budget, self._log, dialect)

    def _adopt_labels(self, labels: Mapping[int, ClusterLabel]) -> None:
        """Take stored labels over; they are checked like those that the model sets."""
        for cluster, label in labels.items():
            if cluster in self._draft.fixed:
                continue
            try:
                self._draft.set_label(cluster, label.title, label.description)
            except ToolCallRefusedError as error:
                self._log.warning(f"Labeling: the stored label of cluster {cluster} is not used: {error}")

    def _total_usage(self) -> Usage:
        return self._used_before + self._budget.usage

    def _save(self) -> None:
        ended = self._reason if self._outcome is _Outcome.ENDED else ""
        stored = StoredLabels(self._draft.labels, self._total_usage(), ended, self.accuracies, self._groups)
        self._store.save(stored, self._draft.fixed)

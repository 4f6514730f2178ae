import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from trace_clustering.artifacts.clusters import ClusterLabels
from trace_clustering.labeling.agent.evidence import Clustering
from trace_clustering.labeling.agent.run import AgentLabels, Attempt, run_labeling_agent
from trace_clustering.labeling.agent.store import LabelStore
from trace_clustering.labeling.label import generate_cluster_labels
from trace_clustering.llm.resource import LLM
from trace_clustering_tests.labeling.clusterings import clustering, prepare_clustering
from trace_clustering_tests.llm.llm_server import KEY, LLMServer, Model

# The first import takes seconds, which must not count against the time limits of a test.
importlib.import_module("trace_clustering.labeling.agent.graph")

ONLY_ATTEMPT = Attempt(is_first=True, is_last=True)


class Labeling:
    """The agent on a made-up clustering, with a scripted model behind a real socket."""

    def __init__(self, folder: Path, serve: Callable[[Model], LLMServer]) -> None:
        self.base = UPath(folder)
        self.serve = serve
        self.assignments, self.projection, self.summaries = clustering()
        self.log = logging.getLogger("labeling")
        self.seconds = 600.0  # what is left of the step's time

    def run(
        self, model: Model, attempt: Attempt = ONLY_ATTEMPT, /, **settings: Any
    ) -> tuple[AgentLabels, LLMServer]:
        server = self.serve(model)
        result = self.run_with(self.llm(server, **settings), attempt)
        assert result is not None
        assert server.refusals == []
        return result, server

    def llm(self, server: LLMServer, **settings: Any) -> LLM:
        quick = {"base_url": server.base_url, "api_key": KEY, "retry_delay_seconds": 0.01}
        return LLM(**quick | settings)

    def run_with(self, llm: LLM, attempt: Attempt = ONLY_ATTEMPT) -> AgentLabels | None:
        return run_labeling_agent(
            self.prepare(llm.verification_samples if llm.verify_labels else 0),
            llm.connection(),
            llm=llm,
            store=self.store(llm.model),
            attempt=attempt,
            seconds=self.seconds,
            log=self.log,
        )

    def prepare(self, held_out_per_cluster: int = 0) -> Clustering:
        return prepare_clustering(self.assignments, self.projection, self.summaries, held_out_per_cluster)

    def store(self, model: str = "gpt-5.1") -> LabelStore:
        return LabelStore(self.base, self.assignments, model)

    def put_together(self, agent: AgentLabels) -> ClusterLabels:
        """Return the labels as the asset stores them: one for every cluster."""
        known = self.prepare()
        labels = generate_cluster_labels(self.assignments, known.members, known.terms, agent)
        assert labels.cluster_ids.tolist() == self.assignments.clusters()
        assert len({title.casefold() for title in labels.titles}) == len(labels.titles)
        assert all(labels.titles)
        assert all(labels.descriptions)
        return labels


@pytest.fixture
def labeling(tmp_path: Path) -> Iterator[Labeling]:
    with ExitStack() as servers:
        yield Labeling(tmp_path, lambda model: servers.enter_context(LLMServer(model)))

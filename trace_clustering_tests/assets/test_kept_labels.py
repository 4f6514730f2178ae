"""From night to night, a topic keeps its title, and the agent is asked only for what needs one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from trace_clustering.llm.resource import LLM
from trace_clustering_tests.assets.conftest import Graph, read_metadata
from trace_clustering_tests.examples import themed_records
from trace_clustering_tests.labeling.models import finalizes_at_once, sensible
from trace_clustering_tests.llm.llm_server import LLMServer, Model

NIGHTS = [f"2025-01-{day}|1" for day in (22, 23, 24, 25)]
QUICK = {"dimensionality_reduction_method": "pca", "visualization_method": "pca"}

Serve = Callable[[Model], LLMServer]


@pytest.fixture(scope="module")
def kept(module_graph: Graph) -> Graph:
    module_graph.load(1, themed_records(outliers=0))
    return module_graph


@pytest.fixture
def serve(kept: Graph) -> Iterator[Serve]:
    with ExitStack() as servers:

        def start(model: Model) -> LLMServer:
            server = servers.enter_context(LLMServer(model))
            kept.llm = LLM(base_url=server.base_url, retry_delay_seconds=0.01)
            return server

        yield start


def read_labels(graph: Graph, night: str) -> list[tuple[str, str, str]]:
    """Return title, labeler and run of each cluster's label in the event of a night."""
    run_id = f"1_trace_202501{int(night[8:10]) + 1}_000000"
    (found,) = [e for e in graph.event_properties() if e["$ai_clustering_run_id"] == run_id]
    return [(c["title"], c["labeler"], c["label_from_run"]) for c in found["$ai_clusters"]]


def run(graph: Graph, night: str, **settings: Any) -> Any:
    result = graph.materialize(night, **QUICK, **settings)
    assert result.success
    return read_metadata(result, "cluster_labels")["labeling"]


@pytest.mark.slow
def test_titles_stay_and_an_agent_replaces_keywords_once(kept: Graph, serve: Serve) -> None:
    run(kept, NIGHTS[0])
    first = read_labels(kept, NIGHTS[0])
    assert [(labeler, run_id) for _, labeler, run_id in first] == [("keywords", None)] * 3

    server = serve(sensible())
    labeling = run(kept, NIGHTS[1])
    assert labeling["kept"] == 0
    assert len(server.requests) == labeling["requests"] > 2
    second = read_labels(kept, NIGHTS[1])
    assert [(labeler, run_id) for _, labeler, run_id in second] == [("agent", None)] * 3

    server = serve(finalizes_at_once())
    labeling = run(kept, NIGHTS[2])
    assert server.requests == []
    assert (labeling["kept"], labeling["requests"], labeling["prompt_tokens"]) == (3, 0, 0)
    third = read_labels(kept, NIGHTS[2])
    assert third == [(title, "agent", "1_trace_20250124_000000") for title, _, _ in second]

    # Without any model, and two nights later, it is still the label of the second night.
    kept.llm = LLM()
    assert run(kept, NIGHTS[3])["kept"] == 3
    assert read_labels(kept, NIGHTS[3]) == third

    server = serve(finalizes_at_once())
    assert run(kept, NIGHTS[3], keep_labels=False)["kept"] == 0
    assert server.requests
    assert [labeler for _, labeler, _ in read_labels(kept, NIGHTS[3])] == ["fallback"] * 3

"""Where the model of a run comes from: the environment, what the launchpad fills in, and the team."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from trace_clustering.llm.resource import LLM
from trace_clustering_tests.assets.conftest import Graph, read_metadata
from trace_clustering_tests.examples import ASSETS, DAY, themed_records
from trace_clustering_tests.labeling.models import sensible
from trace_clustering_tests.llm.llm_server import KEY, LLMServer
from trace_clustering_tests.orchestration.test_launchpad import JOB, scaffold

PARTITION = f"{DAY}|1"
FROM_LABELS_ON = ["cluster_labels", "window_assignments", "cluster_metrics", "emitted_cluster_event"]


@pytest.fixture(scope="module")
def clustered(module_graph: Graph) -> Graph:
    """A graph whose clusters are found and wait for labels."""
    module_graph.load(1, themed_records(outliers=0))
    assert module_graph.materialize(PARTITION, list(ASSETS)[:5]).success
    return module_graph


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LLMServer]:
    with LLMServer(sensible()) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield server


def label(graph: Graph, server: LLMServer, llm: LLM, **config: Any) -> dg.ExecuteInProcessResult:
    """Label and emit with a resource, and a configuration of the run."""
    server.requests.clear()
    server.model = sensible()
    graph.llm, graph.llm_config = llm, {"llm": {"config": config}} if config else {}
    return graph.materialize(PARTITION, FROM_LABELS_ON)


def test_an_unedited_launchpad_sends_the_key_of_the_environment(clustered: Graph, server: LLMServer) -> None:
    filled_in = yaml.safe_load(scaffold(JOB))["resources"].get("llm", {}).get("config", {})
    assert label(clustered, server, LLM(reuse_labels=False)).success
    plain = clustered.event_properties()
    result = label(clustered, server, LLM(reuse_labels=False), **filled_in)
    assert result.success
    assert {request.authorization for request in server.requests} == {f"Bearer {KEY}"}
    assert read_metadata(result, "cluster_labels")["labelers"] == {"agent": 3}
    assert clustered.event_properties()[0]["$ai_clusters"] == plain[0]["$ai_clusters"]


def test_the_model_is_that_of_the_run_else_of_the_team_else_of_the_environment(
    clustered: Graph, server: LLMServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRACE_CLUSTERING_LLM_MODEL", "of-the-environment")
    monkeypatch.setenv("TRACE_CLUSTERING_LLM_MAX_ANSWER_TOKENS", "777")
    assert label(clustered, server, LLM()).success
    assert {request.body["model"] for request in server.requests} == {"of-the-environment"}
    assert {request.body["max_completion_tokens"] for request in server.requests} == {777}

    teams = tmp_path / "teams.yaml"
    teams.write_text("1: {llm: {model: of-the-team}}\n2: {llm: {model: of-another}}")
    monkeypatch.setenv("TRACE_CLUSTERING_TEAM_SETTINGS", str(teams))
    result = label(clustered, server, LLM())
    assert {request.body["model"] for request in server.requests} == {"of-the-team"}
    assert read_metadata(result, "cluster_labels")["labeling"]["model"] == "of-the-team"

    assert label(clustered, server, LLM(), model="of-the-run").success
    assert {request.body["model"] for request in server.requests} == {"of-the-run"}


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OPENAI_API_BASE"])
@pytest.mark.parametrize(
    "address", ["localhost:11434", "https://mine.openai.azure.com/x?api-version=2024-10-21"]
)
def test_an_address_of_the_environment_that_cannot_be_one_is_named_at_the_start_and_stops_no_run(
    clustered: Graph, server: LLMServer, monkeypatch: pytest.MonkeyPatch, name: str, address: str
) -> None:
    shutil.rmtree(clustered.folder / "artifacts" / "labels_of_agent", ignore_errors=True)
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.setenv(name, address)
    result = label(clustered, server, LLM())
    assert result.success
    labeling = read_metadata(result, "cluster_labels")["labeling"]
    assert labeling["ended"].startswith(
        f"no language model was asked: The address of the language model ({name})"
    )
    assert labeling["requests"] == 0
    titles = [cluster["title"] for cluster in clustered.event_properties()[0]["$ai_clusters"]]
    assert titles[1] == "Cluster 1 (mail, missing, password)"
    logs = [entry.user_message for entry in clustered.instance.all_logs(result.run_id)]
    assert any("no language model can be asked" in line and name in line for line in logs)
    assert address not in "".join(logs)


def test_a_key_of_the_environment_that_cannot_be_one_stops_no_run(
    clustered: Graph, server: LLMServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(clustered.folder / "artifacts" / "labels_of_agent", ignore_errors=True)
    monkeypatch.setenv("OPENAI_API_KEY", "sk two words")
    result = label(clustered, server, LLM())
    assert result.success
    assert server.requests == []
    assert "OPENAI_API_KEY" in read_metadata(result, "cluster_labels")["labeling"]["ended"]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"labeler": "keywords"}, "labeler is keywords"),
        ({}, "there is no key (OPENAI_API_KEY) and no address"),
    ],
)
def test_without_a_model_the_run_says_which_reason_it_was(
    clustered: Graph, server: LLMServer, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], reason: str
) -> None:
    shutil.rmtree(clustered.folder / "artifacts" / "labels_of_agent", ignore_errors=True)
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.delenv("OPENAI_API_KEY")
    result = label(clustered, server, LLM(), **config)
    labeling = read_metadata(result, "cluster_labels")["labeling"]
    assert labeling["ended"].startswith(f"no language model was asked: {reason}")
    assert read_metadata(result, "cluster_labels")["labelers"] == {"keywords": 3}

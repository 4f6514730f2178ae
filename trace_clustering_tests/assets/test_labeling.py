"""The agent inside Dagster: what event and metadata say, attempts, kills, and a key that stays secret."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import dagster as dg
import pytest

from trace_clustering.artifacts.parquet import from_parquet
from trace_clustering.llm.resource import LLM
from trace_clustering_tests.assets.conftest import Graph
from trace_clustering_tests.examples import DAY, themed_records
from trace_clustering_tests.labeling.models import (
    FINALIZE,
    OVERVIEW,
    bulk,
    finalizes_at_once,
    label,
    labels_all,
    sensible,
)
from trace_clustering_tests.llm.llm_server import KEY, Fails, Hangs, LLMServer, Model, in_turn, says

PARTITION = f"{DAY}|1"
FROM_LABELS_ON = ["cluster_labels", "window_assignments", "cluster_metrics", "emitted_cluster_event"]
ECHO = json.dumps({"error": {"message": f"the key {KEY} is not welcome"}})

Serve = Callable[..., LLMServer]


@pytest.fixture(scope="module")
def clustered(module_graph: Graph) -> Graph:
    """A graph whose clusters are found and wait for labels."""
    module_graph.load(1, themed_records(outliers=0))
    assert module_graph.materialize(
        PARTITION,
        ["embeddings", "reduced_embeddings", "cluster_assignments", "projection_2d", "cluster_identities"],
    ).success
    return module_graph


@pytest.fixture
def serve(clustered: Graph) -> Iterator[Serve]:
    """Put a scripted model behind the graph's resource; labels of other tests are gone."""
    shutil.rmtree(clustered.folder / "artifacts" / "labels_of_agent", ignore_errors=True)
    with ExitStack() as servers:

        def start(model: Model, /, **settings: Any) -> LLMServer:
            server = servers.enter_context(LLMServer(model))
            quick = {"base_url": server.base_url, "retry_delay_seconds": 0.01, "reuse_labels": False}
            clustered.llm = LLM(**quick | settings)
            return server

        yield start


def event_types(result: dg.ExecuteInProcessResult) -> list[str]:
    return [event.event_type_value for event in result.all_events]


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node("cluster_labels")
    return {name: value.value for name, value in event.metadata.items()}


def test_event_and_metadata_say_how_each_label_came_about(clustered: Graph, serve: Serve) -> None:
    some = says(bulk([label(0, "Broken kettles"), label(2, "Tax rates")]))
    prices = {"gpt-5.1": {"prompt": 1, "completion": 10}}
    serve(in_turn(some, says(OVERVIEW)), max_iterations=3, prices=prices)
    result = clustered.materialize(PARTITION, FROM_LABELS_ON)
    assert result.success
    (properties,) = clustered.event_properties()
    clusters = properties["$ai_clusters"]
    assert [c["title"] for c in clusters] == [
        "Broken kettles",
        "Cluster 1 (mail, missing, password)",
        "Tax rates",
    ]
    assert [c["labeler"] for c in clusters] == ["agent", "fallback", "agent"]
    assert [c["label_accuracy"] for c in clusters] == [None, None, None]
    assert properties["$ai_clustering_labeler"] == "agent"
    labeling = properties["$ai_clustering_labeling"]
    assert labeling == metadata_of(result)["labeling"]
    assert labeling["requests"] == 3
    assert labeling["prompt_tokens"] > 1000
    assert labeling["cost_usd"] > 0
    assert "max_iterations = 3" in labeling["ended"]
    assert metadata_of(result)["labelers"] == {"agent": 2, "fallback": 1}
    rows = [record.data for record in metadata_of(result)["labels"].records]
    assert [row["labeler"] for row in rows] == ["agent", "fallback", "agent"]
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["clusters_named"].passed
    assert checks["clusters_named"].metadata["without_a_name"].value == [1]


def test_without_a_model_the_run_says_so(clustered: Graph, serve: Serve) -> None:
    serve(finalizes_at_once(), labeler="keywords")
    result = clustered.materialize(PARTITION, FROM_LABELS_ON)
    assert metadata_of(result)["labelers"] == {"keywords": 3}
    assert metadata_of(result)["labeling"]["ended"].startswith("no language model was asked")
    said = [log.user_message for log in clustered.instance.all_logs(result.run_id)]
    assert any("labelled by keywords" in line and "no language model" in line for line in said)


def test_a_re_run_of_the_step_keeps_labels_and_event(clustered: Graph, serve: Serve) -> None:
    serve(sensible(), reuse_labels=True, model="small")
    assert clustered.materialize(PARTITION, FROM_LABELS_ON).success
    before = clustered.event_properties()
    server = serve(finalizes_at_once(), reuse_labels=True, model="small")
    again = clustered.materialize(PARTITION, FROM_LABELS_ON)
    assert again.success
    assert server.requests == []
    assert metadata_of(again)["labels_reused"] == 3
    assert clustered.event_properties() == before
    assert before[0]["$ai_clustering_labeler"] == "agent"


def test_a_wrong_limit_fails_before_any_asset_runs(
    clustered: Graph, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(finalizes_at_once())
    monkeypatch.setattr(clustered, "llm_config", {"llm": {"config": {"max_requests": 0}}})
    result = clustered.materialize(PARTITION, ["cluster_labels"])
    assert not result.success
    assert "STEP_START" not in event_types(result)
    (refusal,) = [e for e in result.all_events if e.event_type_value == "RESOURCE_INIT_FAILURE"]
    assert "max_requests = 0" in refusal.engine_event_data.error.message
    assert server.requests == []


def test_the_second_attempt_helps_when_the_endpoint_was_down(clustered: Graph, serve: Serve) -> None:
    script = in_turn(Fails(503), Fails(503), says(OVERVIEW), labels_all, says(FINALIZE))
    serve(script, max_retries=1)
    result = clustered.materialize(PARTITION, ["cluster_labels"])
    assert result.success
    assert event_types(result).count("STEP_UP_FOR_RETRY") == 1
    assert metadata_of(result)["labelers"] == {"agent": 3}
    assert metadata_of(result)["labeling"]["requests"] == 5


def test_the_last_attempt_falls_back_and_the_run_goes_on(clustered: Graph, serve: Serve) -> None:
    server = serve(in_turn(Fails(503)), max_retries=1)
    result = clustered.materialize(PARTITION, FROM_LABELS_ON)
    assert result.success
    assert event_types(result).count("STEP_UP_FOR_RETRY") == 1
    assert len(server.requests) == 4
    (properties,) = clustered.event_properties()
    titles = [c["title"] for c in properties["$ai_clusters"]]
    assert [title.partition(" (")[0] for title in titles] == ["Cluster 0", "Cluster 1", "Cluster 2"]
    assert titles[1] == "Cluster 1 (mail, missing, password)"
    assert properties["$ai_clustering_labeler"] == "fallback"
    assert "503" in properties["$ai_clustering_labeling"]["ended"]


def test_a_wrong_key_stops_no_run_and_is_told_at_once(clustered: Graph, serve: Serve) -> None:
    server = serve(in_turn(Fails(401, ECHO)))
    result = clustered.materialize(PARTITION, FROM_LABELS_ON)
    assert result.success
    assert len(server.requests) == 1
    assert "STEP_UP_FOR_RETRY" not in event_types(result)
    assert "401" in metadata_of(result)["labeling"]["ended"]


def test_an_address_that_cannot_be_one_fails_at_once(
    clustered: Graph, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(finalizes_at_once())
    monkeypatch.setattr(clustered, "llm_config", {"llm": {"config": {"base_url": "localhost:11434"}}})
    result = clustered.materialize(PARTITION, ["cluster_labels"])
    assert not result.success
    assert not {"STEP_START", "STEP_UP_FOR_RETRY"} & set(event_types(result))


KILLED = """
import sys
from pathlib import Path
import dagster as dg
from trace_clustering.llm.resource import LLM
from trace_clustering_tests.assets.conftest import Graph

with dg.instance_for_test() as instance:
    graph = Graph(Path(sys.argv[1]), instance)
    graph.llm = LLM(base_url=sys.argv[2])
    graph.materialize(sys.argv[3], ["cluster_labels"])
"""


def test_labels_of_a_killed_attempt_are_used_by_the_next(clustered: Graph, serve: Serve) -> None:
    some = says(bulk([label(0, "Broken kettles"), label(2, "Tax rates")]))
    killed = serve(in_turn(some, Hangs()))
    process = subprocess.Popen([sys.executable, "-c", KILLED, clustered.folder, killed.base_url, PARTITION])
    try:
        assert killed.reached(2)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    after = serve(finalizes_at_once(), reuse_labels=True)
    result = clustered.materialize(PARTITION, FROM_LABELS_ON)
    assert result.success
    assert metadata_of(result)["labels_reused"] == 2
    (properties,) = clustered.event_properties()
    assert [c["labeler"] for c in properties["$ai_clusters"]] == ["agent", "fallback", "agent"]
    assert "2 of them have labels from an earlier attempt" in after.requests[0].text


def test_the_key_is_nowhere_but_in_the_header(
    clustered: Graph,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TRACE_CLUSTERING_LLM_API_KEY_TEAM", KEY)
    some = says(bulk([label(0, "Broken kettles")]))
    script = in_turn(Fails(500, ECHO), some, Fails(200, ECHO), some, Fails(401, ECHO))
    server = serve(script)
    prices = {"another": {"prompt": 0.5, "completion": 2}}
    config = {
        "base_url": server.base_url,
        "api_key": {"env": "TRACE_CLUSTERING_LLM_API_KEY_TEAM"},
        "model": "another",
        "prices": prices,
        "max_cost_usd": 5.0,
        "temperature": None,
    }
    monkeypatch.setattr(clustered, "llm_config", {"llm": {"config": config}})
    result = clustered.materialize(PARTITION, FROM_LABELS_ON)
    assert result.success
    assert {request.body["model"] for request in server.requests} == {"another"}
    assert metadata_of(result)["labeling"]["cost_usd"] > 0
    assert {request.authorization for request in server.requests} == {f"Bearer {KEY}"}

    run = clustered.instance.get_run_by_id(result.run_id)
    logs = clustered.instance.all_logs(result.run_id)
    files = [path for path in (clustered.folder / "artifacts").rglob("*") if path.is_file()]
    artifacts = [repr(from_parquet(path.open("rb"))) for path in files if path.suffix == ".parquet"]
    texts = {
        "run": repr(run),
        "run snapshot": repr(clustered.instance.get_job_snapshot(run.job_snapshot_id)),
        "Dagster's log": "".join(dg.serialize_value(log.dagster_event or log.user_message) for log in logs),
        "artifacts": "".join(artifacts),
        "stored files": "".join(path.read_bytes().decode("latin-1") for path in files),
        "event": json.dumps(clustered.event_properties()),
        "python's log": caplog.text,
        "what is printed": "".join(capfd.readouterr()),
        "request bodies": "".join(request.text for request in server.requests),
    }
    assert "(key) is not welcome" in texts["artifacts"]
    assert "(key) is not welcome" in texts["event"]
    assert "TRACE_CLUSTERING_LLM_API_KEY_TEAM" in texts["run"]
    assert [name for name, text in texts.items() if KEY in text] == []
    assert all(texts[name] for name in ("run", "run snapshot", "Dagster's log", "stored files"))

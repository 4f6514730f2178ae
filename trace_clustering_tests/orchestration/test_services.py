"""The project under `dagster dev`, with its own dagster.yaml: queue, backfills, and failing teams."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering_tests.examples import ASSETS, themed_records

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent

RUNS = "{ runsOrError { ... on Runs { results { runId status startTime endTime tags { key value } } } } }"
BACKFILL = """
mutation($assets: [AssetKeyInput!], $partitions: [String!]) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $partitions}) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
LAUNCH = """
mutation($parameters: ExecutionParams!) {
  launchPipelineExecution(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
EVENTS = """
query($runId: ID!) {
  logsForRun(runId: $runId) {
    ... on EventConnection { events { ... on MessageEvent { eventType stepKey message timestamp } } }
  }
}
"""
TERMINATE = """
mutation($runId: String!) { terminateRun(runId: $runId) { __typename } }
"""


class Services:
    """Web server, daemon and code server of one home."""

    model: socket.socket  # where the language model of the runs would be, if there is one

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TRACE_CLUSTERING")},
            "DAGSTER_HOME": str(home),
        }
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self) -> None:
        self.log = (self.home / "dev.log").open("wb")
        self.process = subprocess.Popen(
            [TOOLS / "dagster", "dev", "-w", "workspace.yaml", "-p", str(self.port)],
            cwd=PROJECT,
            env=self.environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        wait_until(self.is_up, 120, "the web server to answer")

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def is_up(self) -> bool:
        try:
            return bool(self.ask("{ version }"))
        except OSError:
            return False

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - a loopback address
            return json.load(answer)["data"]

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, the newest first."""
        runs = self.ask(RUNS)["runsOrError"]["results"]
        for run in runs:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
            run["partition"] = run["tags"]["dagster/partition"]
        return runs

    def finished_runs(self) -> list[dict[str, Any]]:
        return [run for run in self.runs() if run["status"] in ("SUCCESS", "FAILURE")]

    def launch(self, partition: str, selection: tuple[str, ...] = ASSETS, **tags: str) -> str:
        """Start a run of one partition as the UI does, and return its id."""
        date, team = partition.split("|")
        tags = {"dagster/partition": partition, **tags}
        tags |= {"dagster/partition/date": date, "dagster/partition/team": team}
        parameters = {
            "selector": {
                "repositoryLocationName": "trace_clustering",
                "repositoryName": "__repository__",
                "jobName": "trace_clustering_job",
                "assetSelection": [{"path": [asset]} for asset in selection],
            },
            "mode": "default",
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        launched = self.ask(LAUNCH, parameters=parameters)["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def status(self, run_id: str) -> str:
        return next(run["status"] for run in self.runs() if run["runId"] == run_id)

    def events(self, run_id: str) -> list[dict[str, Any]]:
        answer = self.ask(EVENTS, runId=run_id)["logsForRun"]
        return answer["events"]


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home = tmp_path_factory.mktemp("home")
    shutil.copy(PROJECT / "dagster.yaml", home)
    services = Services(home)
    try:
        services.start()
        yield services
    finally:
        services.stop()


def test_backfills_run_one_run_per_team_at_once_and_a_failing_team_stops_no_other(services: Services) -> None:
    clickhouse = ClickHouse(dsn=f"chdb://{services.home / 'trace_clustering_data' / 'clickhouse'}")
    records = themed_records()
    mixed = [*records[:30], *(replace(r, embedding=np.ones(8, dtype=np.float32)) for r in records[30:])]
    with clickhouse.open_session(2, timeout_seconds=60) as session:
        insert_records(session, mixed, batch_run_id="mixed", model_name="two")

    from_the_ui = ["2025-01-22|1", "2025-01-23|1", "2025-01-22|2"]
    launched = services.ask(BACKFILL, assets=[{"path": [a]} for a in ASSETS], partitions=from_the_ui)
    assert launched["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess", launched
    from_the_command_line = ["2025-01-24|1", "2025-01-22|112495"]
    subprocess.run(
        [
            *(TOOLS / "dagster", "job", "backfill", "-w", "workspace.yaml", "-j", "trace_clustering_job"),
            *("--partitions", ",".join(from_the_command_line), "--noprompt"),
        ],
        cwd=PROJECT,
        env=services.environment,
        check=True,
        capture_output=True,
    )

    everything = {*from_the_ui, *from_the_command_line}
    wait_until(lambda: len(services.finished_runs()) == len(everything), 240, "the backfills to end")
    runs = services.finished_runs()
    assert {run["partition"]: run["status"] for run in runs} == {
        **dict.fromkeys(everything, "SUCCESS"),
        "2025-01-22|2": "FAILURE",
    }
    of_team_1 = [run for run in runs if run["partition"].endswith("|1")]
    for one, other in combinations(of_team_1, 2):
        assert one["endTime"] <= other["startTime"] or other["endTime"] <= one["startTime"]


def test_at_most_three_runs_and_one_per_team_are_in_the_queue_settings(services: Services) -> None:
    config = services.ask("{ instance { runQueueConfig { maxConcurrentRuns tagConcurrencyLimitsYaml } } }")
    queue = config["instance"]["runQueueConfig"]
    assert queue["maxConcurrentRuns"] == 3
    assert "dagster/partition/team" in queue["tagConcurrencyLimitsYaml"]

"""Runs under `dagster dev` that are terminated, take too long, or whose machine crashes."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering_tests.examples import DAY, themed_records
from trace_clustering_tests.orchestration.test_services import PROJECT, TERMINATE, Services, wait_until

pytestmark = pytest.mark.slow

TEAMS = (1, 2, 112495)


@pytest.fixture
def services(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Services]:
    """Services with three teams, and a language model that never answers: every run waits in its labels.

    The parameter, if there is one, is the executor.
    """
    configuration = (PROJECT / "dagster.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(
        configuration.replace("poll_interval_seconds: 30", "poll_interval_seconds: 5")
    )
    clickhouse = ClickHouse(dsn=f"chdb://{tmp_path / 'trace_clustering_data' / 'clickhouse'}")
    for team in TEAMS:
        with clickhouse.open_session(team, timeout_seconds=60) as session:
            insert_records(session, themed_records(), batch_run_id="batch-1", model_name="test-16")
    services = Services(tmp_path)
    services.environment["TRACE_CLUSTERING_EXECUTOR"] = getattr(request, "param", "")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        services.model = silent
        services.environment["OPENAI_BASE_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        try:
            services.start()
            yield services
        finally:
            services.stop()


def wait_for_labels(services: Services, *run_ids: str) -> None:
    """Wait until each run is asking the language model."""

    def is_labelling(run_id: str) -> bool:
        events = services.events(run_id)
        return any(
            e.get("stepKey") == "cluster_labels" and e.get("eventType") == "STEP_START" for e in events
        )

    wait_until(lambda: all(map(is_labelling, run_ids)), 240, "the runs to label")


def list_what_must_not_happen(services: Services, run_id: str) -> list[str]:
    bad = ("STEP_UP_FOR_RETRY", "STEP_RESTARTED", "RUN_SUCCESS")
    return [event["eventType"] for event in services.events(run_id) if event.get("eventType") in bad]


def find_events_of_teams(services: Services) -> list[Path]:
    return list(
        (services.home / "trace_clustering_data" / "artifacts" / "emitted_cluster_event").rglob("*.parquet")
    )


def test_terminate_ends_a_run_at_once(services: Services) -> None:
    run_id = services.launch(f"{DAY}|1")
    wait_for_labels(services, run_id)
    assert services.ask(TERMINATE, runId=run_id)["terminateRun"]["__typename"] == "TerminateRunSuccess"
    wait_until(lambda: services.status(run_id) == "CANCELED", 30, "the run to be canceled")
    assert list_what_must_not_happen(services, run_id) == []
    assert find_events_of_teams(services) == []


def test_a_run_beyond_its_time_limit_fails_and_stays_failed(services: Services) -> None:
    run_id = services.launch(f"{DAY}|1", **{"dagster/max_runtime": "20", "dagster/max_retries": "0"})
    wait_for_labels(services, run_id)
    wait_until(lambda: services.status(run_id) == "FAILURE", 120, "the time limit")
    time.sleep(10)  # the step would have been tried again by now
    assert services.status(run_id) == "FAILURE"
    assert list_what_must_not_happen(services, run_id) == []
    assert find_events_of_teams(services) == []


def test_after_a_crash_of_the_machine_the_queue_moves(services: Services) -> None:
    crashed = [services.launch(f"{DAY}|{team}") for team in TEAMS]
    wait_for_labels(services, *crashed)
    for process in find_processes_of(services.home):
        os.kill(process, signal.SIGKILL)
    services.stop()
    services.environment["OPENAI_BASE_URL"] = ""
    services.start()
    wait_until(lambda: all(services.status(run) == "FAILURE" for run in crashed), 300, "crashed runs to fail")

    def has_succeeded(team: int) -> bool:
        runs = [run for run in services.runs() if run["partition"] == f"{DAY}|{team}"]
        return any(run["status"] == "SUCCESS" for run in runs)

    wait_until(lambda: all(map(has_succeeded, TEAMS)), 300, "the runs to be made again")
    assert len(find_events_of_teams(services)) == len(TEAMS)


@pytest.mark.parametrize("services", ["in_process", "multiprocess"], indirect=True)
def test_a_step_whose_run_was_killed_stores_nothing(services: Services) -> None:
    run_id = services.launch(f"{DAY}|1", **{"dagster/max_retries": "0"})
    wait_for_labels(services, run_id)
    started = [
        re.search(r"Started process for run \(pid: (\d+)\)", e["message"]) for e in services.events(run_id)
    ]
    (worker,) = [int(found[1]) for found in started if found]
    descendants = find_descendants(worker)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: services.status(run_id) == "FAILURE", 60, "the run to fail")
    services.model.close()  # an orphaned step waits for it no longer, and would store its labels
    wait_until(lambda: not any(map(is_alive, descendants)), 120, "the processes of the run to end")
    stored = (services.home / "trace_clustering_data" / "artifacts").rglob("*.*")
    assert not [path for path in stored if "cluster_labels" in path.parts]
    assert find_events_of_teams(services) == []
    assert services.status(run_id) == "FAILURE"


def read_children(thread: Path) -> list[str]:
    try:
        return (thread / "children").read_text().split()
    except FileNotFoundError:  # the thread has just ended
        return []


def find_descendants(process: int) -> list[int]:
    children = [
        int(child) for thread in Path(f"/proc/{process}/task").iterdir() for child in read_children(thread)
    ]
    return [*children, *(descendant for child in children for descendant in find_descendants(child))]


def is_alive(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


def find_processes_of(home: Path) -> list[int]:
    """Return the processes whose environment names a home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"DAGSTER_HOME={home}\0".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found

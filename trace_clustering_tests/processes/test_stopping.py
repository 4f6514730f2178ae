"""A run that is interrupted ends at once, stores nothing more and emits nothing."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from trace_clustering.artifacts.io_manager import ArtifactStorage
from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.processes.stopping import end_run_on_interrupt, require_live_run
from trace_clustering_tests.artifacts.test_io_manager import list_files, made, make_points
from trace_clustering_tests.examples import ASSETS, DAY, INGESTION, themed_records

PARTITION = f"{DAY}|1"


@pytest.fixture
def silent_model() -> Iterator[str]:
    """The address of a language model that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


def interrupt(message: str, by: signal.Signals, environment: dict[str, str]) -> tuple[int, str]:
    """Materialize all assets, interrupt the process when it logs a message; return its code and its log."""
    with ClickHouse().open_session(1, timeout_seconds=60) as session:
        insert_records(session, themed_records(), batch_run_id="batch-1", model_name="test-16")
    command = ("asset", "materialize", "-m", "trace_clustering.definitions", "--select", "*")
    with subprocess.Popen(
        [Path(sys.executable).parent / "dagster", *command, "--partition", PARTITION],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        seen = []
        for line in process.stderr:
            seen.append(line)
            if re.search(message, line):
                process.send_signal(by)
    return process.returncode, "".join(seen)


def count_events() -> int:
    with ClickHouse().open_session(1, timeout_seconds=60) as session:
        rows = session.query(
            "SELECT count() AS n FROM {events:Identifier} WHERE event = '$ai_trace_clusters'"
        )
        return rows[0]["n"]


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_a_step_computes_ends_the_run(
    by: signal.Signals, executor: str, tmp_path: Path
) -> None:
    code, log = interrupt("Reducing 96 embeddings", by, {"TRACE_CLUSTERING_EXECUTOR": executor})
    assert code != 0
    assert "STEP_UP_FOR_RETRY" not in log
    assert "cluster_assignments - STEP_START" not in log
    made = sorted([*INGESTION, "embeddings"])
    stored = list_files(tmp_path / "trace_clustering_data" / "artifacts")
    assert stored == [f"{asset}/{DAY}/1.parquet" for asset in made]
    assert count_events() == 0


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_a_model_is_silent_ends_the_run(
    by: signal.Signals, silent_model: str, tmp_path: Path
) -> None:
    model = {"TRACE_CLUSTERING_EXECUTOR": "in_process", "OPENAI_BASE_URL": silent_model}
    code, log = interrupt("cluster_labels - LOADED_INPUT.*projection_2d", by, model)
    assert code != 0
    assert "STEP_UP_FOR_RETRY" not in log
    stored = [file.split("/")[0] for file in list_files(tmp_path / "trace_clustering_data" / "artifacts")]
    assert {*INGESTION, *ASSETS[:5]} <= set(stored)  # what needs no labels may be stored too
    assert not {"cluster_labels", "emitted_cluster_event"} & set(stored)
    assert count_events() == 0


def run_interrupted(kind: type[BaseException]) -> tuple[dg.ExecuteInProcessResult, list[str]]:
    """Run two steps that do not depend on each other; the first is interrupted."""
    started = []

    def declare(name: str, error: BaseException | None) -> dg.AssetsDefinition:
        @dg.asset(name=name, retry_policy=dg.RetryPolicy(max_retries=2))
        def step(context: dg.AssetExecutionContext) -> None:
            with end_run_on_interrupt(context.run.run_id):
                started.append(name)
                if error is not None:
                    raise error

        return step

    steps = [declare("first", kind()), declare("second", None)]
    return dg.materialize(steps, raise_on_error=False), started


@pytest.mark.parametrize("kind", [KeyboardInterrupt, dg.DagsterExecutionInterruptedError])
def test_no_other_step_of_an_interrupted_run_starts(kind: type[BaseException]) -> None:
    result, started = run_interrupted(kind)
    assert not result.success
    assert started == ["first"]
    assert not any(event.is_step_up_for_retry for event in result.all_events)


def swallow_first_interrupt(raised: list[BaseException], goes_on_for: float) -> None:
    """Swallow an interrupt as a library may do, and go on."""
    with end_run_on_interrupt(f"swallowed-{goes_on_for}"):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        except BaseException as error:
            raised.append(error)
        time.sleep(goes_on_for)


@pytest.mark.parametrize("goes_on_for", [0, 60])
def test_an_interrupt_that_a_library_swallows_ends_the_block_all_the_same(goes_on_for: int) -> None:
    raised: list[BaseException] = []
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(dg.Failure, match="interrupted") as failure:
        swallow_first_interrupt(raised, goes_on_for)
    assert not failure.value.allow_retries
    assert len(raised) == 1
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("kind", [KeyboardInterrupt, dg.DagsterExecutionInterruptedError])
def test_an_interrupt_in_code_of_dagster_is_no_attempt_either(kind: type[BaseException]) -> None:
    attempts = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
    def step(context: dg.AssetExecutionContext) -> None:
        attempts.append("started")
        with end_run_on_interrupt(context.run.run_id):
            require_live_run(context.instance, context.run.run_id)
            attempts.append("worked")
        raise kind  # outside of the block, as if the signal had arrived a moment later

    instance = dg.DagsterInstance.ephemeral()
    result = dg.materialize([step], instance=instance, raise_on_error=False)
    assert not result.success
    assert attempts == ["started", "worked", "started"]
    assert sum(event.is_step_failure for event in result.all_events) == 1


@pytest.mark.parametrize("status", ["CANCELING", "FAILURE"])
def test_a_step_whose_run_has_ended_stores_nothing(status: str, tmp_path: Path) -> None:
    @dg.asset(partitions_def=made.partitions_def, retry_policy=dg.RetryPolicy(max_retries=2))
    def late(context: dg.AssetExecutionContext):
        run = context.instance.get_run_by_id(context.run.run_id)
        if status == "CANCELING":
            context.instance.report_run_canceling(run)
        else:
            context.instance.report_run_failed(run)
        return make_points(3)

    result = dg.materialize(
        [late],
        partition_key=PARTITION,
        resources={"io_manager": ArtifactStorage(base=str(tmp_path / "base"))},
        raise_on_error=False,
    )
    assert not result.success
    assert list_files(tmp_path / "base") == []
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert f"is {status}, so this step stores nothing" in failure.step_failure_data.error.to_string()

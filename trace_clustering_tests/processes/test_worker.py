"""A computation ends with a result, with its own error, or at its time limit."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from trace_clustering.algorithms.clusters.hdbscan import perform_hdbscan_clustering
from trace_clustering.errors import ComputeProcessError, DeadlineExceededError, InvalidEmbeddingsError
from trace_clustering.processes.worker import prepare_process, run_with_deadline

AMPLE = 60.0


class TwoPartError(Exception):
    """An error that pickle cannot rebuild from its message."""

    def __init__(self, what: str, value: int) -> None:
        super().__init__(f"{what} {value}")


def return_value(value: object) -> object:
    return value


def raise_two_part_error() -> None:
    raise TwoPartError("answer", 42)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def set_variable() -> None:
    os.environ["PREPARED"] = "yes"


def write_process_id_and_sleep() -> None:
    unfinished = Path(os.environ["PROCESS_FILE"] + ".new")
    unfinished.write_text(str(os.getpid()))
    unfinished.rename(os.environ["PROCESS_FILE"])
    time.sleep(3600)


def has_main_module_of_another() -> bool:
    return sys.modules.get("__mp_main__") is not sys.modules["__main__"]


def test_the_result_comes_back() -> None:
    assert run_with_deadline(sorted, [3, 1, 2], seconds=AMPLE, reverse=True) == [3, 2, 1]


def test_a_large_result_comes_back() -> None:
    assert run_with_deadline(np.zeros, (1000, 1000), seconds=AMPLE).shape == (1000, 1000)


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.arange(12_000_000, dtype=np.float32).reshape(-1, 3), id="longer than a message"),
        pytest.param(np.zeros((0, 8), np.float32), id="empty"),
        pytest.param(np.arange(12.0).reshape(3, 4).T, id="another order in memory"),
        pytest.param(np.arange(12.0)[::2], id="with gaps in memory"),
        pytest.param(np.array(["a", "čaj"], dtype=object), id="texts"),
    ],
)
def test_arrays_travel_there_and_back_and_can_be_written_to(array: np.ndarray) -> None:
    first, second = run_with_deadline(return_value, (array, {"key": array[:1]}), seconds=AMPLE)
    np.testing.assert_array_equal(first, array)
    np.testing.assert_array_equal(second["key"], array[:1])
    assert first.dtype == array.dtype
    assert first.flags.writeable


def test_the_computation_has_a_process_of_its_own() -> None:
    assert run_with_deadline(os.getpid, seconds=AMPLE) != os.getpid()


def test_the_process_is_kept_for_the_next_computation() -> None:
    first = run_with_deadline(os.getpid, seconds=AMPLE)
    with pytest.raises(MemoryError):
        run_with_deadline(np.empty, (10**9, 10**9), seconds=AMPLE)
    assert run_with_deadline(os.getpid, seconds=AMPLE) == first


def test_a_process_that_was_killed_in_between_is_replaced() -> None:
    first = run_with_deadline(os.getpid, seconds=AMPLE)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert run_with_deadline(os.getpid, seconds=AMPLE) != first


def test_an_error_of_the_function_comes_back() -> None:
    with pytest.raises(InvalidEmbeddingsError, match="Cannot cluster empty embeddings array"):
        run_with_deadline(perform_hdbscan_clustering, np.empty((0, 4), np.float32), seconds=AMPLE)


def test_running_out_of_memory_in_numpy_comes_back() -> None:
    with pytest.raises(MemoryError, match="Unable to allocate"):
        run_with_deadline(np.empty, (10**9, 10**9), seconds=AMPLE)


def test_an_error_that_pickle_cannot_rebuild_is_still_reported() -> None:
    with pytest.raises(Exception, match="answer 42"):
        run_with_deadline(raise_two_part_error, seconds=AMPLE)


def test_what_takes_too_long_is_stopped_and_its_process_is_gone() -> None:
    process = run_with_deadline(os.getpid, seconds=AMPLE)
    with pytest.raises(DeadlineExceededError, match=r"sleep was stopped after its limit of 0\.5 s"):
        run_with_deadline(time.sleep, 3600, seconds=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


class TestAProcessThatDoesNotTakeItsArguments:
    """An argument larger than a pipe holds is sent to a process that is stopped."""

    ARGUMENT = np.zeros(10_000_000)

    @pytest.fixture
    def stopped(self) -> int:
        process = run_with_deadline(os.getpid, seconds=AMPLE)
        os.kill(process, signal.SIGSTOP)
        return process

    def test_is_given_up_at_the_time_limit(self, stopped: int) -> None:
        with pytest.raises(DeadlineExceededError, match=r"limit of 0\.5 s"):
            run_with_deadline(np.shape, self.ARGUMENT, seconds=0.5)
        with pytest.raises(ProcessLookupError):
            os.kill(stopped, 0)

    def test_is_an_error_with_its_exit_code_if_it_dies(self, stopped: int) -> None:
        killer = threading.Timer(0.5, os.kill, (stopped, signal.SIGKILL))
        killer.start()
        with pytest.raises(ComputeProcessError, match=r"shape died \(exit code -9\)"):
            run_with_deadline(np.shape, self.ARGUMENT, seconds=AMPLE)


@pytest.mark.parametrize(("function", "argument", "code"), [(os._exit, (3,), 3), (kill_itself, (), -9)])
def test_a_process_that_dies_is_an_error_with_its_exit_code(
    function: object, argument: tuple[int, ...], code: int
) -> None:
    with pytest.raises(ComputeProcessError, match=rf"{function.__name__} died \(exit code {code}\)"):
        run_with_deadline(function, *argument, seconds=AMPLE)


def test_nothing_of_the_callers_main_module_is_imported() -> None:
    assert run_with_deadline(has_main_module_of_another, seconds=AMPLE) is False


def test_the_next_call_finds_what_its_process_has_prepared() -> None:
    prepare_process(set_variable)
    assert run_with_deadline(os.getenv, "PREPARED", seconds=AMPLE) == "yes"
    assert "PREPARED" not in os.environ


def test_an_error_in_preparing_does_not_fail_the_next_call() -> None:
    prepare_process(raise_two_part_error)
    assert run_with_deadline(sorted, [2, 1], seconds=AMPLE) == [1, 2]


def test_a_process_that_still_prepares_ends_with_its_caller(tmp_path: Path) -> None:
    code = """
import os, time
from pathlib import Path
from trace_clustering.processes.worker import prepare_process
from trace_clustering_tests.processes.test_worker import write_process_id_and_sleep

prepare_process(write_process_id_and_sleep)
while not Path(os.environ["PROCESS_FILE"]).exists():
    time.sleep(0.05)
"""
    process_file = tmp_path / "process"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PROCESS_FILE": str(process_file)}
    )
    with pytest.raises(ProcessLookupError):
        os.kill(int(process_file.read_text()), 0)


@pytest.mark.parametrize("error", [DeadlineExceededError, ComputeProcessError])
def test_a_later_attempt_may_succeed(error: type[Exception]) -> None:
    assert error.retryable


def test_what_a_worker_computes_is_imported_without_dagster() -> None:
    modules = "trace_clustering.algorithms.steps, trace_clustering.algorithms.map"
    modules += ", trace_clustering.labeling.keywords, trace_clustering.processes.worker"
    code = f"import sys, {modules}; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_process_that_was_interrupted_as_a_limit_began_does_not_wait_for_its_end() -> None:
    code = "from trace_clustering.processes.worker import _TimeLimit; _TimeLimit(600, print).__enter__()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

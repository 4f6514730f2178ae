"""Notices runs whose process is gone, so that they do not block the queue."""

import time
from collections.abc import Callable
from typing import Final

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError, DagsterUserCodeUnreachableTimeoutError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

_MAX_QUESTIONS: Final = 3
_SECONDS_BETWEEN_QUESTIONS: Final = 2.0


class WatchedRunLauncher(DefaultRunLauncher):
    """Starts runs as Dagster's default launcher does, and can tell whether a started run still has a process.

    The server of the code location starts the processes of runs and knows them. When all processes of a
    machine die at once, nobody is left to report these runs, and Dagster's own launcher cannot be asked: the
    runs would count as started until `max_runtime_seconds`. With this launcher the daemon's monitoring asks,
    reports them as failed, and `run_retries` starts them again.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether monitoring can ask for the process of a run."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return whether the server that started a run still has a process for it."""
        find: Callable[[str], DagsterGrpcClient | None] = self._get_grpc_client_for_termination
        client = find(run.run_id)
        if client is None:
            # It ended just now, or no server started it: the command line executes runs by itself.
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        for question in range(_MAX_QUESTIONS):
            if question:
                time.sleep(_SECONDS_BETWEEN_QUESTIONS)
            try:
                answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id))
            except DagsterUserCodeUnreachableTimeoutError:
                return CheckRunHealthResult(WorkerStatus.RUNNING, "its server is too busy to answer")
            except DagsterUserCodeUnreachableError:
                continue
            if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its server has no process for it")
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the server that started it is gone")

"""A run that is stopped ends at once, and a run that Dagster has given up stores nothing more."""

import os
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

_INTERRUPTS: Final = (KeyboardInterrupt, dg.DagsterExecutionInterruptedError)
_LIVE: Final = frozenset(
    {dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED}
)
_SECONDS_BETWEEN_INTERRUPTS: Final = 1.0
# Runs of this process that were interrupted. Dagster starts steps that do not depend on the failed one.
_interrupted_runs: set[str] = set()


@contextmanager
def end_run_on_interrupt(run_id: str) -> Iterator[None]:
    """Turn an interrupt (Ctrl-C, SIGTERM, Terminate, the time limit of a run) into a failure for good.

    Dagster counts an interrupt as a failed attempt, and would run the step again.

    Raises
    ------
    dagster.Failure
        If an interrupt arrives inside the block, or arrived in an earlier step of this run; it is not
        retried.
    """
    if run_id in _interrupted_runs:
        raise _build_failure()
    with _repeat_interrupts() as arrived:
        try:
            yield
        except _INTERRUPTS as interrupt:
            _interrupted_runs.add(run_id)
            raise _build_failure() from interrupt
    if arrived:  # and was swallowed
        _interrupted_runs.add(run_id)
        raise _build_failure()


@contextmanager
def _repeat_interrupts() -> Iterator[list[int]]:
    """Send an interrupt again and again until the block has ended, and list those that arrived.

    Dagster sends one, and raises an exception wherever the code is at that moment. Libraries swallow it at
    times, for example while they are imported, and the run would go on.
    """
    arrived: list[int] = []
    raise_interrupt = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(raise_interrupt):
        yield arrived
        return
    # The only queue that a signal handler may use.
    wake_up: queue.SimpleQueue[None] = queue.SimpleQueue()
    ended = threading.Event()

    def note_and_raise(number: int, frame: FrameType | None) -> None:
        arrived.append(number)
        wake_up.put(None)
        raise_interrupt(number, frame)

    def repeat() -> None:
        wake_up.get()
        while not ended.wait(_SECONDS_BETWEEN_INTERRUPTS):
            os.kill(os.getpid(), signal.SIGINT)

    repeater = threading.Thread(target=repeat, name="interrupts", daemon=True)
    repeater.start()
    handlers = {number: signal.signal(number, note_and_raise) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield arrived
    finally:
        ended.set()
        wake_up.put(None)
        repeater.join()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def require_live_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Check that Dagster still counts on a run.

    A step can outlive the process of its run, and would then overwrite what a later run has stored.

    Raises
    ------
    dagster.Failure
        If the run is being canceled, was interrupted, or has already ended; it is not retried.
    """
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status not in _LIVE:
        raise dg.Failure(
            f"Run {run_id} is {run.status.value}, so this step stores nothing; "
            "a later run of the partition makes it again",
            allow_retries=False,
        )
    if _was_interrupted(instance, run_id):
        raise _build_failure()


def _was_interrupted(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Return whether Dagster counted an interrupt as a failed attempt of a step.

    That happens where an interrupt arrives in Dagster's own code, outside of all `end_run_on_interrupt`.
    """
    names = {kind.__name__ for kind in _INTERRUPTS}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY):
        error: SerializableErrorInfo | None = entry.get_dagster_event().step_retry_data.error
        while error is not None:
            if error.cls_name in names:
                return True
            error = error.cause
    return False


def _build_failure() -> dg.Failure:
    return dg.Failure("The run was interrupted; start it again when you like", allow_retries=False)

"""Native code under a time limit: it can only be stopped in a process of its own."""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from multiprocessing.util import Finalize
from typing import Any, Self, TypeVar

from trace_clustering.errors import ComputeProcessError, DeadlineExceededError
from trace_clustering.processes.lifeline import end_with_parent, limit_own_time

T = TypeVar("T")

_MAX_SECONDS_TO_END = 5.0
# The caller stops a call at its limit. The worker stops itself this much later, should the caller be gone.
_MARGIN_SECONDS = 1.0
_MAX_SECONDS_TO_PREPARE = 600.0
# The program of the worker; with the same search path it finds the same modules.
_WORKER_PROGRAM = """
import sys
pipe, lifeline, *sys.path = sys.argv[1:]
from trace_clustering.processes.worker import serve
serve(int(pipe), int(lifeline))
"""
# The receiver of a message holds it twice for a moment, so large arrays are sent in pieces.
_MAX_BYTES_PER_MESSAGE = 1 << 24


def run_with_deadline(function: Callable[..., T], *args: Any, seconds: float, **kwargs: Any) -> T:  # noqa: ANN401
    """Call a module-level function in another process and return its result.

    The process is kept for the next call, which then needs no imports and no compiling. It is a fresh
    interpreter: a fork would break the embedded ClickHouse engine, and multiprocessing would first import the
    caller's main module, which is all of Dagster and takes a second.

    Parameters
    ----------
    function : callable
        Importable by name. Arguments and result travel by pickle; each process holds one copy of an array.
    seconds : float
        Time limit of the call, including the transfer of arguments and result.

    Raises
    ------
    DeadlineExceededError
        If the time limit is reached; the process is killed.
    ComputeProcessError
        If the process died without a result.
    Exception
        The error that the function itself raised.
    """
    worker = _take_worker()
    try:
        succeeded, answer = worker.call(function, args, kwargs, seconds)
    except BaseException:
        worker.kill()
        raise
    _idle_workers.append(worker)
    if not succeeded:
        raise answer
    return answer  # type: ignore[no-any-return]


def prepare_process(function: Callable[[], None]) -> None:
    """Start the process of the next `run_with_deadline` in advance, and have it call a function first.

    This call does not wait. An error of the function is ignored: if it matters, the next call will raise it.
    """
    worker = _take_worker()
    worker.prepare(function)
    _idle_workers.append(worker)


class _Worker:
    """A process that carries out one call after the other, until it is killed or this process ends."""

    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        their_lifeline, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own code
                [sys.executable, "-c", _WORKER_PROGRAM, str(theirs.fileno()), str(their_lifeline), *sys.path],
                pass_fds=[theirs.fileno(), their_lifeline],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # only this process handles Ctrl-C
            )
        finally:
            theirs.close()
            os.close(their_lifeline)
        self._is_preparing = False
        # Unlike atexit, Finalize also runs in processes of multiprocessing, as Dagster's steps are.
        self._at_exit = Finalize(None, self._end, exitpriority=10)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def prepare(self, function: Callable[[], None]) -> None:
        _send(self._connection, (function, (), {}, _MAX_SECONDS_TO_PREPARE))
        self._is_preparing = True

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float
    ) -> tuple[bool, Any]:
        answer = None
        # Sending and receiving have no time limit; killing the process ends them.
        with _TimeLimit(seconds, self._process.kill) as limit, suppress(EOFError, OSError):
            if self._is_preparing:
                _receive(self._connection)
                self._is_preparing = False
            _send(self._connection, (function, args, kwargs, seconds + _MARGIN_SECONDS))
            answer = _receive(self._connection)
        if limit.was_reached:
            raise DeadlineExceededError(
                f"{function.__name__} was stopped after its limit of {seconds:g} s; "
                "raise compute_timeout_seconds, lower max_samples, or give the machine less other work"
            )
        if answer is None:
            raise ComputeProcessError(
                f"The process of {function.__name__} died (exit code {self._process.wait()}), most likely "
                "out of memory; lower max_samples or use a larger machine"
            )
        return answer  # type: ignore[no-any-return]

    def kill(self) -> None:
        self._at_exit.cancel()
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        self._connection.close()
        os.close(self._lifeline)

    def _end(self) -> None:
        """Close the connections, which ends the process; kill it if it does not end."""
        self._close()
        try:
            self._process.wait(0 if self._is_preparing else _MAX_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _TimeLimit:
    """A context that calls an action if it takes too long."""

    def __init__(self, seconds: float, action: Callable[[], None]) -> None:
        self._action = action
        self._timer = threading.Timer(seconds, self._act)
        # An interrupt can arrive after the timer has started and before the block is entered, and then nobody
        # cancels the timer. A process that ends must not wait for it.
        self._timer.daemon = True
        self.was_reached = False

    def _act(self) -> None:
        self.was_reached = True
        self._action()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()


_idle_workers: list[_Worker] = []


def _take_worker() -> _Worker:
    while _idle_workers:
        worker = _idle_workers.pop()
        if worker.is_alive():
            return worker
        worker.kill()
    return _Worker()


def serve(pipe: int, lifeline: int) -> None:
    """Carry out the calls that arrive on a file descriptor, in the worker, until the caller closes it.

    The worker ends with its caller, and at its own limit, whatever it is doing.
    """
    end_with_parent(lifeline)
    connection = Connection(pipe)
    while True:
        try:
            function, args, kwargs, seconds = _receive(connection)
        except EOFError:
            os._exit(0)  # a normal exit frees compiled code, for which the caller would wait half a second
        try:
            with limit_own_time(seconds):
                answer = (True, function(*args, **kwargs))
        except Exception as error:
            answer = (False, _make_picklable(error))
        # Otherwise arguments and result would stay in memory until the next call.
        del function, args, kwargs
        _send(connection, answer)
        del answer


def _send(connection: Connection, value: object) -> None:
    """Send a value; its arrays are sent in pieces and without a copy."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    connection.send((pickled, [view.nbytes for view in views]))
    for view in views:
        for start in range(0, view.nbytes, _MAX_BYTES_PER_MESSAGE):
            connection.send_bytes(view[start : start + _MAX_BYTES_PER_MESSAGE])


def _receive(connection: Connection) -> Any:  # noqa: ANN401 - whatever was sent
    pickled, sizes = connection.recv()
    buffers = [bytearray(size) for size in sizes]
    for buffer in buffers:
        for start in range(0, len(buffer), _MAX_BYTES_PER_MESSAGE):
            connection.recv_bytes_into(buffer, start)
    return pickle.loads(pickled, buffers=buffers)  # noqa: S301 - sent by our own process


def _make_picklable(error: Exception) -> Exception:
    """Return the error itself if pickle can rebuild it, else one with its type and message."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:
        return ComputeProcessError(f"{type(error).__name__}: {error}")
    return error

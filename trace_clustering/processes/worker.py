"""Native code under a time limit: only a process of its own can be stopped in the middle."""

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

T = TypeVar("T")

_SECONDS_TO_END = 5.0
# What the process runs: it finds the modules that this one finds.
_SERVE = """
import sys
pipe, *sys.path = sys.argv[1:]
from trace_clustering.processes.worker import serve
serve(int(pipe))
"""
# Whoever receives a message holds all of it twice for a moment.
_BYTES_PER_MESSAGE = 1 << 24


def run_with_deadline(function: Callable[..., T], *args: Any, seconds: float, **kwargs: Any) -> T:  # noqa: ANN401
    """Call a module-level function in another process and return its result.

    The process is kept for the next call, which then finds everything imported and compiled. It is a fresh
    interpreter and no fork of this one, whose embedded ClickHouse engine would not survive that. Those of
    multiprocessing would import the caller's main module, which is all of Dagster, and take a second more.

    Parameters
    ----------
    function : callable
        Importable by name; arguments and result travel by pickle. Of an array among them there is one copy in
        each of the two processes.
    seconds : float
        Time limit of the call, with the way there and back.

    Raises
    ------
    DeadlineExceededError
        If the time limit passed; the process is killed.
    ComputeProcessError
        If the process died without an answer.
    Exception
        Whatever the function itself raised.
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
    """Start the process of the next call of `run_with_deadline` now, and have it call a function first.

    Nobody waits for it; what it raises is lost, and comes up again where it matters.
    """
    worker = _take_worker()
    worker.prepare(function)
    _idle_workers.append(worker)


class _Worker:
    """A process that answers one call after the other, until it is killed or this process ends."""

    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", _SERVE, str(theirs.fileno()), *sys.path],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt from the keyboard is for this process to handle
        )
        theirs.close()
        self._is_preparing = False
        # Unlike atexit's, this is called in the processes of multiprocessing too.
        self._at_exit = Finalize(None, self._end, exitpriority=10)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def prepare(self, function: Callable[[], None]) -> None:
        _send(self._connection, (function, (), {}))
        self._is_preparing = True

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float
    ) -> tuple[bool, Any]:
        answer = None
        # Sending and receiving wait for the process without a limit of their own, until it is killed.
        with _Limit(seconds, self._process.kill) as limit, suppress(EOFError, OSError):
            if self._is_preparing:
                _receive(self._connection)
                self._is_preparing = False
            _send(self._connection, (function, args, kwargs))
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
        self._connection.close()

    def _end(self) -> None:
        """Let the process see that its caller is gone."""
        self._connection.close()
        try:
            self._process.wait(0 if self._is_preparing else _SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Limit:
    """Does something if what it surrounds takes too long."""

    def __init__(self, seconds: float, action: Callable[[], None]) -> None:
        self._action = action
        self._timer = threading.Timer(seconds, self._reach)
        self.was_reached = False

    def _reach(self) -> None:
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


def serve(pipe: int) -> None:
    """Answer the calls that arrive on a file descriptor, until the caller is gone."""
    connection = Connection(pipe)
    while True:
        try:
            function, args, kwargs = _receive(connection)
        except EOFError:  # the caller is gone
            os._exit(0)  # and waits; taking apart what was compiled would take half a second
        try:
            answer = (True, function(*args, **kwargs))
        except Exception as error:
            answer = (False, _as_it_travels(error))
        # Nothing of one call stays in memory until the next.
        del function, args, kwargs
        _send(connection, answer)
        del answer


def _send(connection: Connection, value: object) -> None:
    """Send a value, and the memory of its arrays in pieces without a copy."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    connection.send((pickled, [view.nbytes for view in views]))
    for view in views:
        for start in range(0, view.nbytes, _BYTES_PER_MESSAGE):
            connection.send_bytes(view[start : start + _BYTES_PER_MESSAGE])


def _receive(connection: Connection) -> Any:  # noqa: ANN401 - whatever was sent
    pickled, sizes = connection.recv()
    buffers = [bytearray(size) for size in sizes]
    for buffer in buffers:
        for start in range(0, len(buffer), _BYTES_PER_MESSAGE):
            connection.recv_bytes_into(buffer, start)
    return pickle.loads(pickled, buffers=buffers)  # noqa: S301 - of our own making


def _as_it_travels(error: Exception) -> Exception:
    """Return the error itself if pickle can rebuild it, else one that tells what it said."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - of our own making
    except Exception:
        return ComputeProcessError(f"{type(error).__name__}: {error}")
    return error

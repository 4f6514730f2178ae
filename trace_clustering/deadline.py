"""Native code under a time limit: only a process of its own can be stopped in the middle."""

import multiprocessing
import pickle
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from typing import Any, Self, TypeVar

from trace_clustering.errors import ComputeProcessError, DeadlineExceededError

T = TypeVar("T")

_SECONDS_TO_END = 5.0
# Whoever receives a message holds all of it twice for a moment.
_BYTES_PER_MESSAGE = 1 << 24


def run_with_deadline(function: Callable[..., T], *args: Any, seconds: float, **kwargs: Any) -> T:  # noqa: ANN401
    """Call a module-level function in another process and return its result.

    The process is kept for the next call, which then finds everything imported and compiled. It is forked
    from a clean server process and never from this one, whose embedded ClickHouse engine would not survive
    a fork.

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


class _Worker:
    """A process that answers one call after the other, until it is killed or this process ends."""

    def __init__(self) -> None:
        processes = multiprocessing.get_context("forkserver")
        self._connection, theirs = processes.Pipe()
        self._process = processes.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        # At the exit of this process, before multiprocessing stops what still runs.
        self._at_exit = Finalize(None, self._end, exitpriority=10)

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float
    ) -> tuple[bool, Any]:
        answer = None
        # Sending and receiving wait for the process without a limit of their own, until it is killed.
        with _Limit(seconds, self._process.kill) as limit, suppress(EOFError, OSError):
            _send(self._connection, (function, args, kwargs))
            answer = _receive(self._connection)
        if limit.was_reached:
            raise DeadlineExceededError(
                f"{function.__name__} was stopped after its limit of {seconds:g} s; "
                "raise compute_timeout_seconds, lower max_samples, or give the machine less other work"
            )
        if answer is None:
            self._process.join()
            raise ComputeProcessError(
                f"The process of {function.__name__} died (exit code {self._process.exitcode}), most likely "
                "out of memory; lower max_samples or use a larger machine"
            )
        return answer  # type: ignore[no-any-return]

    def kill(self) -> None:
        self._at_exit.cancel()
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _end(self) -> None:
        """Let the process see that its caller is gone; ending by itself, it cleans up after itself."""
        self._connection.close()
        self._process.join(_SECONDS_TO_END)


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


def _serve(connection: Connection) -> None:
    while True:
        try:
            function, args, kwargs = _receive(connection)
        except EOFError:  # the caller is gone
            return
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

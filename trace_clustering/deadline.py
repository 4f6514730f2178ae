"""Native code under a time limit: only a process of its own can be stopped in the middle."""

import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from typing import Any, TypeVar

from trace_clustering.errors import ComputeProcessError, DeadlineExceededError

T = TypeVar("T")

_SECONDS_TO_END = 5.0


def run_with_deadline(function: Callable[..., T], *args: Any, seconds: float, **kwargs: Any) -> T:  # noqa: ANN401
    """Call a module-level function in another process and return its result.

    The process is kept for the next call, which then finds everything imported and compiled. It is forked
    from a clean server process and never from this one, whose embedded ClickHouse engine would not survive
    a fork.

    Parameters
    ----------
    function : callable
        Importable by name; arguments and result travel by pickle.
    seconds : float
        Time limit of the call.

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
        try:
            self._connection.send((function, args, kwargs))
            if not self._connection.poll(seconds):
                raise DeadlineExceededError(
                    f"{function.__name__} was stopped after its limit of {seconds:g} s; "
                    "raise compute_timeout_seconds, lower max_samples, or give the machine less other work"
                )
            return self._connection.recv()  # type: ignore[no-any-return]
        except (EOFError, ConnectionError):
            self._process.join()
            raise ComputeProcessError(
                f"The process of {function.__name__} died (exit code {self._process.exitcode}), most likely "
                "out of memory; lower max_samples or use a larger machine"
            ) from None

    def kill(self) -> None:
        self._at_exit.cancel()
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _end(self) -> None:
        """Let the process see that its caller is gone; ending by itself, it cleans up after itself."""
        self._connection.close()
        self._process.join(_SECONDS_TO_END)


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
            function, args, kwargs = connection.recv()
        except EOFError:  # the caller is gone
            return
        try:
            answer = (True, function(*args, **kwargs))
        except Exception as error:
            answer = (False, _as_it_travels(error))
        # Nothing of one call stays in memory until the next.
        del function, args, kwargs
        connection.send(answer)
        del answer


def _as_it_travels(error: Exception) -> Exception:
    """Return the error itself if pickle can rebuild it, else one that tells what it said."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - of our own making
    except Exception:
        return ComputeProcessError(f"{type(error).__name__}: {error}")
    return error

"""Native code under a time limit: only a process of its own can be stopped in the middle."""

import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from trace_clustering.errors import ComputeProcessError, DeadlineExceededError

T = TypeVar("T")


def run_with_deadline(function: Callable[..., T], *args: Any, seconds: float, **kwargs: Any) -> T:  # noqa: ANN401
    """Call a module-level function in a fresh process and return its result.

    The process is forked from a clean server process and never from this one, whose embedded ClickHouse
    engine would not survive a fork.

    Parameters
    ----------
    function : callable
        Importable by name; arguments and result travel by pickle.
    seconds : float
        Time limit, start of the process included.

    Raises
    ------
    DeadlineExceededError
        If the time limit passed; the process is killed.
    ComputeProcessError
        If the process died without an answer.
    Exception
        Whatever the function itself raised.
    """
    processes = multiprocessing.get_context("forkserver")
    receiver, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=_answer, args=(sender, function, args, kwargs))
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            raise DeadlineExceededError(
                f"{function.__name__} was stopped after its limit of {seconds:g} s; "
                "lower max_samples, or give the machine less other work"
            )
        succeeded, answer = receiver.recv()
    except EOFError:
        process.join()
        raise ComputeProcessError(
            f"The process of {function.__name__} died (exit code {process.exitcode}), most likely "
            "out of memory; lower max_samples or use a larger machine"
        ) from None
    finally:
        process.kill()
        process.join()
        receiver.close()
    if not succeeded:
        raise answer
    return answer  # type: ignore[no-any-return]


def _answer(
    sender: Connection, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    try:
        answer = (True, function(*args, **kwargs))
    except Exception as error:
        answer = (False, _as_it_travels(error))
    sender.send(answer)


def _as_it_travels(error: Exception) -> Exception:
    """Return the error itself if pickle can rebuild it, else one that tells what it said."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - of our own making
    except Exception:
        return ComputeProcessError(f"{type(error).__name__}: {error}")
    return error

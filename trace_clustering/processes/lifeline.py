"""A process that ends with its parent and at its own time limit, even while native code runs.

Native code can hold Python's global lock for hours, and then no Python code of the process runs, whatever the
thread. Both ends are therefore left to the kernel, which needs no help of the process.
"""

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def end_with_parent(lifeline: int) -> None:
    """Have this process killed as soon as its parent is gone, however that ended.

    Parameters
    ----------
    lifeline : int
        The reading end of a pipe whose writing end only the parent holds. Nothing is ever written to it; the
        kernel closes the writing end when the parent ends.
    """
    if hasattr(fcntl, "F_SETSIG"):  # Linux
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    # It also sees a parent that ended before the lines above; elsewhere it is all there is.
    threading.Thread(target=_wait_for_end_of, args=(lifeline,), name="lifeline", daemon=True).start()


def _wait_for_end_of(lifeline: int) -> None:
    os.read(lifeline, 1)  # it returns when nobody holds the writing end any more
    os._exit(1)


@contextmanager
def limit_own_time(seconds: float) -> Iterator[None]:
    """Have the kernel kill this process with SIGALRM if the block takes longer than some seconds."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)

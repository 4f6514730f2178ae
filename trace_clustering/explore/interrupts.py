"""Ctrl-C ends an exploration at once, whatever it is doing."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EXIT_CODE = 128 + signal.SIGINT  # as a shell reports it


@contextmanager
def end_on_interrupt(say_goodbye: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C end this process at once inside the block, after a last call.

    A thread of its own acts on the signal, because the main thread may be in native code, and Dagster holds
    interrupts back. Processes that are started inside the block do not receive the signal, so that none of
    them prints a traceback; they see that this process is gone.

    Parameters
    ----------
    say_goodbye : callable
        Called in that thread while the main thread still runs.
    """
    signals, written = os.pipe()
    os.set_blocking(written, False)

    def wait() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        while number := os.read(signals, 1):
            if number[0] == signal.SIGINT:
                try:
                    say_goodbye()
                finally:
                    os._exit(_EXIT_CODE)

    # Whichever thread receives a signal, and whichever handler Dagster sets, the pipe gets its number.
    descriptor = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    handler = signal.signal(signal.SIGINT, lambda *_: None)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # threads and processes inherit it
    thread = threading.Thread(target=wait, name="interrupts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
        os.close(written)  # ends the thread
        thread.join()
        os.close(signals)
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

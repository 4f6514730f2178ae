"""Limits the time of a whole call to a server; the client library limits only the time between two bytes."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from trace_clustering.clickhouse.address import Address
from trace_clustering.errors import ClickHouseUnavailableError

T = TypeVar("T")

# The server stops a statement by itself when the limit is over, and its own message says more.
GRACE_SECONDS = 1.0


def call_within(seconds: float, address: Address, function: Callable[[], T]) -> T:
    """Return what a function returns, if it does so in time.

    The embedded engine has no wire, so its calls stay in this thread and the engine's own limit holds.

    Raises
    ------
    ClickHouseUnavailableError
        If the time is over. The call goes on in a thread that nobody waits for, until the server gives up.
    """
    if address.folder is not None:
        return function()
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(function())
        except BaseException as error:
            answer.set_exception(error)

    # A daemon does not keep the process alive.
    threading.Thread(target=run, name="clickhouse call", daemon=True).start()
    try:
        return answer.result(max(seconds, 0) + GRACE_SECONDS)
    except TimeoutError:
        if answer.done():  # the call itself ended with a TimeoutError
            raise
        raise ClickHouseUnavailableError(
            f"{address.name} had not sent its whole answer after {seconds:g} s; "
            "try again when it is less busy, or allow the step more time"
        ) from None

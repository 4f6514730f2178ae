"""The connection to one endpoint: a client on an event loop, within a budget, with waits between attempts."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Coroutine
from typing import Any, Self

import openai

from trace_clustering.errors import EndpointDownError, LimitReachedError
from trace_clustering.llm.endpoint.budget import Budget
from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.llm.endpoint.faults import Fault, explain_fault
from trace_clustering.llm.endpoint.http import build_client

_MAX_DELAY = 60.0  # in seconds, unless the endpoint asks for more
_SECONDS_TO_CLOSE = 5.0


class Channel:
    """What requests of every kind need. Use it as a context.

    Requests run on an event loop in a thread of its own. Only that way can a request be stopped in time if
    its answer comes in byte by byte.

    Parameters
    ----------
    connection : Connection
    budget : Budget
    log : logging.Logger
    task : str
        What the model is asked for, at the beginning of each line of the log.
    """

    def __init__(self, connection: Connection, budget: Budget, log: logging.Logger, task: str) -> None:
        self.budget = budget
        self._connection = connection
        self._key = connection.api_key.get_secret_value()
        self._log = log
        self._task = task
        self._client: openai.AsyncOpenAI | None = None
        self._is_cancelled = False  # so that a request that is just about to begin ends too

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="llm-endpoint", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._client:
            with contextlib.suppress(TimeoutError):  # connections that are still open end with the loop
                self._run_on_loop(self._client.close(), _SECONDS_TO_CLOSE, even_cancelled=True)
            self._client = None  # it is bound to this loop
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _open_client(self) -> openai.AsyncOpenAI:
        """Return the client, which is made for the first request."""
        self._client = self._client or self._make_client()
        return self._client

    def _make_client(self) -> openai.AsyncOpenAI:
        try:
            return build_client(self._connection)
        except Exception as error:  # proxies and certificates of the environment, of many libraries
            reason = explain_fault(error, self._key).cause
            raise EndpointDownError(
                f"no connection to the endpoint can be made: {reason}; look at the variables for proxies "
                "and certificates, such as ALL_PROXY and SSL_CERT_FILE",
                refused=True,
            ) from None

    def cancel(self) -> None:
        """End the request that is under way in another thread, and any later one; they fail there."""

        def cancel_all() -> None:
            self._is_cancelled = True
            for task in asyncio.all_tasks(self._loop):
                task.cancel()

        with contextlib.suppress(RuntimeError):  # the context has ended
            self._loop.call_soon_threadsafe(cancel_all)

    def _run_on_loop(
        self, work: Coroutine[Any, Any, Any], seconds: float, *, even_cancelled: bool = False
    ) -> Any:  # noqa: ANN401 - any result
        async def run_in_time() -> Any:  # noqa: ANN401 - any result
            if self._is_cancelled and not even_cancelled:
                work.close()
                raise asyncio.CancelledError
            async with asyncio.timeout(seconds):
                return await work

        future = asyncio.run_coroutine_threadsafe(run_in_time(), self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # no effect, unless the waiting was interrupted

    def _wait_or_give_up(self, fault: Fault, attempt: int) -> None:
        """Wait before another attempt, or raise if none may be made or none can help."""
        connection = self._connection
        delay = max(min(connection.retry_delay_seconds * 2**attempt, _MAX_DELAY), fault.retry_after)
        if self.budget.seconds_left() <= 0:
            limit = self.budget.explain_time()
            raise LimitReachedError(f"its time is over ({limit}); at last {fault.reason}")
        if fault.refused or attempt >= connection.max_retries:
            raise EndpointDownError(fault.reason, refused=fault.refused)
        if delay >= self.budget.seconds_left():
            raise EndpointDownError(f"{fault.reason} (and asks for more time than is left)", refused=False)
        self._log.warning(
            f"{self._task}: {fault.reason}; trying again in {delay:g} s "
            f"({attempt + 1} of {connection.max_retries})"
        )
        self.budget.pause(delay)

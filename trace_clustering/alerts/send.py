"""Sends a message to a webhook; a fault that may pass is tried again."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from trace_clustering.errors import AlertNotSentError

_MAX_DELAY: Final = 30.0
_TOO_MANY: Final = 429


@dataclass(frozen=True)
class Delivery:
    """How a message is sent.

    Attributes
    ----------
    request_timeout_seconds : float
        Limit on each wait for the server.
    total_seconds : float
        No further attempt begins after that.
    max_retries : int
    retry_delay_seconds : float
        Wait before the first retry; it doubles with each.
    """

    request_timeout_seconds: float
    total_seconds: float
    max_retries: int
    retry_delay_seconds: float


@dataclass(frozen=True)
class _Fault:
    """Why a message was not taken, whether it may be taken later, and how long the server asks to wait."""

    reason: str
    may_pass: bool
    wait_seconds: float = 0.0


def send_message(address: str, message: Mapping[str, Any], delivery: Delivery) -> None:
    """Post a message as JSON; return when the server has taken it.

    Redirects are not followed: a message goes to the address that was set and to no other.

    Raises
    ------
    AlertNotSentError
        If the server still fails at the last attempt, or refuses. The message does not show the address,
        which is a secret, but for its host.
    """
    end = time.monotonic() + delivery.total_seconds
    for attempt in range(delivery.max_retries + 1):
        fault = _post(address, message, delivery.request_timeout_seconds)
        if fault is None:
            return
        delay = max(min(delivery.retry_delay_seconds * 2**attempt, _MAX_DELAY), fault.wait_seconds)
        is_last = attempt == delivery.max_retries or time.monotonic() + delay > end
        if is_last or not fault.may_pass:
            raise AlertNotSentError(
                f"The alert could not be sent to the webhook at {urlsplit(address).hostname} "
                f"({fault.reason}; attempts: {attempt + 1}); see whether the address is still valid, and run "
                "the step emitted_cluster_event again"
            )
        time.sleep(delay)


def _post(address: str, message: Mapping[str, Any], timeout_seconds: float) -> _Fault | None:
    """Post a message once; return why it was not taken, None if it was."""
    import httpx

    try:
        with (
            _keep_silent(address),
            httpx.Client(timeout=timeout_seconds, follow_redirects=False) as client,
            # What the server says is not read, so it cannot keep this waiting.
            client.stream("POST", address, json=message) as response,
        ):
            status, wanted = response.status_code, response.headers.get("retry-after", "")
    except httpx.TransportError as error:
        return _Fault(type(error).__name__, may_pass=True)
    except (httpx.InvalidURL, ValueError, ImportError) as error:  # also a proxy that cannot be used
        return _Fault(type(error).__name__, may_pass=False)
    if 200 <= status < 300:
        return None
    redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
    return _Fault(
        f"it answered {status}{redirect}",
        may_pass=status == _TOO_MANY or status >= 500,
        wait_seconds=float(wanted) if wanted.isascii() and wanted.isdigit() else 0.0,
    )


@contextmanager
def _keep_silent(address: str) -> Iterator[None]:
    """Keep the address out of the log inside the block: httpx logs each request with it."""

    def is_harmless(record: logging.LogRecord) -> bool:
        return address not in record.getMessage()

    logger = logging.getLogger("httpx")
    logger.addFilter(is_harmless)
    try:
        yield
    finally:
        logger.removeFilter(is_harmless)

"""What can go wrong with an endpoint, in words that are safe to show: bounded, plain, and without the key."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai

from trace_clustering.text import plain_line

_LONGEST_REASON = 300
_HIDDEN = "(key)"
# Answers after which the same request may succeed: time-outs, conflicts, rate limits, faults of the server.
_TRANSIENT = frozenset({408, 409, 425, 429})
# Rate limits that waiting does not lift.
_OUT_OF_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


@dataclass(frozen=True)
class Fault:
    """Why one request failed.

    Attributes
    ----------
    reason : str
    refused : bool
        The same request would be refused again.
    may_be_billed : bool
        The model may have worked on it.
    retry_after : float
        How long the endpoint asks to wait, in seconds; 0 if it does not.
    """

    reason: str
    refused: bool = False
    may_be_billed: bool = False
    retry_after: float = 0.0


def fault_of(error: Exception, key: str) -> Fault:
    """Return what an error of a request means."""
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        transient = (status in _TRANSIENT or status >= 500) and error.code not in _OUT_OF_MONEY
        reason = f"the endpoint answered {status}: {_shown(_message(error), key)}"
        return Fault(reason, refused=not transient, retry_after=_retry_after(error.response.headers))
    if isinstance(error, (TimeoutError, openai.APITimeoutError)):
        return Fault("the endpoint did not answer in time", may_be_billed=True)
    if isinstance(error, openai.APIConnectionError):
        cause = _shown(str(error.__cause__ or error), key)
        return Fault(f"the connection to the endpoint failed: {cause}", may_be_billed=True)
    return Fault(f"the answer of the endpoint cannot be read: {_shown(str(error), key)}", may_be_billed=True)


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        return str(inner.get("message", inner) if isinstance(inner, Mapping) else inner)
    return json.dumps(body) if body is not None else error.message


def _shown(text: str, key: str) -> str:
    return plain_line(text.replace(key, _HIDDEN), _LONGEST_REASON) or "no reason given"


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After header, given as a number or as a date; 0 without one."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return 0.0
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0

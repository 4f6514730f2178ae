"""Why a request failed, in words that are safe to show: bounded, plain, and without the key."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai

from trace_clustering.text import clean_line

_MAX_REASON_LENGTH = 300
_KEY_PLACEHOLDER = "(key)"
# After these, as after any fault of the server, the same request may succeed: 408 request time-out,
# 409 conflict, 425 too early, 429 rate limit.
_TRANSIENT_STATUSES = frozenset({408, 409, 425, 429})
# Codes that come with status 429, though waiting does not help.
_OUT_OF_MONEY_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


@dataclass(frozen=True)
class Fault:
    """Why one request failed.

    Attributes
    ----------
    reason : str
    refused : bool
        Whether the same request would be refused again.
    may_be_billed : bool
        Whether the model may have worked on the request.
    retry_after : float
        How long the endpoint asks to wait, in seconds; 0 if it does not.
    """

    reason: str
    refused: bool = False
    may_be_billed: bool = False
    retry_after: float = 0.0


def explain_fault(error: Exception, key: str) -> Fault:
    """Return the fault behind an error that a request raised."""
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        transient = (status in _TRANSIENT_STATUSES or status >= 500) and error.code not in _OUT_OF_MONEY_CODES
        reason = f"the endpoint answered {status}: {_hide_key(_extract_message(error), key)}"
        return Fault(reason, refused=not transient, retry_after=_parse_retry_after(error.response.headers))
    if isinstance(error, (TimeoutError, openai.APITimeoutError)):
        return Fault("the endpoint did not answer in time", may_be_billed=True)
    if isinstance(error, openai.APIConnectionError):
        cause = _hide_key(str(error.__cause__ or error), key)
        return Fault(f"the connection to the endpoint failed: {cause}", may_be_billed=True)
    reason = f"the answer of the endpoint cannot be read: {_hide_key(str(error), key)}"
    return Fault(reason, may_be_billed=True)


def _extract_message(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        return str(inner.get("message", inner) if isinstance(inner, Mapping) else inner)
    return json.dumps(body) if body is not None else error.message


def _hide_key(text: str, key: str) -> str:
    return clean_line(text.replace(key, _KEY_PLACEHOLDER), _MAX_REASON_LENGTH) or "no reason given"


def _parse_retry_after(headers: Mapping[str, str]) -> float:
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

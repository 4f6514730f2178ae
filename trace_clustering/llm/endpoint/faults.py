"""Why a request failed, in words that are safe to show: bounded, plain, and without the key."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import openai

from trace_clustering.text import clean_line

_MAX_REASON_LENGTH = 300
_MAX_READ_LENGTH = 100_000
_ECHOES = frozenset({"input", "body", "request", "url"})
_KEY_PLACEHOLDER = "(key)"
_CREDENTIALS = re.compile(r"//[^/\s]*@")  # user and password of a proxy
# Shorter keys, such as `ollama`, are words of a local server and keep no secret.
_MIN_SECRET_LENGTH = 8
# No request was sent, so no model worked on it. Every HTTP library of the client has these names.
_NEVER_SENT = frozenset(
    [
        "ConnectError",
        "ConnectTimeout",
        "PoolTimeout",
        "ProxyError",
        "UnsupportedProtocol",
        "LocalProtocolError",
    ]
)
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
    cause : str
        The end of `reason`: what the endpoint, or the library, said.
    status : int
        HTTP status; 0 if there was none.
    refusal : str
        All that the endpoint said, to look for names of parameters; never to be shown.
    """

    reason: str
    refused: bool = False
    may_be_billed: bool = False
    retry_after: float = 0.0
    cause: str = ""
    status: int = 0
    refusal: str = ""


def explain_fault(error: Exception, key: str) -> Fault:
    """Return the fault behind an error that a request raised."""
    if isinstance(error, openai.APIStatusError):
        return _explain_status(error, key)
    was_sent = type(error.__cause__).__name__ not in _NEVER_SENT
    if isinstance(error, (TimeoutError, openai.APITimeoutError)):
        return Fault("the endpoint did not answer in time", may_be_billed=was_sent)
    if isinstance(error, openai.APIConnectionError):
        cause = _make_showable(str(error.__cause__ or error), key)
        return Fault(f"the connection to the endpoint failed: {cause}", may_be_billed=was_sent, cause=cause)
    cause = _make_showable(str(error), key)
    return Fault(f"the answer of the endpoint cannot be read: {cause}", may_be_billed=True, cause=cause)


def _explain_status(error: openai.APIStatusError, key: str) -> Fault:
    status = error.status_code
    transient = (status in _TRANSIENT_STATUSES or status >= 500) and error.code not in _OUT_OF_MONEY_CODES
    cause = _make_showable(_extract_message(error), key)
    what = cause
    if 300 <= status < 400:
        what = "a redirect, which is not followed; give the address that it leads to"
    return Fault(
        f"the endpoint answered {status}: {what}",
        refused=not transient,
        retry_after=_parse_retry_after(error.response.headers),
        cause=cause,
        status=status,
        refusal=_write_refusal(error)[:_MAX_READ_LENGTH],
    )


def _write_refusal(error: openai.APIStatusError) -> str:
    """Return what the endpoint said, without what it repeats of the request, which names every parameter."""

    def strip(node: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(node, dict):
            return {name: strip(value) for name, value in node.items() if name not in _ECHOES}
        return [strip(item) for item in node] if isinstance(node, list) else node

    try:
        body = json.loads(error.response.text)
    except ValueError:
        return error.response.text
    return json.dumps(strip(body), ensure_ascii=False)


def _extract_message(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        return str(inner.get("message", inner) if isinstance(inner, Mapping) else inner)
    return json.dumps(body) if body is not None else error.message


def hide_key(text: str, key: str) -> str:
    """Return a text with a placeholder for the key, in whatever case it is repeated."""
    if len(key) < _MIN_SECRET_LENGTH:
        return text
    return re.sub(re.escape(key), _KEY_PLACEHOLDER, text, flags=re.IGNORECASE)


def _make_showable(text: str, key: str) -> str:
    # Cleaning can join a key that was taken apart by control characters, and cutting can leave a part of it.
    text = _CREDENTIALS.sub("//", text)
    line = hide_key(clean_line(text[:_MAX_READ_LENGTH], _MAX_READ_LENGTH), key)
    return clean_line(line, _MAX_REASON_LENGTH) or "no reason given"


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

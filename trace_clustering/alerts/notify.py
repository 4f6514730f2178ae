"""One message per night and team: whether there is something to send, and whether it was sent before."""

import hashlib
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from upath import UPath

from trace_clustering.alerts.message import build_message
from trace_clustering.alerts.resource import Alerts
from trace_clustering.alerts.send import send_message
from trace_clustering.artifacts.files import write_whole
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.errors import TraceClusteringError
from trace_clustering.topics.alerts import Alert

_UNREADABLE: Final = (FileNotFoundError, ValueError, LookupError, TypeError)


def notify(
    alerts: Sequence[Alert],
    provenance: Provenance,
    *,
    resource: Alerts,
    base: UPath,
    total_seconds: float,
    log: logging.Logger,
) -> str:
    """Send the alerts of a run, unless the same message was sent before; return what was done, in words.

    A fault is logged and returned, and never raised: the event is written, and that is what counts.

    Parameters
    ----------
    alerts : sequence of Alert
    provenance : Provenance
        Of the event.
    resource : Alerts
    base : UPath
        Folder of all artifacts; what was sent is kept in `alerts_sent/<team>/<run id>.json`.
    total_seconds : float
        Time for all attempts together.
    log : logger
    """
    try:
        return _notify(alerts, provenance, resource, base, total_seconds)
    except (TraceClusteringError, OSError) as error:
        log.warning(f"Alerts: {error}")
        return f"failed: {error}"


def _notify(
    alerts: Sequence[Alert], provenance: Provenance, resource: Alerts, base: UPath, total_seconds: float
) -> str:
    if not alerts:
        return "nothing to tell"
    address = resource.read_address()
    if not address:
        return f"not sent: {resource.webhook_variable} is not set"
    if provenance.run_label:
        return "not sent: a run with a label is an experiment"
    end = provenance.window.end
    if datetime.now(UTC) - end > timedelta(days=resource.max_age_days):
        return f"not sent: the window ended more than {resource.max_age_days} days ago"
    message = build_message(alerts, provenance.team_id, (end - timedelta(microseconds=1)).date())
    path = base / "alerts_sent" / str(provenance.team_id) / f"{provenance.run_id}.json"
    digest = hashlib.sha256(message["text"].encode()).hexdigest()
    if _read_digest(path) == digest:
        return "sent before"
    send_message(address, message, resource.plan_delivery(total_seconds))
    write_whole(path, json.dumps({"digest": digest}).encode())
    return "sent"


def _read_digest(path: UPath) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return the digest of the message that was sent last; None if there is none that can be read."""
    try:
        return json.loads(path.read_bytes())["digest"]
    except _UNREADABLE:
        return None

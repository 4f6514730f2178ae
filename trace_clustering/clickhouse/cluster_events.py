"""Writes the cluster event so that it exists once, and reads it back."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import EVENT_NAME
from trace_clustering.posthog.cluster_event import ClusterEvent
from trace_clustering.posthog.trace_events import EVENT_COLUMNS

Outcome = Literal["emitted", "replaced", "unchanged"]

_STORED_VERSIONS = """
SELECT created_at, properties
FROM {events:Identifier}
WHERE team_id = {team_id:Int64} AND event = {event:String}
    AND timestamp = {timestamp:DateTime64(6, 'UTC')} AND uuid = {uuid:UUID}
ORDER BY created_at DESC
LIMIT 100
"""

_IS_OLDER_VERSION = """
event = {event:String} AND timestamp = {timestamp:DateTime64(6, 'UTC')} AND uuid = {uuid:UUID}
AND created_at < {created_at:DateTime64(6, 'UTC')}
"""

_NEWEST_EVENT = """
SELECT properties
FROM {events:Identifier}
WHERE team_id = {team_id:Int64} AND event = {event:String}
    AND ({run_id:String} = '' OR JSONExtractString(properties, '$ai_clustering_run_id') = {run_id:String})
ORDER BY timestamp DESC, created_at DESC
LIMIT 1
"""


def emit_cluster_events(session: TeamSession, event: ClusterEvent) -> Outcome:
    """Write the event of a run and remove its older versions.

    The new version is inserted before older ones are deleted: after a crash in between, the next attempt
    deletes them. A Distributed table cannot delete rows; there the table's engine drops the older version
    when it merges.

    Returns
    -------
    str
        `emitted`, `replaced`, or `unchanged` if the stored event is the same.
    """
    identity = {
        "event": EVENT_NAME,
        "timestamp": event.provenance.window.end,
        "uuid": str(event.event_uuid),
    }
    properties = event.json_text
    stored = session.query(_STORED_VERSIONS, **identity)
    if stored and stored[0]["properties"] == properties:
        _delete_older_versions(session, identity, stored[0]["created_at"], len(stored) - 1)
        return "unchanged"
    created_at = datetime.now(UTC)
    if stored:  # the clock that wrote it may be ahead of this one
        created_at = max(created_at, stored[0]["created_at"] + timedelta(microseconds=1))
    session.insert(
        "events",
        [
            [
                event.event_uuid,
                EVENT_NAME,
                properties,
                identity["timestamp"],
                f"clustering_trace_{session.team_id}",
                created_at,
            ]
        ],
        EVENT_COLUMNS,
    )
    _delete_older_versions(session, identity, created_at, len(stored))
    return "replaced" if stored else "emitted"


def fetch_cluster_event(session: TeamSession, run_id: str = "") -> dict[str, Any] | None:
    """Return the properties of a team's newest cluster event, or of the named run; None if there is none."""
    rows = session.query(_NEWEST_EVENT, event=EVENT_NAME, run_id=run_id)
    return json.loads(rows[0]["properties"]) if rows else None


def _delete_older_versions(
    session: TeamSession, identity: dict[str, Any], created_at: datetime, n_older: int
) -> None:
    if n_older and session.can_delete():
        session.delete_events(_IS_OLDER_VERSION, **identity, created_at=created_at)

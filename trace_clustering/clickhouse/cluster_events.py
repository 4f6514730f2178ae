"""Writes the cluster event so that it exists once, and reads it back.

Nothing old is deleted before the new is seen. An insert whose answer was lost is sent a second time by the
client library, and two runs can emit one event at once: so what counts is what is in the table.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

from trace_clustering.clickhouse.event_versions import (
    MAX_MOMENT,
    EventIdentity,
    Version,
    delete_versions,
    fetch_properties,
    fetch_versions,
)
from trace_clustering.clickhouse.json_columns import hold_same_values
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import EVENT_NAME
from trace_clustering.errors import ClickHouseQueryError, TraceClusteringError
from trace_clustering.posthog.cluster_event import ClusterEvent
from trace_clustering.posthog.trace_events import EVENT_COLUMNS

Outcome = Literal["emitted", "replaced", "unchanged"]
Note = Callable[[str], None]

# A Distributed table, or a server that collects inserts, shows a row only after a moment.
_READ_BACK_PAUSES: Final = (0.1, 0.4, 1.5, 3.0)
_MAX_INSERTS: Final = 3

_NEWEST_EVENT = """
SELECT {properties_text} AS properties_text
FROM {{events:Identifier}}
WHERE team_id = {{team_id:Int64}} AND {event} = {{event:String}}
    AND ({{run_id:String}} = ''
         OR JSONExtractString(properties_text, '$ai_clustering_run_id') = {{run_id:String}})
ORDER BY {timestamp} DESC, {created_at} DESC
LIMIT 1
"""


def emit_cluster_events(
    session: TeamSession,
    event: ClusterEvent,
    note: Note = lambda text: None,  # noqa: ARG005
) -> Outcome:
    """Write the event of a run, see that it is there, and then remove its older versions.

    If older versions cannot be removed, the event is written all the same: the table's engine drops them when
    it merges, and readers take the newest.

    Parameters
    ----------
    session : TeamSession
    event : ClusterEvent
    note : callable
        Takes a sentence about what could not be cleaned up.

    Returns
    -------
    str
        `emitted`, `replaced`, or `unchanged` if the stored event is the same.

    Raises
    ------
    ClickHouseQueryError
        If the event is not in the table after it was inserted. Older versions are then still there.
    """
    identity = EventIdentity(event.event_uuid, event.provenance.window.end)
    text = event.json_text
    outcome: Outcome | None = None
    for inserts in range(_MAX_INSERTS + 1):
        versions = fetch_versions(session, identity)
        is_current = bool(versions) and _is_same(session, identity, versions[0], text)
        if is_current:
            is_clean = _clean_up(session, identity, versions[0], versions[1:], note)
            if versions[0].copies == 1 or not is_clean or inserts == _MAX_INSERTS:
                return outcome or "unchanged"
            # Equal rows cannot be told apart, so one newer row takes their place.
        if inserts == _MAX_INSERTS:
            break
        outcome = outcome or ("unchanged" if is_current else "replaced" if versions else "emitted")
        mine = _insert_newer(session, identity, text, versions)
        is_ahead = (
            bool(versions) and mine.created_at < versions[0].created_at
        )  # its clock was centuries ahead
        if is_ahead and not _clean_up(session, identity, mine, versions, note):
            return outcome
    raise ClickHouseQueryError(
        f"Another run writes the event {event.event_uuid} at the same time; wait for it, then emit again"
    )


def is_emitted(session: TeamSession, event: ClusterEvent) -> bool:
    """Return whether the event of a run is in the table, in whatever version."""
    return bool(fetch_versions(session, EventIdentity(event.event_uuid, event.provenance.window.end)))


def fetch_cluster_event(session: TeamSession, run_id: str = "") -> dict[str, Any] | None:
    """Return the properties of a team's newest cluster event, or of the named run; None if there is none.

    Raises
    ------
    ClickHouseQueryError
        If the event's properties are not a JSON object.
    """
    columns = session.events
    statement = _NEWEST_EVENT.format(
        properties_text=columns.write_text("properties"),
        event=columns.write_comparable("event"),
        timestamp=columns.write_ordered_moment("timestamp", 6),
        created_at=columns.write_ordered_moment("created_at", 6),
    )
    rows = session.query(statement, in_utc=columns.has_json(), event=EVENT_NAME, run_id=run_id)
    if not rows:
        return None
    try:
        properties = json.loads(rows[0]["properties_text"])
    except (ValueError, RecursionError):
        properties = None
    if not isinstance(properties, dict):
        raise ClickHouseQueryError(
            f"The newest {EVENT_NAME} event of team {session.team_id} does not hold a JSON object; "
            "delete that row, or name another run"
        )
    return properties


def _insert_newer(
    session: TeamSession, identity: EventIdentity, text: str, versions: list[Version]
) -> Version:
    """Insert a version that is newer than those given, and return it as soon as it is seen."""
    created_at = datetime.now(UTC)
    if versions:  # the clock that wrote it may be ahead of this one
        step = session.events.find_resolution("created_at")
        newest = versions[0].created_at
        created_at = max(created_at, newest + step) if newest <= MAX_MOMENT - step else created_at
    before = {(version.created_at, version.digest) for version in versions}
    values = dict(
        zip(
            EVENT_COLUMNS,
            [
                identity.event_uuid,
                EVENT_NAME,
                text,
                identity.timestamp,
                f"clustering_trace_{session.team_id}",
                created_at,
            ],
            strict=True,
        )
    )
    if not session.events.has("distinct_id") or not session.events.holds_plain_text("distinct_id"):
        del values["distinct_id"]  # a table without distinct ids, or with those of another type, gets none
    row = [session.events.convert(name, value) for name, value in values.items()]
    session.insert("events", [row], list(values))
    for pause in (0.0, *_READ_BACK_PAUSES):
        time.sleep(pause)
        for version in fetch_versions(session, identity):
            is_new = (version.created_at, version.digest) not in before
            if is_new and _is_same(session, identity, version, text):
                return version
    raise ClickHouseQueryError(
        f"The event {identity.event_uuid} was inserted, but it is not in the table: the insert was lost on "
        "the way. Older versions are untouched; try again, and see what stands between here and ClickHouse"
    )


def _is_same(session: TeamSession, identity: EventIdentity, version: Version, text: str) -> bool:
    """Return whether a stored version holds the properties that a text holds."""
    if session.events.holds_plain_text("properties"):
        return version.has_digest_of(text)
    stored = fetch_properties(session, identity, version)
    return hold_same_values(json.loads(stored), json.loads(text))


def _clean_up(
    session: TeamSession, identity: EventIdentity, keep: Version, others: list[Version], note: Note
) -> bool:
    """Delete the other versions of an event; return False, with a note, if that is not possible."""
    if not others:
        return keep.copies == 1 or session.can_delete()
    reason = "the table's engine cannot delete"
    try:
        if session.can_delete():
            delete_versions(session, identity, keep, others)
            reason = "they were deleted, and are still there"
            seen = {(v.created_at, v.digest) for v in fetch_versions(session, identity)}
            if not seen & {(v.created_at, v.digest) for v in others}:
                return True
    except TraceClusteringError as error:  # the event itself is written
        reason = str(error)
    note(
        f"{sum(version.copies for version in others)} older rows of the event {identity.event_uuid} stay "
        f"until the table merges them or the event is emitted again: {reason}"
    )
    return False

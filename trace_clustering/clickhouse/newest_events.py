"""Reads the newest version of some events, given their ids."""

import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.stored_records import EPOCH, TimeSpan, write_for_events

# A trace may be megabytes, so few are read at once.
_MAX_EVENTS_PER_QUERY = 200

_NEWEST = """
SELECT {identity} AS identity, {properties} AS text, toUnixTimestamp64Micro({moment}) AS microseconds
FROM {{events:Identifier}}
WHERE team_id = {{team_id:Int64}} AND event = {{event:String}} AND {is_in_time}
    AND {identity} IN {{uuids:Array(UUID)}}
ORDER BY {created_at} DESC
LIMIT 1 BY identity
"""


def fetch_newest_events(
    session: TeamSession, event: str, identities: Iterable[uuid.UUID], span: TimeSpan
) -> Iterator[tuple[dict[str, Any], datetime]]:
    """Yield properties and time of each event that is stored, in the order of the ids.

    Parameters
    ----------
    session : TeamSession
    event : str
        Name of the events.
    identities : iterable of UUID
    span : TimeSpan
        The time in which they lie.
    """
    statement = write_for_events(session, _NEWEST)
    for batch in split_for_parameters(map(str, identities), str, max_items=_MAX_EVENTS_PER_QUERY):
        rows = session.query(statement, event=event, uuids=batch, **span.to_parameters())
        by_identity = {str(row["identity"]): row for row in rows}
        for row in filter(None, map(by_identity.get, batch)):
            yield json.loads(row["text"]), EPOCH + timedelta(microseconds=row["microseconds"])

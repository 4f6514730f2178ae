"""The stored rows of one cluster event: its versions, and how older ones are deleted."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import EVENT_NAME
from trace_clustering.errors import ClickHouseQueryError

# The last moment of a DateTime64(6).
MAX_MOMENT: Final = datetime(2299, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_MAX_VERSIONS: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_IS_EVENT = """
{event} = {{event:String}} AND {timestamp} = {{timestamp:DateTime64(6, 'UTC')}}
AND {identity} = {{uuid:UUID}}
"""

_VERSIONS = """
SELECT
    toUnixTimestamp64Micro({created_at}) AS created_microseconds,
    hex(SHA256({properties})) AS digest,
    count() AS copies
FROM {{events:Identifier}}
WHERE team_id = {{team_id:Int64}} AND {is_event}
GROUP BY created_microseconds, digest
ORDER BY created_microseconds DESC, digest DESC
LIMIT {{limit:UInt64}}
"""

_PROPERTIES = """
SELECT {properties} AS properties_text
FROM {{events:Identifier}}
WHERE team_id = {{team_id:Int64}} AND {is_event}
    AND toUnixTimestamp64Micro({created_at}) = {{created_microseconds:Int64}}
    AND hex(SHA256({properties})) = {{digest:String}}
LIMIT 1
"""

# What was written after the versions were looked at stays.
_IS_OTHER_VERSION = """
{is_event}
AND (toUnixTimestamp64Micro({created_at}) < {{kept_microseconds:Int64}}
     OR toUnixTimestamp64Micro({created_at}) IN {{seen_microseconds:Array(Int64)}})
AND NOT (toUnixTimestamp64Micro({created_at}) = {{kept_microseconds:Int64}}
         AND hex(SHA256({properties})) = {{kept_digest:String}})
"""


@dataclass(frozen=True)
class EventIdentity:
    """What all versions of one event share."""

    event_uuid: uuid.UUID
    timestamp: datetime

    def to_parameters(self) -> dict[str, Any]:
        """Return the bound parameters of the statements here."""
        return {"event": EVENT_NAME, "timestamp": self.timestamp, "uuid": str(self.event_uuid)}


@dataclass(frozen=True)
class Version:
    """One version of an event.

    Attributes
    ----------
    created_microseconds : int
        When it was made, in microseconds since 1970.
    digest : str
        SHA-256 of the stored properties, in upper-case hexadecimal digits.
    copies : int
        Number of equal rows.
    """

    created_microseconds: int
    digest: str
    copies: int

    @property
    def created_at(self) -> datetime:
        """When it was made, UTC."""
        return _EPOCH + timedelta(microseconds=self.created_microseconds)

    def has_digest_of(self, text: str) -> bool:
        """Return whether its properties are a text, byte for byte."""
        return self.digest == hashlib.sha256(text.encode()).hexdigest().upper()


def fetch_versions(session: TeamSession, identity: EventIdentity) -> list[Version]:
    """Return the versions of an event, newest first; of those made at once, the order is fixed too."""
    rows = session.query(_write(session, _VERSIONS), **identity.to_parameters(), limit=_MAX_VERSIONS)
    return [Version(row["created_microseconds"], row["digest"], row["copies"]) for row in rows]


def fetch_properties(session: TeamSession, identity: EventIdentity, version: Version) -> str:
    """Return the stored properties of a version as JSON text.

    Raises
    ------
    ClickHouseQueryError
        If the version was removed in the meantime.
    """
    rows = session.query(
        _write(session, _PROPERTIES),
        in_utc=session.events.has_json(),
        **identity.to_parameters(),
        created_microseconds=version.created_microseconds,
        digest=version.digest,
    )
    if not rows:
        raise ClickHouseQueryError(
            f"The event {identity.event_uuid} was replaced while it was read; try again"
        )
    return str(rows[0]["properties_text"])


def delete_versions(
    session: TeamSession, identity: EventIdentity, keep: Version, seen: list[Version]
) -> None:
    """Delete the versions that were seen, and all that are older than the one to keep."""
    session.delete_events(
        _write(session, _IS_OTHER_VERSION),
        **identity.to_parameters(),
        kept_microseconds=keep.created_microseconds,
        kept_digest=keep.digest,
        seen_microseconds=[version.created_microseconds for version in seen],
    )


def _write(session: TeamSession, statement: str) -> str:
    """Return a statement with the columns as this table needs them."""
    columns = session.events
    is_event = _IS_EVENT.format(
        identity=columns.write_identity("uuid"),
        event=columns.write_comparable("event"),
        timestamp=columns.write_ordered_moment("timestamp", 6),
    )
    # The digest is of the bytes: what repairs text would change it.
    properties = columns.write_bytes("properties")
    created_at = columns.write_moment("created_at", 6)
    # The second round of braces are those of bound parameters.
    return statement.format(
        is_event=is_event.replace("{{", "{").replace("}}", "}"), properties=properties, created_at=created_at
    )

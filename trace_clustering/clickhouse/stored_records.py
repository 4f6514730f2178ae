"""Looks up what earlier loads stored of some traces."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import GENERATION_EVENT_NAME, LLMA_TRACE_PRODUCT, SUMMARY_EVENT_NAME
from trace_clustering.posthog.trace_events import identify_stored_generation

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# A load's documents are those of its own batch run, and of any whose id begins as the ids of loads do.
_DOCUMENTS = """
SELECT
    {document_id} AS trace_id, toString(model_name) AS model, toString(rendering) AS batch_run_id,
    toUnixTimestamp64Milli({timestamp}) AS milliseconds,
    toUnixTimestamp64Milli({inserted_at}) AS inserted_milliseconds,
    lower(hex(MD5({content}))) AS text_digest,
    lower(hex(MD5(formatRow('RowBinary', CAST(embedding, 'Array(Float64)'))))) AS vector_digest,
    count() AS copies
FROM {{embeddings:Identifier}}
WHERE team_id = {{team_id:Int64}} AND product = {{product:String}}
    AND (batch_run_id = {{batch_run_id:String}} OR startsWith(batch_run_id, {{load_prefix:String}}))
    AND trace_id IN {{trace_ids:Array(String)}}
GROUP BY trace_id, model, batch_run_id, milliseconds, inserted_milliseconds, text_digest, vector_digest
"""

_IS_IN_TIME = """
{moment} >= {{first:DateTime64(6, 'UTC')}} AND {moment} <= {{last:DateTime64(6, 'UTC')}}
"""

_EVENTS = """
SELECT
    {identity} AS identity, toUnixTimestamp64Micro({created_at}) AS created_microseconds,
    {digest} AS digest, count() AS copies
FROM {{events:Identifier}}
WHERE team_id = {{team_id:Int64}} AND event IN {{names:Array(String)}} AND {is_in_time}
    AND identity IN {{uuids:Array(UUID)}}
GROUP BY identity, created_microseconds, digest
ORDER BY created_microseconds DESC, digest DESC
"""

_GENERATIONS = """
SELECT {identity} AS identity, toUnixTimestamp64Micro({moment}) AS microseconds, {properties} AS text
FROM {{events:Identifier}}
WHERE team_id = {{team_id:Int64}} AND event = {{event:String}} AND {is_in_time}
    AND {distinct_id} IN {{trace_ids:Array(String)}} AND identity NOT IN {{wanted:Array(UUID)}}
"""

_DOCUMENT_IDS = """
SELECT DISTINCT {document_id} AS trace_id
FROM {{embeddings:Identifier}}
WHERE team_id = {{team_id:Int64}} AND product = {{product:String}}
"""

_NEWEST_DAY = """
SELECT count() AS rows, toDate(max({timestamp}), 'UTC') AS day
FROM {{embeddings:Identifier}}
WHERE team_id = {{team_id:Int64}} AND product = {{product:String}}
"""


@dataclass(frozen=True)
class StoredDocument:
    """One version of a trace's embedding that a load wrote; `copies` counts its equal rows."""

    model_name: str
    batch_run_id: str
    timestamp: datetime
    inserted_at: datetime
    text_digest: str
    vector_digest: str
    copies: int


@dataclass(frozen=True)
class StoredEvent:
    """The newest version of an event, the number of its equal rows, and whether there are other versions.

    `digest` is the MD5 of its properties; empty if the table does not keep them letter by letter.
    """

    created_at: datetime
    digest: str
    copies: int
    has_others: bool


@dataclass(frozen=True)
class TimeSpan:
    """The time in which events are looked for, both ends included."""

    first: datetime
    last: datetime

    def to_parameters(self) -> dict[str, Any]:
        """Return the bound parameters of the statements here."""
        return {"first": self.first, "last": self.last}


def find_documents(
    session: TeamSession, trace_ids: Iterable[str], batch_run_id: str, load_prefix: str
) -> dict[str, list[StoredDocument]]:
    """Return by trace id the versions that loads stored, of any model, the newest first."""
    statement = write_for_documents(session, _DOCUMENTS)
    found: dict[str, list[StoredDocument]] = {}
    for batch in split_for_parameters(trace_ids, str):
        for row in session.query(
            statement,
            product=LLMA_TRACE_PRODUCT,
            batch_run_id=batch_run_id,
            load_prefix=load_prefix,
            trace_ids=batch,
        ):
            document = StoredDocument(
                model_name=row["model"],
                batch_run_id=row["batch_run_id"],
                timestamp=EPOCH + timedelta(milliseconds=row["milliseconds"]),
                inserted_at=EPOCH + timedelta(milliseconds=row["inserted_milliseconds"]),
                text_digest=row["text_digest"],
                vector_digest=row["vector_digest"],
                copies=row["copies"],
            )
            found.setdefault(row["trace_id"], []).append(document)
    for versions in found.values():
        # The same order in which the pipeline prefers versions, so that both agree on the newest.
        versions.sort(
            key=lambda d: (d.inserted_at, d.timestamp, d.batch_run_id, d.model_name, d.vector_digest),
            reverse=True,
        )
    return found


def find_events(
    session: TeamSession, uuids: Collection[uuid.UUID], span: TimeSpan
) -> dict[uuid.UUID, StoredEvent]:
    """Return which of some summary and generation events are stored in a time."""
    found: dict[uuid.UUID, StoredEvent] = {}
    statement = write_for_events(session, _EVENTS)
    for batch in split_for_parameters(map(str, uuids), str):
        for row in session.query(
            statement,
            names=[SUMMARY_EVENT_NAME, GENERATION_EVENT_NAME],
            uuids=batch,
            **span.to_parameters(),
        ):
            newest = found.get(row["identity"])
            found[row["identity"]] = StoredEvent(
                created_at=newest.created_at
                if newest
                else EPOCH + timedelta(microseconds=row["created_microseconds"]),
                digest=newest.digest if newest else row["digest"],
                copies=newest.copies if newest else row["copies"],
                has_others=newest is not None,
            )
    return found


def find_other_generations(
    session: TeamSession, wanted: Mapping[str, Collection[uuid.UUID]], span: TimeSpan
) -> list[uuid.UUID]:
    """Return the generation events that loads made of some traces, except the wanted ones of each trace.

    Only an event whose id follows from its content was made by a load; all others are left alone.
    """
    statement = write_for_events(session, _GENERATIONS)
    return [
        row["identity"]
        for batch in split_for_parameters(wanted, str)
        for row in session.query(
            statement,
            event=GENERATION_EVENT_NAME,
            trace_ids=batch,
            wanted=[str(identity) for trace_id in batch for identity in wanted[trace_id]],
            **span.to_parameters(),
        )
        if row["identity"]
        == identify_stored_generation(
            session.team_id, EPOCH + timedelta(microseconds=row["microseconds"]), row["text"]
        )
    ]


def list_document_ids(session: TeamSession) -> list[str]:
    """Return the ids of all documents of the team that have an embedding, each once."""
    statement = write_for_documents(session, _DOCUMENT_IDS)
    return [row["trace_id"] for row in session.query(statement, product=LLMA_TRACE_PRODUCT)]


def find_newest_day(session: TeamSession) -> date | None:
    """Return the last UTC day with an embedding; None without embeddings."""
    statement = write_for_documents(session, _NEWEST_DAY)
    (found,) = session.query(statement, product=LLMA_TRACE_PRODUCT)
    return found["day"] if found["rows"] else None


def write_for_events(session: TeamSession, statement: str) -> str:
    """Return a statement with the columns of `events`, in single braces, as this table needs them.

    Double braces become those of bound parameters.
    """
    columns = session.events
    moment = columns.write_moment("timestamp", 6)
    return _fill(
        statement,
        identity=columns.write_identity("uuid"),
        moment=moment,
        created_at=columns.write_moment("created_at", 6),
        properties=columns.write_text("properties"),
        digest="lower(hex(MD5(properties)))" if columns.holds_plain_text("properties") else "''",
        distinct_id=columns.write_bytes("distinct_id"),
        is_in_time=_IS_IN_TIME.format(moment=moment).strip(),
    )


def write_for_documents(session: TeamSession, statement: str) -> str:
    """Return a statement with the columns of `document_embeddings` likewise."""
    columns = session.embeddings
    return _fill(
        statement,
        document_id=columns.write_bytes("document_id"),
        timestamp=columns.write_moment("timestamp", 3),
        inserted_at=columns.write_moment("inserted_at", 3),
        content=columns.write_bytes("content"),
    )


def _fill(statement: str, **columns: str) -> str:
    statement = statement.replace("{{", "\0").replace("}}", "\1")
    for name, written in columns.items():
        statement = statement.replace(f"{{{name}}}", written)
    return statement.replace("\0", "{").replace("\1", "}")

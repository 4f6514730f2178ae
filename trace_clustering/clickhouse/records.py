"""Inserts trace records into the tables that the pipeline reads."""

import uuid
from collections.abc import Sequence
from typing import Any

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import (
    GENERATION_EVENT_NAME,
    LLMA_TRACE_PRODUCT,
    SUMMARY_EVENT_NAME,
)
from trace_clustering.posthog.trace_events import (
    DOCUMENT_COLUMNS,
    EVENT_COLUMNS,
    build_document,
    build_generation_event,
    build_summary_event,
)
from trace_clustering.traces.record import TraceRecord

_STORED_EVENTS = """
SELECT uuid
FROM {events:Identifier}
WHERE team_id = {team_id:Int64} AND event IN {names:Array(String)}
    AND timestamp >= {first:DateTime64(6, 'UTC')} AND timestamp <= {last:DateTime64(6, 'UTC')}
    AND uuid IN {uuids:Array(UUID)}
LIMIT {limit:UInt64}
"""

_STORED_DOCUMENTS = """
SELECT DISTINCT document_id
FROM {embeddings:Identifier}
WHERE team_id = {team_id:Int64} AND product = {product:String} AND rendering = {rendering:String}
    AND document_id IN {document_ids:Array(String)}
LIMIT {limit:UInt64}
"""


def insert_records(
    session: TeamSession, records: Sequence[TraceRecord], *, batch_run_id: str, model_name: str
) -> int:
    """Insert the embedding, the summary event and the generation event of each record, if they are missing.

    Parameters
    ----------
    session : TeamSession
    records : sequence of TraceRecord
        One batch of a file.
    batch_run_id : str
        Links each embedding to its summary. Inserting the same records again with the same id changes
        nothing.
    model_name : str
        Model that made the embeddings.

    Returns
    -------
    int
        Number of records that were new.
    """
    events = _select_missing_events(session, records, batch_run_id)
    if events:
        session.insert("events", list(events.values()), EVENT_COLUMNS)
    # The embeddings go last, so that a trace with an embedding also has its events, whenever a load is
    # interrupted.
    documents = _select_missing_documents(session, records, batch_run_id)
    if documents:
        session.insert(
            "embeddings",
            [build_document(record, batch_run_id, model_name) for record in documents.values()],
            DOCUMENT_COLUMNS,
        )
    return len(documents)


def _select_missing_events(
    session: TeamSession, records: Sequence[TraceRecord], batch_run_id: str
) -> dict[uuid.UUID, list[Any]]:
    events: dict[uuid.UUID, list[Any]] = {}
    for record in records:
        for event in (
            build_summary_event(session.team_id, record, batch_run_id),
            build_generation_event(session.team_id, record),
        ):
            events.setdefault(event[0], event)
    moments = [record.timestamp for record in records]
    stored = {
        row["uuid"]
        for batch in split_for_parameters(map(str, events), str)
        for row in session.query(
            _STORED_EVENTS,
            names=[SUMMARY_EVENT_NAME, GENERATION_EVENT_NAME],
            first=min(moments),
            last=max(moments),
            uuids=batch,
            limit=2 * len(batch),
        )
    }
    return {identity: event for identity, event in events.items() if identity not in stored}


def _select_missing_documents(
    session: TeamSession, records: Sequence[TraceRecord], batch_run_id: str
) -> dict[str, TraceRecord]:
    documents: dict[str, TraceRecord] = {}
    for record in records:
        documents.setdefault(record.trace_id, record)
    stored = {
        row["document_id"]
        for batch in split_for_parameters(documents, str)
        for row in session.query(
            _STORED_DOCUMENTS,
            product=LLMA_TRACE_PRODUCT,
            rendering=batch_run_id,
            document_ids=batch,
            limit=len(batch),
        )
    }
    return {trace_id: record for trace_id, record in documents.items() if trace_id not in stored}

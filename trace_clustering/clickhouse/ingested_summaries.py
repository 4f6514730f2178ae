"""Stores the summaries of ingested traces as events, and reads them back."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.record_versions import name_batch_run
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.stored_records import EPOCH, TimeSpan, write_for_events
from trace_clustering.clickhouse.summaries import parse_texts
from trace_clustering.constants import SUMMARY_EVENT_NAME
from trace_clustering.posthog.trace_events import EVENT_COLUMNS, build_summary_event, identify_summary
from trace_clustering.traces.record import IngestedRecord

_SUMMARIES = """
SELECT {identity} AS identity, {properties} AS text, toUnixTimestamp64Micro({moment}) AS microseconds
FROM {{events:Identifier}}
WHERE team_id = {{team_id:Int64}} AND event = {{event:String}} AND {is_in_time}
    AND {identity} IN {{uuids:Array(UUID)}}
ORDER BY {created_at} DESC
LIMIT 1 BY identity
"""


def name_ingestion_run(team_id: int) -> str:
    """Return the batch run id of all summaries and embeddings of ingested traces."""
    return name_batch_run(team_id, "ingestion")


def store_summaries(session: TeamSession, records: Sequence[IngestedRecord]) -> None:
    """Store the summary events of some traces; the newest of a trace counts."""
    batch_run_id, now = name_ingestion_run(session.team_id), datetime.now(UTC)
    rows = [build_summary_event(session.team_id, record, batch_run_id, now) for record in records]
    if rows:
        session.insert("events", rows, EVENT_COLUMNS)


def fetch_ingested_summaries(
    session: TeamSession, trace_ids: Iterable[str], span: TimeSpan
) -> Iterator[IngestedRecord]:
    """Read the newest summary of each trace that has one, as a record without an embedding.

    Parameters
    ----------
    session : TeamSession
    trace_ids : iterable of str
    span : TimeSpan
        When the traces ended.
    """
    statement = write_for_events(session, _SUMMARIES)
    batch_run_id = name_ingestion_run(session.team_id)
    identities = (str(identify_summary(session.team_id, trace_id, batch_run_id)) for trace_id in trace_ids)
    for batch in split_for_parameters(identities, str):
        rows = session.query(statement, event=SUMMARY_EVENT_NAME, uuids=batch, **span.to_parameters())
        by_identity = {str(row["identity"]): row for row in rows}
        for identity in batch:
            if row := by_identity.get(identity):
                yield _parse_record(json.loads(row["text"]), row["microseconds"])


def _parse_record(properties: dict[str, Any], microseconds: int) -> IngestedRecord:
    return IngestedRecord(
        trace_id=properties["$ai_trace_id"],
        timestamp=EPOCH + timedelta(microseconds=microseconds),
        title=properties["$ai_summary_title"],
        flow_diagram=properties["$ai_summary_flow_diagram"],
        bullets=parse_texts(json.dumps(properties["$ai_summary_bullets"])),
        interesting_notes=parse_texts(json.dumps(properties["$ai_summary_interesting_notes"])),
        properties=None,
        embedding=np.empty(0, np.float32),
        trace_digest=properties["$ai_trace_digest"],
        method=properties["$ai_summary_method"],
        start=properties["trace_timestamp"],
    )

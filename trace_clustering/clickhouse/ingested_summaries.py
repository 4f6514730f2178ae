"""Stores the summaries of ingested traces as events, and reads them back."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trace_clustering.clickhouse.newest_events import fetch_newest_events
from trace_clustering.clickhouse.record_versions import name_batch_run
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.stored_records import TimeSpan
from trace_clustering.clickhouse.summaries import parse_texts
from trace_clustering.constants import SUMMARY_EVENT_NAME
from trace_clustering.posthog.trace_events import EVENT_COLUMNS, build_summary_event, identify_summary
from trace_clustering.traces.record import IngestedRecord


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
    batch_run_id = name_ingestion_run(session.team_id)
    identities = (identify_summary(session.team_id, trace_id, batch_run_id) for trace_id in trace_ids)
    for properties, moment in fetch_newest_events(session, SUMMARY_EVENT_NAME, identities, span):
        yield _parse_record(properties, moment)


def _parse_record(properties: dict[str, Any], moment: datetime) -> IngestedRecord:
    return IngestedRecord(
        trace_id=properties["$ai_trace_id"],
        timestamp=moment,
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

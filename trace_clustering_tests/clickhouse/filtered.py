"""Traces with events, and which of them filters find."""

import json
from datetime import UTC, datetime
from typing import Any

from trace_clustering.clickhouse.embeddings import fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.posthog.filters import parse_filters
from trace_clustering.traces.window import Window
from trace_clustering_tests.clickhouse.rows import insert_embeddings, insert_events

WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))


def insert_trace(session: TeamSession, trace_id: str, *events: dict[str, Any]) -> None:
    """Insert a trace with its embedding and events; their `properties` are given without the trace id."""
    insert_embeddings(session, {"document_id": trace_id})
    insert_trace_events(session, trace_id, *events)


def insert_trace_events(session: TeamSession, trace_id: object, *events: dict[str, Any]) -> None:
    """Insert events of a trace; their `properties` are given without the trace id."""
    insert_events(
        session,
        *(
            {**event, "properties": json.dumps({"$ai_trace_id": trace_id, **event.get("properties", {})})}
            for event in events
        ),
    )


def find_traces(session: TeamSession, *filters: dict[str, Any]) -> set[str]:
    """Return the traces of the window that satisfy the filters, by the query that clustering uses."""
    sample = fetch_trace_embeddings_for_clustering(session, WINDOW, filters=parse_filters(filters))
    assert sample.traces_matching == len(sample.trace_ids)
    return set(sample.trace_ids)


def switch_team(session: TeamSession, team_id: int) -> TeamSession:
    """Return the same connection on behalf of another team; the embedded engine opens a folder only once."""
    return TeamSession(session._client, session._address, team_id, session._tables, 60)

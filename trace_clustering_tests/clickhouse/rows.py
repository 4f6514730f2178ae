"""Rows of the two tables as other programs write them, with one short default for everything."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from trace_clustering.clickhouse.session import TeamSession

NOON = datetime(2025, 1, 20, 12, tzinfo=UTC)


def insert_embeddings(session: TeamSession, *rows: dict[str, Any]) -> None:
    default = {
        "product": "llm-analytics",
        "document_type": "llm-trace-summary-detailed",
        "model_name": "test-3",
        "rendering": "batch-1",
        "document_id": "trace",
        "timestamp": NOON,
        "inserted_at": NOON,
        "embedding": [1.0, 0.0, 0.0],
        **({"content": ""} if any("content" in row for row in rows) else {}),
    }
    session.insert("embeddings", [list((default | row).values()) for row in rows], list(default))


def insert_events(session: TeamSession, *rows: dict[str, Any]) -> None:
    default = {
        "event": "$ai_generation",
        "properties": "{}",
        "timestamp": NOON,
        "distinct_id": "someone",
        "created_at": NOON,
    }
    session.insert(
        "events",
        [[uuid.uuid4(), *(default | row).values()] for row in rows],
        ["uuid", *default],
    )


def insert_summaries(session: TeamSession, *summaries: dict[str, Any], timestamp: datetime = NOON) -> None:
    """Insert summary events; a summary holds properties, the first three of which have short names."""
    names = {"id": "$ai_trace_id", "batch": "$ai_batch_run_id", "title": "$ai_summary_title"}
    insert_events(
        session,
        *(
            {
                "event": "$ai_trace_summary",
                "properties": json.dumps({names.get(name, name): value for name, value in summary.items()}),
                "timestamp": timestamp,
            }
            for summary in summaries
        ),
    )

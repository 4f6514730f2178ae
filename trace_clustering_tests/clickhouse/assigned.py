"""Traces that a run assigned, and their events, with one short default for everything."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering_tests.clickhouse.rows import NOON, insert_events

RUN = "1_trace_20250123_000000"
VERSION = 7


def assign(
    session: TeamSession,
    clusters: Mapping[str, int],
    *,
    run_id: str = RUN,
    version: int = VERSION,
    topics: Mapping[int, str] | None = None,
) -> None:
    """Write the rows of a run: its traces by id, and the cluster of each."""
    named = topics or {}
    session.insert(
        "assignments",
        [
            [run_id, version, cluster, named.get(cluster, f"topic-{cluster}") if cluster >= 0 else "", trace]
            for trace, cluster in clusters.items()
        ],
        ["run_id", "version", "cluster_id", "topic_id", "trace_id"],
    )


def tell(
    session: TeamSession,
    trace_id: str,
    event: str = "$ai_generation",
    *,
    by: str = "someone",
    at: datetime = NOON,
    **properties: Any,
) -> None:
    """Write an event of a trace; short names of properties get the prefix of PostHog's."""
    named = {
        name if name in ("$lib", "properties") else f"$ai_{name}": value for name, value in properties.items()
    }
    text = json.dumps({"$ai_trace_id": trace_id, **named})
    insert_events(session, {"event": event, "properties": text, "distinct_id": by, "timestamp": at})

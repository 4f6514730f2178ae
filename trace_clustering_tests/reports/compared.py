"""Two made-up weeks: refunds grow and cost much, parcels fail more often, and one topic is new."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import EVENT_NAME
from trace_clustering.traces.window import Window, format_time

TITLES = {"t-refund": "Refunds abroad", "t-parcel": "Lost parcels", "t-invoice": "Wrong invoices"}
SECOND = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))
FIRST = Window(SECOND.start - timedelta(days=7), SECOND.start)
VERSION = 5


def name_run(window: Window, label: str = "") -> str:
    return f"1_trace_{window.end:%Y%m%d_%H%M%S}" + (f"_{label}" if label else "")


def store_run(
    session: TeamSession,
    window: Window,
    topics: dict[str, int],
    *,
    label: str = "",
    version: int | None = VERSION,
    titles: dict[str, str] = TITLES,
    prefix: str = "",
    centroids: dict[str, list[float]] | None = None,
    new: Sequence[str] = (),
) -> list[str]:
    """Write the event and the assignments of a run with so many traces per topic; return their ids."""
    run_id = name_run(window, label)
    clusters = [
        {
            "cluster_id": number,
            "topic_id": topic or None,
            "title": titles.get(topic, ""),
            "change": {"kind": "new"} if topic in new else None,
        }
        for number, topic in enumerate(topics)
    ]
    properties = {
        "$ai_clustering_run_id": run_id,
        "$ai_window_start": format_time(window.start),
        "$ai_window_end": format_time(window.end),
        "$ai_clustering_assignments": None if version is None else {"version": version},
        "$ai_clusters": clusters,
    }
    insert(session, [(EVENT_NAME, properties, window.end, "clustering")])
    ids = [f"{prefix}{window.end:%d}-{topic}-{n}" for topic, count in topics.items() for n in range(count)]
    rows = [
        [run_id, version or 0, -1 if not topic else number, topic, f"{prefix}{window.end:%d}-{topic}-{n}"]
        for number, (topic, count) in enumerate(topics.items())
        for n in range(count)
    ]
    session.insert("assignments", rows, ["run_id", "version", "cluster_id", "topic_id", "trace_id"])
    places = [
        [run_id, version or 0, number, topic, vector, 0.9, topics[topic]]
        for number, (topic, vector) in enumerate((centroids or {}).items())
    ]
    if places:
        columns = ["run_id", "version", "cluster_id", "topic_id", "centroid", "radius", "size"]
        session.insert("centroids", places, columns)
    return ids


def tell_traces(session: TeamSession, window: Window, traces: dict[str, dict[str, Any]]) -> None:
    """Write one call of each trace, with properties under the short names of PostHog's."""
    moment = window.start + timedelta(hours=1)
    events = []
    for trace, told in traces.items():
        properties = {"$ai_trace_id": trace, **{name(key): value for key, value in told.items()}}
        events.append(("$ai_generation", properties, moment, "somebody"))
    insert(session, events)


def name(key: str) -> str:
    return key if key.startswith("own_") else f"$ai_{key}"


def insert(session: TeamSession, events: list[tuple[str, dict[str, Any], datetime, str]]) -> None:
    session.insert(
        "events",
        [
            [uuid.uuid4(), event, json.dumps(properties), moment, by, moment]
            for event, properties, moment, by in events
        ],
        ["uuid", "event", "properties", "timestamp", "distinct_id", "created_at"],
    )


def store_two_weeks(clickhouse: ClickHouse, team_id: int = 1) -> None:
    """Store both weeks; the model `large` answered in the second half of each topic, at twice the cost."""
    random = np.random.default_rng(3)
    with clickhouse.open_session(team_id, timeout_seconds=60) as session:
        for window, topics, failing in (
            (FIRST, {"t-refund": 100, "t-parcel": 300, "": 20}, 0.05),
            (SECOND, {"t-refund": 300, "t-parcel": 300, "t-invoice": 60, "": 20}, 0.3),
        ):
            ids = store_run(session, window, topics)
            told = {}
            for number, trace in enumerate(ids):
                rate = failing if "parcel" in trace else 0.05
                cost = (0.04 if "refund" in trace else 0.01) * float(random.lognormal(0, 0.3))
                large = number % 2 == 1
                told[trace] = {
                    "is_error": bool(random.random() < rate),
                    "total_cost_usd": cost * (2 if large else 1),
                    "latency": 1.5,
                    "model": "large" if large else "small",
                }
            del told[ids[0]]  # of which no event tells anything
            tell_traces(session, window, told)

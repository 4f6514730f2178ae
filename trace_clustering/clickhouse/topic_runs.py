"""Reads what a team's cluster events tell of topics, run by run."""

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import EVENT_NAME

MAX_RUNS: Final = 366
_END_OF_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)

# An event holds up to 16 MB, nearly all of it traces and centroids, which stay where they are.
_KEYS: Final = ("cluster_id", "title", "size", "topic_id", "continuity", "change", "metrics", "ignored")

_RUNS: Final = """
SELECT
    JSONExtractString(properties_text, '$ai_clustering_run_id') AS run_id,
    JSONExtractString(properties_text, '$ai_window_start') AS window_start,
    JSONExtractString(properties_text, '$ai_window_end') AS window_end,
    JSONExtractRaw(properties_text, '$ai_total_items_analyzed') AS traces,
    JSONExtractRaw(properties_text, '$ai_clustering_gone_topics') AS gone,
    JSONExtractRaw(properties_text, '$ai_clustering_assignments') AS assignments,
    arrayMap(
        cluster -> arrayMap(key -> JSONExtractRaw(cluster, key), {{keys:Array(String)}}),
        JSONExtractArrayRaw(properties_text, '$ai_clusters')
    ) AS clusters
FROM (
    SELECT {properties} AS properties_text, {timestamp} AS moment, {created_at} AS written
    FROM {{events:Identifier}}
    WHERE team_id = {{team_id:Int64}} AND {event} = {{event:String}}
        AND {timestamp} <= {{until:DateTime64(6, 'UTC')}}
        AND match(JSONExtractString(properties_text, '$ai_clustering_run_id'), {{run_ids:String}})
)
ORDER BY moment DESC, written DESC
LIMIT 1 BY run_id
LIMIT {{runs:UInt64}}
"""


def fetch_topic_runs(
    session: TeamSession,
    *,
    runs: int = MAX_RUNS,
    run_label: str | None = "",
    until: datetime = _END_OF_TIME,
) -> list[dict[str, Any]]:
    """Return properties of a team's newest cluster events, one for each run, newest first.

    The clusters have the keys that tell of topics, but no traces. Events of other programs, and those of
    runs with another `run_label`, are left out; with None, runs count whatever their label.

    Parameters
    ----------
    session : TeamSession
    runs : int
        Most runs to return.
    run_label : str or None
    until : datetime
        Only runs whose window ended then or before.
    """
    columns = session.events
    statement = _RUNS.format(
        properties=columns.write_text("properties"),
        event=columns.write_comparable("event"),
        timestamp=columns.write_moment("timestamp", 6),
        created_at=columns.write_moment("created_at", 6),
    )
    label = "(_.*)?" if run_label is None else f"_{re.escape(run_label)}" if run_label else ""
    rows = session.query(
        statement,
        in_utc=columns.has_json(),
        event=EVENT_NAME,
        keys=list(_KEYS),
        run_ids=rf"^{session.team_id}_trace_[0-9]{{8}}_[0-9]{{6}}{label}$",
        runs=runs,
        until=until,
    )
    return [_read_run(row) for row in rows]


def _read_run(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "$ai_clustering_run_id": row["run_id"],
        "$ai_window_start": row["window_start"],
        "$ai_window_end": row["window_end"],
        "$ai_total_items_analyzed": _read_json(row["traces"]),
        "$ai_clustering_gone_topics": _read_json(row["gone"]),
        "$ai_clustering_assignments": _read_json(row["assignments"]),
        "$ai_clusters": [dict(zip(_KEYS, map(_read_json, raw), strict=True)) for raw in row["clusters"]],
    }


def _read_json(raw: str) -> Any:  # noqa: ANN401 - any JSON
    """Return a value that the engine took out of JSON; None if it was not there."""
    return json.loads(raw) if raw else None

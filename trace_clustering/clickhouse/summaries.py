"""What LLMs wrote about the traces: the summary events."""

import json
from collections.abc import Iterable
from typing import Any

from trace_clustering.artifacts import TraceSummary, Window
from trace_clustering.clickhouse.batches import parameter_batches
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import SUMMARY_EVENT_NAME

_SUMMARIES = """
WITH
    JSONExtractString(properties, '$ai_trace_id') AS trace_id,
    JSONExtractString(properties, '$ai_batch_run_id') AS batch_run_id,
    transform(trace_id, {trace_ids:Array(String)}, {batch_run_ids:Array(String)}, '') AS wanted_batch_run_id
SELECT
    trace_id,
    argMax(
        tuple(
            JSONExtractString(properties, '$ai_summary_title'),
            JSONExtractString(properties, '$ai_summary_flow_diagram'),
            JSONExtractRaw(properties, '$ai_summary_bullets'),
            JSONExtractRaw(properties, '$ai_summary_interesting_notes'),
            JSONExtractString(properties, 'trace_timestamp')
        ),
        tuple(
            batch_run_id != '' AND batch_run_id = wanted_batch_run_id,
            timestamp,
            uuid
        )
    ) AS best,
    best.1 AS title, best.2 AS flow_diagram, best.3 AS bullets, best.4 AS notes, best.5 AS trace_timestamp
FROM {events:Identifier}
WHERE team_id = {team_id:Int64}
    AND event = {event:String}
    AND timestamp >= {window_start:DateTime64(6, 'UTC')} AND timestamp < {window_end:DateTime64(6, 'UTC')}
    AND trace_id IN {trace_ids:Array(String)}
GROUP BY trace_id
ORDER BY trace_id
LIMIT {limit:UInt64}
"""


def fetch_trace_summaries(
    session: TeamSession, window: Window, trace_ids: Iterable[str], batch_run_ids: Iterable[str]
) -> dict[str, TraceSummary]:
    """Read one summary per trace: the one made together with the embedding, else the newest.

    Parameters
    ----------
    session : TeamSession
    window : Window
        When the summaries were made.
    trace_ids, batch_run_ids : iterables of str, same length
        The traces, and the summarization run that made the embedding of each; empty if unknown.

    Returns
    -------
    dict
        Summaries by trace id; traces without one are missing.
    """
    pairs = zip(trace_ids, batch_run_ids, strict=True)
    summaries: dict[str, TraceSummary] = {}
    for batch in parameter_batches(pairs, lambda pair: max(pair, key=len)):
        rows = session.query(
            _SUMMARIES,
            event=SUMMARY_EVENT_NAME,
            window_start=window.start,
            window_end=window.end,
            trace_ids=[trace_id for trace_id, _ in batch],
            batch_run_ids=[batch_run_id for _, batch_run_id in batch],
            limit=len(batch),
        )
        summaries.update((row["trace_id"], _summary(row)) for row in rows)
    return summaries


def _summary(row: dict[str, Any]) -> TraceSummary:
    return TraceSummary(
        trace_id=row["trace_id"],
        title=row["title"],
        flow_diagram=row["flow_diagram"],
        bullets=_texts(row["bullets"]),
        interesting_notes=_texts(row["notes"]),
        trace_timestamp=row["trace_timestamp"],
    )


def _texts(raw: str) -> list[str]:
    """Return the lines of a summary list: objects with a `text`, or texts, or either as JSON in a string."""
    items: Any = raw or "[]"
    try:
        while isinstance(items, str):
            items = json.loads(items)
    except (ValueError, RecursionError):  # a text that is no JSON is itself the only line
        return [items] if items else []
    if not isinstance(items, list):
        return []
    texts = [item.get("text") if isinstance(item, dict) else item for item in items]
    return [text for text in texts if isinstance(text, str) and text]

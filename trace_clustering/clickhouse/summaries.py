"""What LLMs wrote about the traces: the summary events."""

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

from trace_clustering.clickhouse.batches import parameter_batches
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import SUMMARY_EVENT_NAME
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.window import Window

_SUMMARIES = """
WITH JSONExtractString(properties, '$ai_trace_id') AS trace_id
SELECT
    trace_id,
    JSONExtractString(properties, '$ai_batch_run_id') AS batch_run_id,
    timestamp,
    uuid,
    JSONExtractString(properties, '$ai_summary_title') AS title,
    JSONExtractString(properties, '$ai_summary_flow_diagram') AS flow_diagram,
    JSONExtractRaw(properties, '$ai_summary_bullets') AS bullets,
    JSONExtractRaw(properties, '$ai_summary_interesting_notes') AS notes,
    JSONExtractString(properties, 'trace_timestamp') AS trace_timestamp
FROM {events:Identifier}
WHERE team_id = {team_id:Int64}
    AND event = {event:String}
    AND timestamp >= {window_start:DateTime64(6, 'UTC')} AND timestamp < {window_end:DateTime64(6, 'UTC')}
    AND (empty({trace_ids:Array(String)}) OR trace_id IN {trace_ids:Array(String)})
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
    wanted = dict(zip(trace_ids, batch_run_ids, strict=True))
    # Where the ids are too many for one parameter, all summaries of the window pass by, once.
    batches = list(islice(parameter_batches(wanted, str), 2))
    if not batches:
        return {}
    best: dict[str, tuple[Any, dict[str, Any]]] = {}
    for block in session.stream(
        _SUMMARIES,
        event=SUMMARY_EVENT_NAME,
        window_start=window.start,
        window_end=window.end,
        trace_ids=batches[0] if len(batches) == 1 else [],
    ):
        for values in zip(*block.values(), strict=True):
            row = dict(zip(block, values, strict=True))
            trace_id, batch_run_id = row["trace_id"], row["batch_run_id"]
            if trace_id in wanted:
                made_with_it = batch_run_id != "" and batch_run_id == wanted[trace_id]
                merit = (made_with_it, row["timestamp"], row["uuid"])
                if trace_id not in best or merit > best[trace_id][0]:
                    best[trace_id] = merit, row
    return {trace_id: _summary(row) for trace_id, (_, row) in sorted(best.items())}


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

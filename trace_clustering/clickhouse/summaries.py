"""Reads the summaries that an LLM wrote about the traces."""

import json
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import SUMMARY_EVENT_NAME
from trace_clustering.traces.arrays import StringArray, TimeArray
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.window import Window, parse_time

_TEXTS = """
    JSONExtractString(properties_text, '$ai_summary_title') AS title,
    JSONExtractString(properties_text, '$ai_summary_flow_diagram') AS flow_diagram,
    JSONExtractRaw(properties_text, '$ai_summary_bullets') AS bullets,
    JSONExtractRaw(properties_text, '$ai_summary_interesting_notes') AS notes,
"""

_SUMMARIES = """
WITH /* properties */ AS properties_text, JSONExtractString(properties_text, '$ai_trace_id') AS trace_id
SELECT
    trace_id,
    JSONExtractString(properties_text, '$ai_batch_run_id') AS batch_run_id,
    /* moment */ AS moment,
    /* created */ AS created,
    /* identity */ AS identity,
    /* texts */
    JSONExtractString(properties_text, 'trace_timestamp') AS trace_timestamp
FROM {events:Identifier}
WHERE team_id = {team_id:Int64}
    AND /* event */ = {event:String}
    AND /* timestamp */ >= {window_start:DateTime64(6, 'UTC')}
    AND /* timestamp */ < {window_end:DateTime64(6, 'UTC')}
    AND (empty({trace_ids:Array(String)}) OR trace_id IN {trace_ids:Array(String)})
"""


def fetch_trace_summaries(
    session: TeamSession, window: Window, trace_ids: Iterable[str], batch_run_ids: Iterable[str]
) -> dict[str, TraceSummary]:
    """Read one summary per trace: the one that was made together with the embedding, else the newest.

    Parameters
    ----------
    session : TeamSession
    window : Window
        When the summaries were made.
    trace_ids, batch_run_ids : iterables of str, same length
        The traces, and the batch run that made the embedding of each; empty if unknown.

    Returns
    -------
    dict
        Summaries by trace id, without the traces that have none.
    """
    wanted = dict(zip(trace_ids, batch_run_ids, strict=True))
    rows = _fetch_best_rows(session, _SUMMARIES.replace("/* texts */", _TEXTS), window, wanted)
    return {trace_id: _build_summary(row) for trace_id, row in sorted(rows.items())}


def fetch_trace_times(
    session: TeamSession, window: Window, trace_ids: StringArray, batch_run_ids: StringArray
) -> TimeArray:
    """Read when each trace began, from the summary that `fetch_trace_summaries` would read.

    Parameters
    ----------
    session, window
        As in `fetch_trace_summaries`.
    trace_ids, batch_run_ids : arrays of str, shape (n,)

    Returns
    -------
    array of datetime64[us], shape (n,)
        In UTC; NaT if a trace has no summary, or its time cannot be read.
    """
    rows = _fetch_best_rows(session, _SUMMARIES, window, dict(zip(trace_ids, batch_run_ids, strict=True)))
    times = [_parse_time(rows[trace]["trace_timestamp"]) if trace in rows else None for trace in trace_ids]
    return np.array(times, dtype="datetime64[us]")


def _fetch_best_rows(
    session: TeamSession, sql: str, window: Window, wanted: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the best summary row of each wanted trace.

    `wanted` holds the batch run that made the embedding of each trace.
    """
    # If the ids do not fit into one parameter, all summaries of the window are streamed once: a query per
    # batch would read the window several times. Two batches are enough to know.
    batches = list(islice(split_for_parameters(wanted, str), 2))
    if not batches:
        return {}
    columns = session.events
    for mark, written in (
        ("/* properties */", columns.write_text("properties")),
        ("/* moment */", columns.write_moment("timestamp", 6)),
        ("/* created */", columns.write_moment("created_at", 6)),
        ("/* identity */", columns.write_identity("uuid")),
        ("/* event */", columns.write_comparable("event")),
        ("/* timestamp */", columns.write_ordered_moment("timestamp", 6)),
    ):
        sql = sql.replace(mark, written)
    best: dict[str, tuple[Any, dict[str, Any]]] = {}
    for block in session.stream(
        sql,
        in_utc=columns.has_json(),
        event=SUMMARY_EVENT_NAME,
        window_start=window.start,
        window_end=window.end,
        trace_ids=batches[0] if len(batches) == 1 else [],
    ):
        for values in zip(*block.values(), strict=True):
            row = dict(zip(block, values, strict=True))
            trace_id, batch_run_id = row["trace_id"], row["batch_run_id"]
            if trace_id in wanted:
                is_of_embedding = batch_run_id != "" and batch_run_id == wanted[trace_id]
                # Versions of one summary have one moment, and differ in when they were stored.
                order = (is_of_embedding, row["moment"], row["created"], row["identity"])
                if trace_id not in best or order > best[trace_id][0]:
                    best[trace_id] = order, row
    return {trace_id: row for trace_id, (_, row) in best.items()}


def _parse_time(text: str) -> datetime | None:
    """Return a time in UTC without a zone, as numpy needs it; None if the text is not ISO 8601."""
    moment = parse_time(text)
    return moment.replace(tzinfo=None) if moment else None


def _build_summary(row: dict[str, Any]) -> TraceSummary:
    return TraceSummary(
        trace_id=row["trace_id"],
        title=row["title"],
        flow_diagram=row["flow_diagram"],
        bullets=parse_texts(row["bullets"]),
        interesting_notes=parse_texts(row["notes"]),
        trace_timestamp=row["trace_timestamp"],
    )


def parse_texts(raw: str) -> list[str]:
    """Return the lines of a summary list.

    Its items are objects with a `text`, or texts; the list may also be JSON in a string.
    """
    items: Any = raw or "[]"
    try:
        while isinstance(items, str):
            items = json.loads(items)
    except (ValueError, RecursionError):  # text that is not JSON is the only line
        return [items] if items else []
    if not isinstance(items, list):
        return []
    texts = [item.get("text") if isinstance(item, dict) else item for item in items]
    return [text for text in texts if isinstance(text, str) and text]

"""PostHog's table `events`, and `ai_events`, which may hold the texts that are long."""

from typing import Any, Final

from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.clickhouse.source_tables.contract import Columns, Statements, TableKind
from trace_clustering.clickhouse.source_tables.expressions import name_values, write_moments, write_time
from trace_clustering.clickhouse.source_tables.trace_source import PostHogSource

_EVENTS: Final = ("$ai_trace", "$ai_generation", "$ai_span", "$ai_embedding")
_TEXTS: Final = ("input", "output_choices", "input_state", "output_state")
_ARRIVALS: Final = ("timestamp", "created_at", "inserted_at")

_MOMENTS = """
SELECT {trace_id} AS trace_id, {start} AS start, {times} AS times, 1 AS is_of_llm
FROM {{events:Identifier}}
WHERE team_id = {{owner_id:Int64}} AND {event} IN {{event_names:Array(String)}}
    AND {timestamp} >= {{since:DateTime64(6, 'UTC')}} AND {timestamp} < {{until:DateTime64(6, 'UTC')}}
"""
# An event that was sent twice is there until the next merge.
_EVENTS_OF_TRACES = """
SELECT
    {trace_id} AS trace_id,
    toString({identity}) AS identity,
    {kind} AS kind,
    {person} AS person,
    {moment} AS moment,
    {properties} AS properties_text
FROM {{events:Identifier}}
WHERE team_id = {{owner_id:Int64}} AND {event} IN {{event_names:Array(String)}}
    AND trace_id IN {{trace_ids:Array(String)}}
    AND {timestamp} >= {{first:DateTime64(6, 'UTC')}} AND {timestamp} <= {{last:DateTime64(6, 'UTC')}}
ORDER BY trace_id, {timestamp}, identity, sipHash64(properties_text)
LIMIT 1 BY trace_id, identity
"""
_TEXTS_OF_TRACES = """
SELECT {trace} AS trace_id, {span} AS span, {values}
FROM {{ai_events:Identifier}}
WHERE team_id = {{owner_id:Int64}} AND {own_trace} IN {{trace_ids:Array(String)}}
ORDER BY trace_id, span, sipHash64(({names}))
LIMIT 1 BY trace_id, span
"""


def _name_tables(source: PostHogSource) -> dict[str, str]:
    texts = {"ai_events": source.ai_events_table} if source.ai_events_table else {}
    return {"events": source.events_table, **texts}


def _bind_owner(source: PostHogSource) -> dict[str, Any]:
    return {"owner_id": source.team_id, "event_names": list(_EVENTS)}


def _write_condition(source: PostHogSource, _columns: Columns) -> str:
    return f"team_id = {source.team_id:d}"


def _write_statements(_source: PostHogSource, columns: Columns) -> Statements:
    events = columns["events"]
    trace_id = f"JSONExtractString({events.write_json('properties')}, '$ai_trace_id')"
    event, timestamp = events.write_comparable("event"), events.write_ordered_moment("timestamp", 6)
    moments = _MOMENTS.format(
        trace_id=trace_id,
        start=events.write_moment("timestamp", 6),
        times=write_moments(events, _ARRIVALS),
        event=event,
        timestamp=timestamp,
    )
    rows = _EVENTS_OF_TRACES.format(
        trace_id=trace_id,
        identity=events.write_identity("uuid"),
        kind=events.write_text("event"),
        person=events.write_text("distinct_id"),
        moment=write_time(events.write_moment("timestamp", 6)),
        properties=events.write_json("properties"),
        event=event,
        timestamp=timestamp,
    )
    texts = (_write_texts_of_traces(columns["ai_events"]),) if "ai_events" in columns else ()
    return Statements(moments, (*texts, rows))


def _write_texts_of_traces(texts: TableColumns) -> str:
    values = {f"{name}_text": texts.write_text(name) for name in _TEXTS if texts.has(name)}
    return _TEXTS_OF_TRACES.format(
        trace=texts.write_text("trace_id"),
        own_trace=texts.write_comparable("trace_id"),
        span=texts.write_text("span_id"),
        values=name_values(values),
        names=", ".join(values),
    )


POSTHOG_EVENTS: Final = TableKind(
    name_tables=_name_tables,
    bind_owner=_bind_owner,
    write_condition=_write_condition,
    write_statements=_write_statements,
)

"""The tables of OpenTelemetry's collector: `otel_traces`, and what the spans said, in `otel_logs`.

Attributes are maps of texts, or columns of the type JSON.
"""

from datetime import timedelta
from typing import Any, Final

from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.clickhouse.source_tables.contract import Columns, Statements, TableKind
from trace_clustering.clickhouse.source_tables.expressions import (
    are_maps,
    name_values,
    write_attributes,
    write_literal,
    write_nanoseconds,
)
from trace_clustering.clickhouse.source_tables.otel_logs import has_log_columns, write_log_rows
from trace_clustering.clickhouse.source_tables.trace_source import OtelSource
from trace_clustering.constants import LLM_ATTRIBUTE_PREFIXES

# `{owner}` repeats the filter of the engine: attributes of any number cannot be bound one by one.
_MOMENTS = """
SELECT
    TraceId AS trace_id,
    {start} AS start,
    [{start}, addMicroseconds({start}, {duration})] AS times,
    {is_of_llm} AS is_of_llm
FROM {{spans:Identifier}}
WHERE {owner}
    AND {timestamp} >= {{since:DateTime64(6, 'UTC')}} AND {timestamp} < {{until:DateTime64(6, 'UTC')}}
"""
# A span that was exported twice is there twice.
_ROWS = """
SELECT {values}
FROM {{spans:Identifier}}
WHERE {owner} AND TraceId IN {{trace_ids:Array(String)}}
    AND {timestamp} >= {{first:DateTime64(6, 'UTC')}}
    AND {timestamp} <= {{last:DateTime64(6, 'UTC')}} + toIntervalSecond(1)
ORDER BY trace_id, SpanId, {timestamp}, Duration DESC, sipHash64(toString(SpanAttributes))
LIMIT 1 BY trace_id, SpanId
"""


def _name_tables(source: OtelSource) -> dict[str, str]:
    return {"spans": source.spans_table, "logs": source.logs_table}


def _bind_owner(source: OtelSource) -> dict[str, Any]:
    return {"services": source.service}


def _write_condition(source: OtelSource, columns: Columns) -> str:
    spans = columns["spans"]
    found = []
    if source.service:
        found.append(f"ServiceName IN ({', '.join(map(write_literal, source.service))})")
    for name, value in source.resource_attribute.items():
        found.append(f"{_write_attribute(spans, name)} = {write_literal(value)}")
    return " AND ".join(found)


def _write_attribute(spans: TableColumns, name: str) -> str:
    if are_maps(spans, "ResourceAttributes"):
        return f"ResourceAttributes[{write_literal(name)}]"
    # A dot in a name is a level of the object.
    path = ", ".join(map(write_literal, name.split(".")))
    return f"JSONExtractString(toJSONString(ResourceAttributes), {path})"


def _has_events(spans: TableColumns) -> bool:
    return spans.has("Events.Name") or spans.has("Events")


def _write_statements(source: OtelSource, columns: Columns) -> Statements:
    spans = columns["spans"]
    bound = "ServiceName IN {services:Array(String)} AND " if source.service else ""
    owner = bound + _write_condition(source, columns)
    timestamp = spans.write_ordered_moment("Timestamp", 9)
    moments = _MOMENTS.format(
        start=spans.write_moment("Timestamp", 6),
        duration="intDiv(toInt64(Duration), 1000)",
        is_of_llm=_write_is_of_llm(spans),
        owner=owner,
        timestamp=timestamp,
    )
    rows = _ROWS.format(values=name_values(_write_values(spans)), owner=owner, timestamp=timestamp)
    logs = columns.get("logs")
    if logs is None or ("logs_table" not in source.model_fields_set and not has_log_columns(logs)):
        return Statements(moments, (rows,))
    return Statements(moments, (write_log_rows(logs, owner), rows))


def _write_values(spans: TableColumns) -> dict[str, str]:
    values = {
        "trace_id": "TraceId",
        "span_id": spans.write_text("SpanId"),
        "parent_id": spans.write_text("ParentSpanId"),
        "name": spans.write_text("SpanName"),
        "start": write_nanoseconds(spans.write_moment("Timestamp", 9)),
        "duration": "toInt64(Duration)",
        "status": spans.write_text("StatusCode"),
        "message": spans.write_text("StatusMessage"),
        "service": spans.write_text("ServiceName"),
        "resource": write_attributes(spans, "ResourceAttributes"),
        "attributes": write_attributes(spans, "SpanAttributes"),
    }
    if _has_events(spans):
        values |= {
            "event_times": f"arrayMap(t -> {write_nanoseconds('t')}, `Events.Timestamp`)",
            "event_names": "arrayMap(name -> toValidUTF8(name), `Events.Name`)",
            "event_attributes": _write_event_attributes(spans),
        }
    return values


def _write_event_attributes(spans: TableColumns) -> str:
    if are_maps(spans, "Events.Attributes"):
        apply = "mapApply((key, value) -> (toValidUTF8(key), toValidUTF8(value)), attributes)"
        return f"arrayMap(attributes -> {apply}, `Events.Attributes`)"
    return "arrayMap(attributes -> toValidUTF8(toJSONString(attributes)), `Events.Attributes`)"


def _write_is_of_llm(spans: TableColumns) -> str:
    is_map = are_maps(spans, "SpanAttributes")
    keys = "mapKeys(SpanAttributes)" if is_map else "JSONAllPaths(SpanAttributes)"
    known = " OR ".join(f"startsWith(key, '{prefix}')" for prefix in LLM_ATTRIBUTE_PREFIXES)
    found = f"arrayExists(key -> {known}, {keys})"
    if _has_events(spans):
        found += " OR arrayExists(name -> startsWith(name, 'gen_ai.'), `Events.Name`)"
    return f"({found})"


OTEL_TRACES: Final = TableKind(
    name_tables=_name_tables,
    bind_owner=_bind_owner,
    write_condition=_write_condition,
    write_statements=_write_statements,
    optional=frozenset(("logs",)),
    # Nothing tells when a span arrived.
    margin=timedelta(days=1),
)

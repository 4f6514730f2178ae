"""The collector's `otel_logs`, in which newer libraries keep what was said in a call to a model."""

from typing import Final

from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.clickhouse.source_tables.expressions import (
    are_maps,
    name_values,
    write_attributes,
    write_nanoseconds,
)

# Other programs have tables of this name, too, with other columns.
_NEEDED: Final = (
    *("Timestamp", "TraceId", "SpanId", "ServiceName", "Body", "ResourceAttributes", "LogAttributes"),
)
# What a span says, it says until it ends.
_ROWS = """
SELECT {values}
FROM {{logs:Identifier}}
WHERE {owner} AND TraceId IN {{trace_ids:Array(String)}} AND startsWith({name}, 'gen_ai.')
    AND {timestamp} >= {{first:DateTime64(6, 'UTC')}}
    AND {timestamp} <= {{last:DateTime64(6, 'UTC')}} + toIntervalDay(1)
ORDER BY trace_id, SpanId, {timestamp}, log_name, sipHash64(Body), sipHash64(toString(LogAttributes))
LIMIT 1 BY trace_id, SpanId, {timestamp}, log_name, Body, toString(LogAttributes)
"""


def has_log_columns(logs: TableColumns) -> bool:
    """Return whether a table has the columns of the collector's logs."""
    return all(map(logs.has, _NEEDED))


def write_log_rows(logs: TableColumns, owner: str) -> str:
    """Return the statement that reads what the spans of traces said.

    Parameters
    ----------
    logs : TableColumns
    owner : str
        SQL that holds for the rows of the owner.
    """
    name = _write_name(logs)
    values = {
        "trace_id": "TraceId",
        "log_span": logs.write_text("SpanId"),
        "log_time": write_nanoseconds(logs.write_moment("Timestamp", 9)),
        "log_name": name,
        "log_body": logs.write_text("Body"),
        "log_attributes": write_attributes(logs, "LogAttributes"),
    }
    timestamp = logs.write_ordered_moment("Timestamp", 9)
    return _ROWS.format(values=name_values(values), owner=owner, name=name, timestamp=timestamp)


def _write_name(logs: TableColumns) -> str:
    attribute = "LogAttributes['event.name']"
    if not are_maps(logs, "LogAttributes"):
        attribute = "JSONExtractString(toJSONString(LogAttributes), 'event', 'name')"
    return f"if(EventName != '', EventName, {attribute})" if logs.has("EventName") else attribute

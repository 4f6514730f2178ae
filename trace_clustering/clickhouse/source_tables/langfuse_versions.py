"""What all of Langfuse's tables have in common.

A change of a row is a further row with a newer `event_ts`, and so is its end, with `is_deleted`. FINAL would
leave both rows where the change moved the start to another day, so the newest is chosen by its id.
"""

import re
from typing import Any, Final

from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.clickhouse.source_tables.contract import Columns
from trace_clustering.clickhouse.source_tables.expressions import (
    name_values,
    write_literal,
    write_moments,
    write_texts,
)

_ARRIVALS: Final = ("event_ts", "created_at", "updated_at")

_MOMENTS = """
SELECT {id} AS trace_id, {start} AS start, {times} AS times, 1 AS is_of_llm
FROM {{{table}:Identifier}}
WHERE project_id = {{project_id:String}}
    AND {start_column} >= {{since:DateTime64(6, 'UTC')}} AND {start_column} < {{until:DateTime64(6, 'UTC')}}
"""
# The last of the order makes the choice the same every time, where a version came twice. As a text, because
# the hash of a null is null.
_ROWS = """
SELECT {trace_id} AS trace_id, {values}
FROM (
    SELECT {columns}
    FROM {{{table}:Identifier}}
    WHERE project_id = {{project_id:String}} AND {trace_id} IN {{trace_ids:Array(String)}}
        AND {start} >= {{first:DateTime64(6, 'UTC')}} AND {start} <= {{last:DateTime64(6, 'UTC')}}
    ORDER BY event_ts DESC, is_deleted DESC, sipHash64(toString(({columns})))
    LIMIT 1 BY {trace_id}, {row_id}
)
WHERE is_deleted = 0
ORDER BY trace_id, {start}, {row_id}
"""


def bind_project(source: Any) -> dict[str, Any]:  # noqa: ANN401 - any source of Langfuse
    """Return the bound parameter that names the project."""
    return {"project_id": source.project_id}


def write_project(source: Any, _columns: Columns) -> str:  # noqa: ANN401
    """Return the condition that holds for the rows of the project."""
    return f"project_id = {write_literal(source.project_id)}"


def write_moments_of(columns: TableColumns, table: str, *, trace_id: str, start: str, end: str) -> str:
    """Return the statement of the moments at which something happened to the rows of one table."""
    return _MOMENTS.format(
        id=columns.write_text(trace_id),
        start=columns.write_moment(start, 6),
        times=write_moments(columns, dict.fromkeys((start, end, *_ARRIVALS))),
        table=table,
        start_column=columns.write_ordered_moment(start, 6),
    )


def write_newest_rows(
    columns: TableColumns, table: str, values: dict[str, str], *, trace_id: str, row_id: str, start: str
) -> str:
    """Return the statement that reads the newest version of each row of one table.

    Parameters
    ----------
    columns : TableColumns
    table : str
        The parameter that stands for the table.
    values : dict of str
        What is read, by its name.
    trace_id, row_id, start : str
        Names of columns.
    """
    words = {word for value in values.values() for word in re.findall(r"\w+", value)}
    names = dict.fromkeys(
        (*sorted(words & columns.types.keys()), trace_id, row_id, start, "event_ts", "is_deleted")
    )
    return _ROWS.format(
        trace_id=trace_id,
        values=name_values({name: value for name, value in values.items() if name != "trace_id"}),
        columns=", ".join(names),
        table=table,
        row_id=row_id,
        start=columns.write_ordered_moment(start, 6),
    )


def write_score_statements(columns: Columns) -> tuple[list[str], list[str]]:
    """Return the statements of the moments and of the rows of scores; none if there is no table of them."""
    if "scores" not in columns:
        return [], []
    scores = columns["scores"]
    values = {
        **write_texts(scores, ("id", "name", "string_value", "data_type")),
        "value": "if(isFinite(value), value, NULL)",
    }
    moments = write_moments_of(scores, "scores", trace_id="trace_id", start="timestamp", end="timestamp")
    rows = write_newest_rows(scores, "scores", values, trace_id="trace_id", row_id="id", start="timestamp")
    return [moments], [rows]


def write_metadata(columns: TableColumns) -> dict[str, str]:
    """Return the metadata, if the table has them, as a map of texts."""
    if columns.has("metadata"):
        return {"metadata": _write_text_map("metadata")}
    if columns.has("metadata_names"):
        return {"metadata": _write_text_map("mapFromArrays(metadata_names, metadata_values)")}
    return {}


def _write_text_map(value: str) -> str:
    return f"mapApply((name, text) -> (toValidUTF8(name), toValidUTF8(text)), {value})"


def write_numbers(columns: TableColumns) -> dict[str, str]:
    """Return tokens and costs, as far as the table has them, by the names of their columns."""
    numbers = {
        "usage_details": "usage_details",
        "cost_details": "mapApply((kind, cost) -> (kind, toFloat64(cost)), cost_details)",
        "total_cost": "toFloat64(total_cost)",
    }
    return {name: number for name, number in numbers.items() if columns.has(name)}


def write_tags(columns: TableColumns) -> dict[str, str]:
    """Return the tags, if the table has them, by the name of their column."""
    return {"tags": "arrayMap(tag -> toValidUTF8(tag), tags)"} if columns.has("tags") else {}

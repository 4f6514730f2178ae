"""Langfuse's tables `traces` and `observations`.

A change of a row is a further row with a newer `event_ts`, and so is its end, with `is_deleted`. FINAL would
leave both rows where the change moved the start to another day, so the newest is chosen by its id.
"""

from typing import Any, Final

from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.clickhouse.source_tables.contract import Columns, Statements, TableKind
from trace_clustering.clickhouse.source_tables.expressions import (
    write_list,
    write_literal,
    write_moments,
    write_texts,
    write_times,
)
from trace_clustering.clickhouse.source_tables.trace_source import LangfuseSource

_ARRIVALS: Final = ("event_ts", "created_at", "updated_at")
_TEXTS_OF_BOTH: Final = ("id", "name", "environment", "release", "input", "output")
_TEXTS_OF_TRACES: Final = (*_TEXTS_OF_BOTH, "session_id", "user_id")
_TEXTS_OF_OBSERVATIONS: Final = (
    *(*_TEXTS_OF_BOTH, "trace_id", "parent_observation_id", "type", "level", "status_message"),
    *("provided_model_name", "prompt_name", "prompt_version"),
)

_MOMENTS = """
SELECT {id} AS trace_id, {start} AS start, {times} AS times
FROM {{{table}:Identifier}}
WHERE project_id = {{project_id:String}} AND {start_column} >= {{since:DateTime64(6, 'UTC')}}
"""
_ROWS = """
SELECT {values}
FROM (
    SELECT {columns}
    FROM {{{table}:Identifier}}
    WHERE project_id = {{project_id:String}} AND {id} IN {{trace_ids:Array(String)}}
        AND {start} >= {{first:DateTime64(6, 'UTC')}} AND {start} <= {{last:DateTime64(6, 'UTC')}}
    ORDER BY {newest}
    LIMIT 1 BY {row_id}
)
WHERE is_deleted = 0
ORDER BY {order}
"""


def write_rows_of(
    columns: TableColumns, table: str, *, trace_id: str, row_id: str, start: str, values: list[str]
) -> str:
    """Return the statement that reads the newest version of each row of one of Langfuse's tables."""
    return _ROWS.format(
        values=", ".join(values),
        columns=", ".join(f"`{name}`" for name in columns.types),
        table=table,
        id=trace_id,
        row_id=row_id,
        start=columns.write_ordered_moment(start, 6),
        # The last of these make the choice the same every time where a version came twice.
        newest=f"event_ts DESC, is_deleted DESC, {write_list(columns, ['updated_at'])}",
        order=", ".join(dict.fromkeys((trace_id, start, row_id))),
    )


def write_numbers(columns: TableColumns) -> list[str]:
    """Return tokens and costs, as far as the table has them."""
    found = []
    if columns.has("usage_details"):
        found.append("usage_details")
    if columns.has("cost_details"):
        found.append("mapApply((kind, cost) -> (kind, toFloat64(cost)), cost_details) AS cost_details")
    if columns.has("total_cost"):
        found.append("toFloat64(total_cost) AS total_cost")
    return found


def write_tags(columns: TableColumns) -> list[str]:
    """Return the tags, if the table has them."""
    return ["arrayMap(tag -> toValidUTF8(tag), tags) AS tags"] if columns.has("tags") else []


def _write_statements(columns: Columns) -> Statements:
    traces, observations = columns["traces"], columns["observations"]
    moments = [
        _MOMENTS.format(
            id=table.write_text(trace_id),
            start=table.write_moment(start, 6),
            times=write_moments(table, (*times, *_ARRIVALS)),
            table=name,
            start_column=table.write_ordered_moment(start, 6),
        )
        for name, table, trace_id, start, times in (
            ("traces", traces, "id", "timestamp", ["timestamp"]),
            ("observations", observations, "trace_id", "start_time", ["start_time", "end_time"]),
        )
    ]
    return Statements(
        " UNION ALL ".join(moments),
        (
            write_rows_of(
                traces,
                "traces",
                trace_id="id",
                row_id="id",
                start="timestamp",
                values=[
                    *write_texts(traces, _TEXTS_OF_TRACES),
                    *write_times(traces, ("timestamp", "updated_at")),
                    *write_tags(traces),
                ],
            ),
            write_rows_of(
                observations,
                "observations",
                trace_id="trace_id",
                row_id="id",
                start="start_time",
                values=[
                    *write_texts(observations, _TEXTS_OF_OBSERVATIONS),
                    *write_times(observations, ("start_time", "end_time", "updated_at")),
                    *write_numbers(observations),
                ],
            ),
        ),
    )


def _name_tables(source: LangfuseSource) -> dict[str, str]:
    return {"traces": source.traces_table, "observations": source.observations_table}


def bind_project(source: Any) -> dict[str, Any]:  # noqa: ANN401 - any source of Langfuse
    """Return the bound parameter that names the project."""
    return {"project_id": source.project_id}


def write_project(source: Any, _columns: Columns) -> str:  # noqa: ANN401
    """Return the condition that holds for the rows of the project."""
    return f"project_id = {write_literal(source.project_id)}"


LANGFUSE: Final = TableKind(
    name_tables=_name_tables,
    bind_owner=bind_project,
    write_condition=write_project,
    write_statements=_write_statements,
)

"""Langfuse's newest table, `events_full`: one row for each observation, with what is known of its trace."""

from typing import Final

from trace_clustering.clickhouse.source_tables.contract import Columns, Statements, TableKind
from trace_clustering.clickhouse.source_tables.expressions import write_texts, write_times
from trace_clustering.clickhouse.source_tables.langfuse_versions import (
    bind_project,
    write_metadata,
    write_moments_of,
    write_newest_rows,
    write_numbers,
    write_project,
    write_score_statements,
    write_tags,
)
from trace_clustering.clickhouse.source_tables.trace_source import LangfuseEventsSource

_TEXTS: Final = (
    *("span_id", "parent_span_id", "name", "type", "environment", "release", "trace_name", "user_id"),
    *("session_id", "level", "status_message", "prompt_name", "prompt_version", "provided_model_name"),
    *("version", "input", "output"),
)


def _name_tables(source: LangfuseEventsSource) -> dict[str, str]:
    return {"events": source.events_table, "scores": source.scores_table}


def _write_statements(_source: LangfuseEventsSource, columns: Columns) -> Statements:
    events = columns["events"]
    numbers = write_numbers(events)
    numbers.pop("total_cost", None)  # it only repeats one of the costs
    values = {
        **write_texts(events, _TEXTS),
        **write_times(events, ("start_time", "end_time")),
        **numbers,
        **write_tags(events),
        **write_metadata(events),
    }
    moments = write_moments_of(events, "events", trace_id="trace_id", start="start_time", end="end_time")
    moments_of_scores, scores = write_score_statements(columns)
    return Statements(
        " UNION ALL ".join([*moments_of_scores, moments]),
        (
            *scores,
            write_newest_rows(
                events, "events", values, trace_id="trace_id", row_id="span_id", start="start_time"
            ),
        ),
    )


LANGFUSE_EVENTS: Final = TableKind(
    name_tables=_name_tables,
    bind_owner=bind_project,
    write_condition=write_project,
    write_statements=_write_statements,
    optional=frozenset(("scores",)),
)

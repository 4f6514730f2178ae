"""Langfuse's tables `traces` and `observations`."""

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
from trace_clustering.clickhouse.source_tables.trace_source import LangfuseSource

_OF_BOTH: Final = ("id", "name", "environment", "release", "version", "input", "output")
_OF_TRACES: Final = (*_OF_BOTH, "session_id", "user_id")
_OF_OBSERVATIONS: Final = (
    *(*_OF_BOTH, "parent_observation_id", "type", "level", "status_message"),
    *("provided_model_name", "prompt_name", "prompt_version"),
)


def _name_tables(source: LangfuseSource) -> dict[str, str]:
    return {
        "traces": source.traces_table,
        "observations": source.observations_table,
        "scores": source.scores_table,
    }


def _write_statements(_source: LangfuseSource, columns: Columns) -> Statements:
    traces, observations = columns["traces"], columns["observations"]
    moments_of_scores, scores = write_score_statements(columns)
    moments = [
        *moments_of_scores,
        write_moments_of(traces, "traces", trace_id="id", start="timestamp", end="timestamp"),
        write_moments_of(
            observations, "observations", trace_id="trace_id", start="start_time", end="end_time"
        ),
    ]
    values_of_traces = {
        **write_texts(traces, _OF_TRACES),
        **write_times(traces, ("timestamp", "updated_at")),
        **write_tags(traces),
        **write_metadata(traces),
    }
    values_of_observations = {
        **write_texts(observations, _OF_OBSERVATIONS),
        **write_times(observations, ("start_time", "end_time", "updated_at")),
        **write_numbers(observations),
        **write_metadata(observations),
    }
    rows = (
        *scores,
        write_newest_rows(traces, "traces", values_of_traces, trace_id="id", row_id="id", start="timestamp"),
        write_newest_rows(
            observations,
            "observations",
            values_of_observations,
            trace_id="trace_id",
            row_id="id",
            start="start_time",
        ),
    )
    return Statements(" UNION ALL ".join(moments), rows)


LANGFUSE: Final = TableKind(
    name_tables=_name_tables,
    bind_owner=bind_project,
    write_condition=write_project,
    write_statements=_write_statements,
    optional=frozenset(("scores",)),
)

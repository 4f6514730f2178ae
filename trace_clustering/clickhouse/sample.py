"""Draws the sample of a window without its vectors: which traces count as one, and which of these are taken.

Every step is one SELECT of the one before, with the same columns:

* `trace_id`, and `newest`, the key of its newest usable document;
* `place`, the hash by which traces are drawn;
* `kind`, which is equal for texts that differ only in ids, numbers and dates; 0 if it is unknown;
* `traces`, the number of traces for which this one stands;
* `weight`, how many of these count: all but those of the same session.

Of several traces the one with the smallest hash stands for all. So a step only removes traces from the order
in which they are drawn, and what is in the sample one night is there the next, as far as it can be.
"""

from typing import Final

from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.clickhouse.filter_sql import TraceCondition
from trace_clustering.clickhouse.folding import bind_kinds, write_kind, write_summary_kinds
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.trace_events import bind_trace_events, write_from_trace_events
from trace_clustering.constants import SUMMARY_EVENT_NAME, TRACE_EVENT_NAMES
from trace_clustering.traces.sampling import SampleRules
from trace_clustering.traces.window import Window

# The newest usable row of a trace counts; rows with an equal key are one row that was delivered twice.
_TRACES: Final = """
    SELECT
        trace_id,
        max(row_key) AS newest,
        cityHash64(trace_id, {{random_state:UInt64}}) AS place,
        {kind} AS kind,
        1 AS traces,
        1 AS weight
    FROM selected
    WHERE {condition}
    GROUP BY trace_id
"""

# `{group}` is the same for the traces of which one stands for all, and null where a trace stands for itself.
_ONE_OF_EACH: Final = """
    SELECT
        first.1 AS trace_id, first.2 AS newest, first.3 AS kind, first_place AS place, all_traces AS traces,
        {weight} AS weight
    FROM (
        SELECT
            argMin(tuple(trace_id, newest, {kind}), tuple(place, trace_id)) AS first,
            min(place) AS first_place,
            sum(traces) AS all_traces,
            sum(weight) AS all_weight
        FROM ({before}) AS before
        LEFT JOIN ({found}) AS found ON before.trace_id = found.{key}
        GROUP BY {group} AS common, if(isNull(common), trace_id, '')
    )
"""

_SESSIONS: Final = """
    WITH
        {properties} AS properties_text,
        JSONExtract(properties_text, 'Tuple(`$ai_trace_id` String, `$ai_session_id` String)') AS ids
    SELECT ids.1 AS session_trace_id, argMin(ids.2, tuple({moment}, ids.2)) AS session_id
    {from_trace_events}
        AND position(properties_text, '$ai_session_id') > 0
        AND ids.2 != ''
    GROUP BY session_trace_id
"""

_SAMPLE: Final = """, sample AS (
    SELECT *, row_number() OVER (ORDER BY trace_id) - 1 AS position
    FROM (
        SELECT
            trace_id,
            newest,
            weight,
            sum(traces) OVER () AS traces_matching,
            sum(weight) OVER () AS voices,
            count() OVER () AS kinds
        FROM ({drawn_from})
        ORDER BY place, trace_id
        LIMIT {{max_samples:UInt64}}
    )
)
"""


def write_sample(
    session: TeamSession, window: Window, rules: SampleRules, condition: TraceCondition
) -> TraceCondition:
    """Return the SQL that draws a sample from `selected`, named `sample`, and its parameters.

    It has one row per sampled trace: `trace_id`, `newest`, `weight` and `position`, its number in the order
    of the ids. `traces_matching`, `voices` and `kinds` are the same in all rows: the number of traces that
    satisfy the condition, how many are left with one of each session, and how many of these are of different
    kinds. `max_samples` and `random_state` are bound by the caller.
    """
    parameters = dict(condition.parameters)
    kind = f"argMax({write_kind('document_text')}, row_key)" if rules.fold_duplicates else "0"
    drawn_from = _TRACES.format(kind=kind, condition=condition.sql)
    if rules.one_per_session:
        parameters |= bind_trace_events(window, session_events=TRACE_EVENT_NAMES)
        drawn_from = _ONE_OF_EACH.format(
            before=drawn_from,
            found=_write_sessions(session.events),
            key="session_trace_id",
            kind="kind",
            group="nullIf(session_id, '')",
            weight="1",
        )
    if rules.fold_duplicates:
        parameters |= {**bind_kinds(), "summary_event": SUMMARY_EVENT_NAME}
        drawn_from = _ONE_OF_EACH.format(
            before=drawn_from,
            found=write_summary_kinds(session.events),
            key="summarized_trace_id",
            kind="kind",
            group="nullIf(if(kind = 0, summary_kind, kind), 0)",
            weight="all_weight",
        )
    return TraceCondition(_SAMPLE.format(drawn_from=drawn_from), parameters)


def _write_sessions(columns: TableColumns) -> str:
    return _SESSIONS.format(
        properties=columns.write_text("properties"),
        moment=columns.write_moment("timestamp", 6),
        from_trace_events=write_from_trace_events(columns, "session_events"),
    )

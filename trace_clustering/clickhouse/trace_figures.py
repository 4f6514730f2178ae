"""SQL for what is known of each trace that a run assigned: cost, latency, tokens, errors, users, scores."""

from collections.abc import Sequence
from typing import Any, Final

from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.constants import TRACE_FILTER_MARGIN
from trace_clustering.traces.window import Window

# The events in which it is said. Those of a trace precede its embedding.
_EVENT_NAMES: Final = (
    "$ai_trace",
    "$ai_generation",
    "$ai_embedding",
    "$ai_span",
    "$ai_metric",
    "$ai_feedback",
    "$ai_evaluation",
)

_TEXTS: Final = (
    *("$ai_trace_id", "$ai_trace_digest", "$ai_session_id", "$ai_user_id", "$ai_is_error", "$lib"),
    *("$ai_metric_name", "$ai_metric_value", "$ai_evaluation_name", "$ai_evaluation_result"),
    "$ai_prompt_name",
)
_NUMBERS: Final = (
    *("$ai_total_cost_usd", "$ai_latency", "$ai_input_tokens", "$ai_output_tokens"),
    *("$ai_http_status", "$ai_evaluation_numeric_result"),
)
_PROPERTIES: Final = {
    **dict.fromkeys(_TEXTS, "String"),
    **dict.fromkeys(_NUMBERS, "Nullable(Float64)"),
    "$ai_given_properties": "Map(String, String)",
}

# `assigned` are the traces of a run, `written` their events, the newest version of each, `told` what an event
# says, and `figures` what is known of a trace.
#
# What an `$ai_trace` event says of its trace as a whole counts, and else the sum over its calls, so that
# nothing is counted twice. PostHog's programs tell an error only where there is one, and say by `$lib` that
# they wrote an event: of such a call, silence means that it succeeded. A user who has no other name than the
# trace itself is not known.
#
# An event is megabytes where it holds a conversation. So all that is needed is taken from its JSON at once,
# in the condition; whatever read the JSON later would make the engine sort the conversations.
_FIGURES: Final = """
WITH assigned AS (
    SELECT trace_id, any(cluster_id) AS cluster_id, any(topic_id) AS topic_id
    FROM {assignments:Identifier}
    WHERE team_id = {team_id:Int64} AND run_id = {run_id:String} AND version = {version:Int64}
    GROUP BY trace_id
), written AS (
    SELECT
        /* event */ AS kind, /* identity */ AS identity, /* sender */ AS sender,
        JSONExtract(/* properties */, {extracted:String}) AS said,
        tupleElement(said, '$ai_trace_id') AS trace_id,
        /* values */ AS property_values
    FROM {events:Identifier}
    WHERE team_id = {team_id:Int64}
        AND /* comparable event */ IN {figure_events:Array(String)}
        AND /* timestamp */ >= {figures_start:DateTime64(6, 'UTC')}
        AND /* timestamp */ < {figures_end:DateTime64(6, 'UTC')}
        AND trace_id GLOBAL IN (SELECT trace_id FROM assigned)
    ORDER BY /* created */ DESC
    LIMIT 1 BY identity
), told AS (
    SELECT
        trace_id,
        has(property_values, {value_before:String}) AS is_before,
        has(property_values, {value_after:String}) AS is_after,
        kind = '$ai_generation' AS is_generation,
        kind IN ('$ai_generation', '$ai_embedding') AS is_call,
        kind = '$ai_trace' AS is_trace,
        is_trace OR is_call OR kind = '$ai_span' AS is_work,
        is_trace AND tupleElement(said, '$ai_trace_digest') != '' AS is_whole,
        kind = '$ai_feedback' AS is_feedback,
        /* cost */ AS cost,
        /* latency */ AS latency,
        /* input */ AS input_tokens,
        /* output */ AS output_tokens,
        lower(tupleElement(said, '$ai_is_error')) AS flag,
        tupleElement(said, '$ai_http_status') AS status,
        multiIf(
            flag IN ('true', '1'), 1,
            flag IN ('false', '0'), 0,
            status >= 400, 1,
            status >= 100, 0,
            is_call AND tupleElement(said, '$lib') != '', 0,
            NULL
        ) AS failed,
        tupleElement(said, '$ai_user_id') AS named_user,
        multiIf(named_user != '', named_user, sender != trace_id, sender, '') AS user,
        tupleElement(said, '$ai_session_id') AS session,
        /* scores */ AS scores,
        /* verdicts */ AS verdicts
    FROM written
), figures AS (
    SELECT
        trace_id,
        coalesce(maxIf(cost, is_trace), sumIf(cost, is_call)) AS trace_cost,
        coalesce(maxIf(latency, is_trace), sumIf(latency, is_generation)) AS trace_latency,
        coalesce(maxIf(input_tokens, is_trace), sumIf(input_tokens, is_call)) AS trace_input,
        coalesce(maxIf(output_tokens, is_trace), sumIf(output_tokens, is_call)) AS trace_output,
        coalesce(trace_input + trace_output, trace_input, trace_output) AS trace_tokens,
        coalesce(maxIf(failed, is_whole), maxIf(failed, is_work)) AS trace_failed,
        maxIf(if(user = '', NULL, sipHash64(user)), is_work) AS trace_user,
        max(if(session = '', NULL, sipHash64(session))) AS trace_session,
        max(is_feedback) AS has_feedback,
        avgMap(scores) AS trace_scores,
        avgMap(verdicts) AS trace_verdicts,
        max(is_before) AS was_before,
        max(is_after) AS was_after
    FROM told
    GROUP BY trace_id
)
"""

# A property that is a list holds each of its values; any other holds itself, as text. A version means
# something only for its prompt, which may be named before it: `greeting@3`.
_VALUES: Final = """
arrayFlatten(arrayMap(
    text -> if(startsWith(text, '[') AND JSONLength(text) > 0, JSONExtract(text, 'Array(String)'), [text]),
    arrayFilter(text -> text != '', {texts})
))
"""
_VERSIONS: Final = """
arrayConcat({values}, arrayMap(value -> concat(tupleElement(said, '$ai_prompt_name'), '@', value), {values}))
"""

# Words that stand for a good or a bad mark count as 1 and 0.
_MARK: Final = """
multiIf(
    lower({text}) IN ('true', 'good', 'positive'), 1.,
    lower({text}) IN ('false', 'bad', 'negative'), 0.,
    toFloat64OrNull({text})
)
"""


def write_trace_figures(columns: TableColumns, keys: Sequence[str] = ()) -> str:
    """Return the SQL that names the figures of the assigned traces `figures`, and the traces `assigned`.

    Parameters
    ----------
    columns : TableColumns
        Those of `events`.
    keys : sequence of str
        Properties of events; `property_values` in `written` are the texts that an event says of them. In
        `figures`, `was_before` and `was_after` tell whether any event of the trace says `value_before` or
        `value_after`.
    """
    sql = _FIGURES
    for mark, written in {
        "comparable event": columns.write_comparable("event"),
        "event": columns.write_text("event"),
        "identity": columns.write_identity("uuid"),
        "sender": columns.write_text("distinct_id") if columns.has("distinct_id") else "''",
        "properties": columns.write_text("properties"),
        "timestamp": columns.write_ordered_moment("timestamp", 6),
        "created": columns.write_moment("created_at", 6),
        "values": _write_values(keys),
        "cost": _write_amount("$ai_total_cost_usd"),
        "latency": _write_amount("$ai_latency"),
        "input": _write_amount("$ai_input_tokens"),
        "output": _write_amount("$ai_output_tokens"),
        "scores": _write_scores(),
        "verdicts": _write_verdicts(),
    }.items():
        sql = sql.replace(f"/* {mark} */", written)
    return sql


def bind_trace_figures(
    run_id: str,
    version: int,
    window: Window,
    keys: Sequence[str] = (),
    values: tuple[str, str] = ("", ""),
) -> dict[str, Any]:
    """Return the bound parameters of that SQL for one version of a run, and for two values of properties."""
    properties = {**dict.fromkeys(keys, "String"), **_PROPERTIES}
    listed = ", ".join(f"{_quote_name(name)} {kind}" for name, kind in properties.items())
    return {
        "run_id": run_id,
        "version": version,
        "figure_events": list(_EVENT_NAMES),
        "figures_start": window.start - TRACE_FILTER_MARGIN,
        "figures_end": window.end,
        "extracted": f"Tuple({listed})",
        **{f"key_{number}": key for number, key in enumerate(keys)},
        "value_before": values[0],
        "value_after": values[1],
    }


def _write_values(keys: Sequence[str]) -> str:
    """Return the texts that an event says of some properties."""
    if not keys:
        return "CAST([], 'Array(String)')"
    texts = (f"ifNull(toString(tupleElement(said, {{key_{n}:String}})), '')" for n in range(len(keys)))
    values = _VALUES.format(texts=f"[{', '.join(texts)}]")
    return _VERSIONS.format(values=values) if "$ai_prompt_version" in keys else values


def _quote_name(name: str) -> str:
    """Return a name as it stands in a type."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _write_amount(name: str) -> str:
    """Return a number of an event; NULL if it is unknown, or one that nobody can mean."""
    number = _read(name)
    return f"if(isFinite({number}) AND {number} >= 0, {number}, NULL)"


def _write_scores() -> str:
    """Return the scores of an event by name: PostHog's metrics and evaluations, those of a stored trace."""
    named = f"mapFilter((name, text) -> startsWith(name, 'score.'), {_read('$ai_given_properties')})"
    as_pair = f"(name, text) -> (substring(name, {len('score.') + 1}), {_MARK.format(text='text')})"
    given = f"arrayMap({as_pair}, mapKeys({named}), mapValues({named}))"
    metric = f"({_read('$ai_metric_name')}, {_MARK.format(text=_read('$ai_metric_value'))})"
    evaluation = f"({_read('$ai_evaluation_name')}, {_read('$ai_evaluation_numeric_result')})"
    return _write_map(f"arrayConcat({given}, [{metric}], [{evaluation}])")


def _write_verdicts() -> str:
    """Return whether the trace passed, by the name of the evaluation: 1 or 0."""
    result = f"lower({_read('$ai_evaluation_result')})"
    passed = f"multiIf({result} IN ('true', '1'), 1., {result} IN ('false', '0'), 0., NULL)"
    return _write_map(f"[({_read('$ai_evaluation_name')}, {passed})]")


def _read(name: str) -> str:
    return f"tupleElement(said, '{name}')"


def _write_map(pairs: str) -> str:
    """Return pairs of names and numbers as a map, without those that lack a name or a number."""
    known = f"arrayFilter(pair -> pair.1 != '' AND ifNull(isFinite(pair.2), 0), {pairs})"
    cut = f"arrayMap(pair -> (substringUTF8(pair.1, 1, 100), assumeNotNull(pair.2)), {known})"
    return f"CAST({cut}, 'Map(String, Float64)')"

"""Measures what the traces of each cluster cost and how they fare, over all traces that a run assigned."""

import math
from collections.abc import Mapping
from typing import Any, Final

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.trace_figures import bind_trace_figures, write_trace_figures
from trace_clustering.text import clean_line
from trace_clustering.traces.window import Window

# Anybody can name scores, and an event has room for a few.
MAX_SCORES: Final = 20
# The sum of decimal numbers depends on their order in its last digits.
_SIGNIFICANT_DIGITS: Final = 9

_AMOUNTS: Final = ("cost", "latency", "tokens")
# All metrics but `item_count`, which is known without any event.
METRIC_NAMES: Final = (
    *("avg_cost", "avg_latency", "avg_tokens", "total_cost", "error_rate", "error_count"),
    *(f"{kind}_{name}" for name in _AMOUNTS for kind in ("median", "p90")),
    *("cost_count", "latency_count", "tokens_count", "error_rate_count"),
    *("users", "users_count", "sessions", "sessions_count", "feedback_count", "scores", "evaluations"),
)
# Metrics of a cluster of whose traces no event tells.
NO_EVENTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(METRIC_NAMES),
    **{name: 0 for name in METRIC_NAMES if name.endswith("_count") and name != "error_count"},
    "scores": {},
    "evaluations": {},
}

_METRICS: Final = """
SELECT
    cluster_id,
    /* amounts */
    countIf(trace_failed = 1) AS error_count,
    count(trace_failed) AS error_rate_count,
    uniqExact(trace_user) AS users,
    count(trace_user) AS users_count,
    uniqExact(trace_session) AS sessions,
    count(trace_session) AS sessions_count,
    countIf(has_feedback) AS feedback_count,
    avgMap(trace_scores) AS score_means,
    sumMap(mapApply((name, mean) -> (name, toUInt64(1)), trace_scores)) AS score_counts,
    avgMap(trace_verdicts) AS pass_rates,
    sumMap(mapApply((name, mean) -> (name, toUInt64(1)), trace_verdicts)) AS verdict_counts
FROM figures
INNER JOIN assigned USING (trace_id)
GROUP BY cluster_id
"""
_AMOUNT: Final = """
    avg(trace_{name}) AS avg_{name},
    sum(trace_{name}) AS total_{name},
    quantilesExactInclusive(0.5, 0.9)(trace_{name}) AS quantiles_{name},
    count(trace_{name}) AS {name}_count,
"""


def measure_clusters(
    session: TeamSession, run_id: str, version: int, window: Window
) -> dict[int, dict[str, Any]]:
    """Return the metrics of each cluster of a run, outliers too, over all its traces of which events tell.

    A figure that no event tells is None; its count, the number of traces on which it rests, is 0.

    Parameters
    ----------
    session : TeamSession
    run_id, version
        Which rows of the table of assignments count.
    window : Window
        That of the run. Events from `TRACE_FILTER_MARGIN` before it to its end are read.

    Returns
    -------
    dict
        By cluster id, `METRIC_NAMES` with their values. A cluster of whose traces no event tells is missing.
    """
    columns = session.events
    amounts = "".join(_AMOUNT.format(name=name) for name in _AMOUNTS).strip()
    statement = write_trace_figures(columns) + _METRICS.replace("/* amounts */", amounts)
    rows = session.query(statement, in_utc=columns.has_json(), **bind_trace_figures(run_id, version, window))
    return {row["cluster_id"]: _describe(row) for row in rows}


def _describe(row: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: row[name] if name.endswith("_count") else None for name in METRIC_NAMES}
    for name in _AMOUNTS:
        if row[f"{name}_count"]:
            median, p90 = row[f"quantiles_{name}"]
            amounts = {f"avg_{name}": row[f"avg_{name}"], f"median_{name}": median, f"p90_{name}": p90}
            found |= {key: _round(value) for key, value in amounts.items()}
    if row["cost_count"]:
        found["total_cost"] = _round(row["total_cost"])
    if not row["error_rate_count"]:
        found["error_count"] = None
    else:
        found["error_rate"] = _round(row["error_count"] / row["error_rate_count"])
    for name in ("users", "sessions"):
        found[name] = row[name] if row[f"{name}_count"] else None
    found["scores"] = _list_marks(row["score_means"], row["score_counts"], "mean")
    found["evaluations"] = _list_marks(row["pass_rates"], row["verdict_counts"], "pass_rate")
    return found


def _list_marks(means: Mapping[str, float], counts: Mapping[str, int], key: str) -> dict[str, Any]:
    """Return the marks that most traces have, by name."""
    often = sorted(means, key=lambda name: (-counts[name], name))[:MAX_SCORES]
    return {clean_line(name): {key: _round(means[name]), "count": counts[name]} for name in often}


def _round(value: float) -> float | None:
    """Return a number without the digits that depend on the order of the rows."""
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None

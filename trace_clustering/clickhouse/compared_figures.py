"""Reads what the traces of each topic cost and how they fare, for one side of a comparison or for both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import numpy as np

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.stored_runs import StoredRun
from trace_clustering.clickhouse.trace_figures import bind_trace_figures, write_trace_figures
from trace_clustering.topics.common_topics import TopicPlace
from trace_clustering.topics.comparison import Moments, pool_moments

Figure = Literal["cost", "error_rate", "latency", "tokens"]
FIGURES: Final[tuple[Figure, ...]] = get_args(Figure)
MAX_VALUES_LISTED: Final = 10

_ONE_SIDE: Final = "'all'"
_BY_PROPERTY: Final = (
    "multiIf(was_before AND was_after, 'both', was_before, 'before', was_after, 'after', 'neither')"
)

_MOMENTS: Final = """
SELECT topic_id, side, count() AS traces /* figures */
FROM (
    SELECT
        topic_id, /* side */ AS side, trace_cost AS cost, trace_latency AS latency, trace_tokens AS tokens,
        toFloat64(trace_failed) AS error_rate
    FROM assigned
    LEFT JOIN figures USING (trace_id)
)
GROUP BY topic_id, side
"""
_FIGURE: Final = (
    ", count({name}) AS {name}_count, avg({name}) AS {name}_mean, varSampStable({name}) AS {name}_variance"
)

# Of several clusters with one topic, the largest stands for it.
_PLACES: Final = """
SELECT topic_id, centroid, radius, size
FROM {centroids:Identifier}
WHERE team_id = {team_id:Int64} AND run_id = {run_id:String} AND version = {version:Int64}
    AND cluster_id >= 0
ORDER BY size DESC, cluster_id
LIMIT 1 BY topic_id
"""

_FREQUENT_VALUES: Final = """
SELECT arrayJoin(property_values) AS value, uniqExact(trace_id) AS traces
FROM written
GROUP BY value
ORDER BY traces DESC, value
LIMIT {max_values:UInt64}
"""


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes
    ----------
    traces : int
        Number of its traces, whatever is known of them.
    moments : dict
        By figure and topic id; the topic of traces in no cluster is empty text.
    """

    traces: int = 0
    moments: Mapping[Figure, Mapping[str, Moments]] = field(default_factory=dict)

    def rename_topics(self, names: Mapping[str, str]) -> "Side":
        """Return the side with topics of other ids; those with one id then are one topic."""
        return Side(
            self.traces,
            {figure: _pool_by_name(moments, names) for figure, moments in self.moments.items()},
        )


def _pool_by_name(moments: Mapping[str, Moments], names: Mapping[str, str]) -> dict[str, Moments]:
    parts: dict[str, list[Moments]] = {}
    for topic in sorted(moments):
        parts.setdefault(names.get(topic, topic), []).append(moments[topic])
    return {name: pool_moments(found) for name, found in parts.items()}


@dataclass(frozen=True)
class SplitProperty:
    """A property of events whose value tells the sides of a comparison apart.

    Attributes
    ----------
    keys : sequence of str
        The names under which it may stand.
    before, after : str
        Its value on each side, as text.
    """

    keys: Sequence[str]
    before: str
    after: str


def fetch_run_figures(session: TeamSession, run: StoredRun) -> Side:
    """Return all traces of a run as one side of a comparison."""
    return _read_sides(_query(session, run, _ONE_SIDE, None)).get("all", Side())


def fetch_split_figures(session: TeamSession, run: StoredRun, split: SplitProperty) -> dict[str, Side]:
    """Return the traces of a run by the value of a property that any of their events has.

    Returns
    -------
    dict
        The sides `before` and `after`; and `both`, with traces that belong to the two of them, and
        `neither`. A side without traces is missing.
    """
    return _read_sides(_query(session, run, _BY_PROPERTY, split))


def fetch_frequent_values(session: TeamSession, run: StoredRun, split: SplitProperty) -> dict[str, int]:
    """Return the most frequent values of a property among the traces of a run, with the number of traces."""
    statement = write_trace_figures(session.events, split.keys) + _FREQUENT_VALUES
    rows = session.query(
        statement,
        in_utc=session.events.has_json(),
        max_values=MAX_VALUES_LISTED,
        **bind_trace_figures(run.run_id, run.version, run.window, split.keys),
    )
    return {row["value"]: row["traces"] for row in rows}


def fetch_topic_places(session: TeamSession, run: StoredRun) -> dict[str, TopicPlace]:
    """Return where the topics of a run lie; none if its clusters are not stored any more."""
    rows = session.query(_PLACES, run_id=run.run_id, version=run.version)
    return {
        row["topic_id"]: TopicPlace(np.array(row["centroid"], np.float32), row["radius"], row["size"])
        for row in rows
    }


def _query(
    session: TeamSession, run: StoredRun, side: str, split: SplitProperty | None
) -> list[dict[str, Any]]:
    columns = session.events
    figures = "".join(_FIGURE.format(name=name) for name in FIGURES)
    moments = _MOMENTS.replace("/* figures */", figures).replace("/* side */", side)
    keys = split.keys if split else ()
    values = (split.before, split.after) if split else ("", "")
    return session.query(
        write_trace_figures(columns, keys) + moments,
        in_utc=columns.has_json(),
        **bind_trace_figures(run.run_id, run.version, run.window, keys, values),
    )


def _read_sides(rows: list[dict[str, Any]]) -> dict[str, Side]:
    traces: dict[str, int] = {}
    moments: dict[str, dict[Figure, dict[str, Moments]]] = {}
    for row in rows:
        side = row["side"]
        traces[side] = traces.get(side, 0) + row["traces"]
        of_side = moments.setdefault(side, {figure: {} for figure in FIGURES})
        for figure in FIGURES:
            count = row[f"{figure}_count"]
            if count:
                variance = row[f"{figure}_variance"] if count > 1 else 0.0
                of_side[figure][row["topic_id"]] = Moments(count, row[f"{figure}_mean"], variance)
    return {side: Side(traces[side], moments[side]) for side in traces}

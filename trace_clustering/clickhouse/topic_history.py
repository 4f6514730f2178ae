"""Reads a team's earlier clusterings, as far as topics are continued from them.

A run counts only if its event is in the table of events. The event names the version of the run's clusters,
and holds their labels; centroids and members are in the table of centroids.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import DEFAULT_KEEP_TOPICS_DAYS, EVENT_NAME, NOISE_CLUSTER_ID
from trace_clustering.posthog.cluster_event import identify_event
from trace_clustering.topics.history import EarlierCluster, EarlierParent, EarlierRun
from trace_clustering.traces.window import Window

MAX_EARLIER_RUNS: Final = 8
TOPIC_MEMORY: Final = timedelta(days=DEFAULT_KEEP_TOPICS_DAYS)

_RUNS = """
SELECT run_id, window_start, window_end, version, groupUniqArray((cluster_id, topic_id)) AS topics,
    {dimensions:UInt64} = 0
        OR countIf(length(centroid) NOT IN (0, {dimensions:UInt64}) OR model_name != {model:String}) = 0
        AS is_comparable
FROM {centroids:Identifier}
WHERE team_id = {team_id:Int64} AND run_label = {run_label:String}
    AND window_end < {before:DateTime64(3, 'UTC')} AND window_end >= {since:DateTime64(3, 'UTC')}
GROUP BY run_id, window_start, window_end, version
"""

_LATER_RUNS = """
SELECT run_id, version, window_end
FROM {centroids:Identifier}
WHERE team_id = {team_id:Int64} AND run_label = {run_label:String}
    AND window_end > {after:DateTime64(3, 'UTC')}
GROUP BY run_id, version, window_end
ORDER BY window_end, run_id
"""

# Of an event that was written several times, the newest version counts, as for its other readers.
_EVENTS = """
SELECT
    JSONExtractString(properties_text, '$ai_clustering_run_id') AS run_id,
    JSONExtractInt(properties_text, '$ai_clustering_assignments', 'version') AS version,
    JSONExtract(properties_text, '$ai_clusters', concat('Array(Tuple(cluster_id Int64, title String, ',
        'description String, labeler String, label_from_run String, label_terms Array(String)))')) AS labels,
    JSONExtract(properties_text, '$ai_clustering_parents', concat('Array(Tuple(id String, level Int64, ',
        'title String, description String, labeler String, clusters Array(Int64)))')) AS parents
FROM (
    SELECT {properties} AS properties_text
    FROM {{events:Identifier}}
    WHERE team_id = {{team_id:Int64}} AND {event} = {{event:String}}
        AND {timestamp} >= {{since:DateTime64(6, 'UTC')}} AND {timestamp} < {{before:DateTime64(6, 'UTC')}}
        AND {identity} IN {{uuids:Array(UUID)}}
    ORDER BY {created_at} DESC, hex(SHA256({digested})) DESC
    LIMIT 1 BY {identity}
)
"""

_CLUSTERS = """
SELECT cluster_id, topic_id, centroid, radius, members
FROM {centroids:Identifier}
WHERE team_id = {team_id:Int64} AND run_label = {run_label:String}
    AND window_end = {window_end:DateTime64(3, 'UTC')}
    AND run_id = {run_id:String} AND version = {version:Int64}
ORDER BY cluster_id
LIMIT 1 BY cluster_id
"""


@dataclass(frozen=True)
class StoredRun:
    """A run whose event was written.

    `is_comparable` says whether its vectors are of the model and length of now; `topics` are the topics of
    its clusters by cluster.
    """

    run_id: str
    window: Window
    version: int
    is_comparable: bool
    topics: dict[int, str]
    labels: dict[int, dict[str, Any]]
    parents: list[EarlierParent]


def fetch_earlier_runs(
    session: TeamSession,
    window: Window,
    run_label: str,
    *,
    dimensions: int,
    model: str = "",
    limit: int = MAX_EARLIER_RUNS,
    since: datetime | None = None,
) -> list[EarlierRun]:
    """Return the runs before a window with the same `run_label` whose event was written, newest first.

    The newest `limit` runs are whole. Those before them follow with the clusters whose topic no newer run
    has: the last that is known of these topics.

    Parameters
    ----------
    session : TeamSession
    window : Window
        Only runs whose window ended before the end of this one count.
    run_label : str
    dimensions : int
        Length of the vectors. The centroids of runs on vectors of another length, or of another model, are
        all zeros, so that only shared traces continue their topics. 0 stands for any length and any model.
    model : str
        The model of the vectors as their table names it; empty if it does not.
    limit : int
    since : datetime
        Runs whose window ended before that do not count; by default `TOPIC_MEMORY` before the window's end.
    """
    since = since or window.end - TOPIC_MEMORY
    found = find_stored_runs(session, window, run_label, since, dimensions, model)
    known: set[str] = set()
    runs = []
    for number, run in enumerate(found):
        wanted = {c for c, topic in run.topics.items() if number < limit or topic not in known}
        known |= set(run.topics.values())
        if number < limit or wanted:
            runs.append(_fetch_run(session, run, run_label, wanted, dimensions))
    return runs


def list_later_runs(session: TeamSession, window: Window, run_label: str) -> list[str]:
    """Return the ids of the runs after a window with this `run_label`, oldest first.

    As with earlier runs, only those count whose event was written.
    """
    rows = session.query(_LATER_RUNS, run_label=run_label, after=window.end)
    if not rows:
        return []
    # The time of an event is the end of its window.
    last = rows[-1]["window_end"] + timedelta(seconds=1)
    events = _fetch_events(session, {row["run_id"] for row in rows}, window.end, last)
    emitted = [
        row["run_id"]
        for row in rows
        if row["run_id"] in events and events[row["run_id"]]["version"] == row["version"]
    ]
    return list(dict.fromkeys(emitted))


def find_stored_runs(
    session: TeamSession, window: Window, run_label: str, since: datetime, dimensions: int, model: str
) -> list[StoredRun]:
    """Return the runs whose event names a version that is stored, newest first."""
    rows = session.query(
        _RUNS, run_label=run_label, before=window.end, since=since, dimensions=dimensions, model=model
    )
    events = _fetch_events(session, {row["run_id"] for row in rows}, since, window.end)
    found = []
    for row in rows:
        event = events.get(row["run_id"])
        if event is None or event["version"] != row["version"]:
            continue
        topics = {cluster: topic for cluster, topic in row["topics"] if cluster != NOISE_CLUSTER_ID}
        found.append(
            StoredRun(
                row["run_id"],
                Window(row["window_start"], row["window_end"]),
                row["version"],
                bool(row["is_comparable"]),
                topics,
                _tabulate_labels(event["labels"]),
                _list_parents(event["parents"], topics),
            )
        )
    return sorted(found, key=lambda run: (run.window.end, run.run_id), reverse=True)


def _fetch_events(
    session: TeamSession, run_ids: Iterable[str], since: datetime, before: datetime
) -> dict[str, dict[str, Any]]:
    """Return, by run, what its event says: a version, and the labels of clusters and of their groups."""
    columns = session.events
    statement = _EVENTS.format(
        properties=columns.write_text("properties"),
        digested=columns.write_bytes("properties"),
        event=columns.write_comparable("event"),
        timestamp=columns.write_ordered_moment("timestamp", 6),
        identity=columns.write_identity("uuid"),
        created_at=columns.write_moment("created_at", 6),
    )
    uuids = sorted(str(identify_event(session.team_id, run_id)) for run_id in run_ids)
    return {
        row["run_id"]: row
        for batch in split_for_parameters(uuids, str)
        for row in session.query(statement, event=EVENT_NAME, since=since, before=before, uuids=batch)
    }


def _tabulate_labels(labels: Iterable[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return the label of each cluster, in the fields of `EarlierCluster`."""
    return {
        label["cluster_id"]: {name: value for name, value in label.items() if name != "cluster_id"}
        for label in labels
    }


def _list_parents(parents: Iterable[Any], topics: Mapping[int, str]) -> list[EarlierParent]:
    """Return the groups of a run that an event lists, with the topics of their clusters."""
    return [
        EarlierParent(
            parent["id"],
            parent["level"],
            tuple(topics[cluster] for cluster in parent["clusters"] if cluster in topics),
            parent["title"],
            parent["description"],
            parent["labeler"],
        )
        for parent in parents
    ]


def _fetch_run(
    session: TeamSession, run: StoredRun, run_label: str, wanted: Collection[int], dimensions: int
) -> EarlierRun:
    nowhere = np.zeros(dimensions, dtype=np.float32)
    rows = session.query(
        _CLUSTERS, run_label=run_label, window_end=run.window.end, run_id=run.run_id, version=run.version
    )
    return EarlierRun(
        run.run_id,
        run.window,
        np.array(sorted(trace_id for row in rows for trace_id in row["members"]), dtype=object),
        [
            EarlierCluster(
                row["topic_id"],
                row["cluster_id"],
                np.array(sorted(row["members"]), dtype=object),
                np.array(row["centroid"], dtype=np.float32) if run.is_comparable else nowhere,
                row["radius"] if run.is_comparable else 1.0,
                **run.labels.get(row["cluster_id"], {}),
            )
            for row in rows
            if row["cluster_id"] in wanted
        ],
        run.parents,
    )

"""Assigns every trace of a window to the cluster whose centroid is nearest; ClickHouse itself does it.

No vector leaves the node that holds it: what a query carries to the vectors are the centroids, and what comes
back are a cluster and a similarity per trace.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.topics import ClusterIdentities
from trace_clustering.clickhouse.documents import DocumentSelection, write_selected_documents
from trace_clustering.clickhouse.run_clusters import READ_BACK_PAUSES, identify_version, store_clusters
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.window_traces import (
    WindowSelection,
    WindowTraces,
    count_window_traces,
    select_window,
)
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.errors import ClickHouseQueryError
from trace_clustering.posthog.filters import PropertyFilter
from trace_clustering.traces.sampling import SampleRules

_MAX_ATTEMPTS: Final = 5

_COLUMNS: Final = (
    *("team_id", "run_id", "version", "cluster_id", "topic_id", "trace_id"),
    *("timestamp", "similarity", "in_sample", "inserted_at"),
)

# These columns are computed beside the vectors. Each product has a constant array on one side, which is the
# fastest form by far; a function over an array of arrays is ten times slower. Vectors are cast to what the
# clustering saw, which also is faster than products of Float64. `position` counts from 1; it is 0 if a vector
# holds NaN, and without clusters.
_SCORES: Final = """,
        (
            SELECT groupArray(centroid) FROM (
                SELECT centroid FROM {{centroids:Identifier}}
                WHERE team_id = {{team_id:Int64}} AND run_label = {{run_label:String}}
                    AND window_end = {{window_end:DateTime64(3, 'UTC')}} AND run_id = {{run_id:String}}
                    AND version = {{version:Int64}} AND cluster_id >= 0
                ORDER BY cluster_id LIMIT 1 BY cluster_id
            )
        ) AS centroids_of_run,
        CAST({vector}, 'Array(Float32)') AS vector,
        CAST([{products}], 'Array(Float32)') AS products,
        indexOf(products, arrayMax(products)) AS position,
        arrayMax(products) / L2Norm(vector) AS similarity"""

# The newest usable row of a trace counts. A sampled trace has the cluster that the clustering gave it; any
# other has that of the nearest centroid, if it is near enough.
_ASSIGNED: Final = """
SELECT
    {{team_id:Int64}} AS team_id,
    {{run_id:String}} AS run_id,
    {{version:Int64}} AS version,
    multiIf(
        in_sample, sample.cluster_id,
        found.newest.2 > 0 AND found.newest.3 >= {{radii:Array(Float32)}}[found.newest.2],
        toInt32(found.newest.2) - 1,
        -1
    ) AS cluster_id,
    if(cluster_id < 0, '', {{topic_ids:Array(String)}}[cluster_id + 1]) AS topic_id,
    found.trace_id AS trace_id,
    found.newest.1 AS timestamp,
    found.newest.3 AS similarity,
    ifNull(sample.is_sampled, 0) AS in_sample,
    {{inserted_at:DateTime64(3, 'UTC')}} AS inserted_at
FROM (
    SELECT trace_id, argMax((moment, position, similarity), row_key) AS newest
    FROM selected
    WHERE {condition}
    GROUP BY trace_id
) AS found
LEFT JOIN (
    SELECT members AS trace_id, any(cluster_id) AS cluster_id, 1 AS is_sampled
    FROM {{centroids:Identifier}}
    ARRAY JOIN members
    WHERE team_id = {{team_id:Int64}} AND run_label = {{run_label:String}}
        AND window_end = {{window_end:DateTime64(3, 'UTC')}} AND run_id = {{run_id:String}}
        AND version = {{version:Int64}}
    GROUP BY trace_id
) AS sample ON found.trace_id = sample.trace_id
"""

# Rows that were sent twice are one.
_COUNTS: Final = """
SELECT cluster_id, toDate(timestamp) AS day, uniqExact(trace_id) AS traces
FROM {assignments:Identifier}
WHERE team_id = {team_id:Int64} AND run_id = {run_id:String} AND version = {version:Int64}
GROUP BY cluster_id, day
ORDER BY cluster_id, day
"""

_STORED: Final = """
SELECT count() AS stored, uniqExact(trace_id) AS traces, min(inserted_at) AS written
FROM {assignments:Identifier}
WHERE team_id = {team_id:Int64} AND run_id = {run_id:String} AND version = {version:Int64}
"""

_IS_VERSION: Final = "run_id = {run_id:String} AND version = {version:Int64}"


@dataclass(frozen=True)
class AssignedWindow:
    """The numbers of traces by cluster and day.

    Attributes
    ----------
    cluster_ids, days, traces : list
        Row by row; -1 for traces that are near no cluster; naive days in UTC.
    version : int
        Version of the rows in ClickHouse.
    window : WindowTraces
        How many traces there are in the window.
    is_new : bool
        Whether rows were written; otherwise, they were there.
    seconds : float
        How long ClickHouse took to assign and write them.
    """

    cluster_ids: list[int]
    days: list[datetime]
    traces: list[int]
    version: int
    window: WindowTraces
    is_new: bool
    seconds: float

    @property
    def assigned(self) -> int:
        """Number of traces that belong to a cluster."""
        return sum(
            n for cluster, n in zip(self.cluster_ids, self.traces, strict=True) if cluster != NOISE_CLUSTER_ID
        )


def assign_window(
    session: TeamSession,
    assignments: ClusterAssignments,
    identities: ClusterIdentities,
    documents: DocumentSelection,
    filters: Sequence[PropertyFilter] = (),
    rules: SampleRules | None = None,
) -> AssignedWindow:
    """Assign the traces of the window, and count them.

    What is there already, complete and newer than the documents of the window, is not written again.

    Parameters
    ----------
    session : TeamSession
    assignments : ClusterAssignments
    identities : ClusterIdentities
    documents, filters, rules
        As they were when the sample was drawn.

    Raises
    ------
    ClickHouseQueryError
        If rows were lost on the way.
    """
    n_clusters = len(assignments.embedding_centroids)
    selection = select_window(
        session,
        assignments.provenance.window,
        documents,
        filters,
        rules or SampleRules(),
        dimensions=assignments.embedding_centroids.shape[1] if n_clusters else 0,
        model=assignments.embedding_model,
    )
    window = count_window_traces(session, selection)
    started = time.perf_counter()
    version, is_new = _store_assignments(session, assignments, identities, selection, window)
    seconds = time.perf_counter() - started
    counts = session.query(_COUNTS, run_id=assignments.provenance.run_id, version=version)
    return AssignedWindow(
        [row["cluster_id"] for row in counts],
        [datetime.combine(row["day"], datetime.min.time()) for row in counts],
        [row["traces"] for row in counts],
        version,
        window,
        is_new,
        seconds,
    )


def _store_assignments(
    session: TeamSession,
    assignments: ClusterAssignments,
    identities: ClusterIdentities,
    selection: WindowSelection,
    window: WindowTraces,
) -> tuple[int, bool]:
    """Return the version of complete rows, and whether they were written now."""
    run_id = assignments.provenance.run_id
    for attempt in range(_MAX_ATTEMPTS):
        content = (window.matching, window.fingerprint, attempt)
        version = identify_version(assignments, identities, *content)
        (found,) = session.query(_STORED, run_id=run_id, version=version)
        is_whole = found["stored"] == found["traces"] == window.matching
        if is_whole and found["written"] > window.last_inserted:
            return version, False
        if found["stored"] and session.can_delete("assignments"):
            session.delete_versions("assignments", _IS_VERSION, run_id=run_id, version=version)
        elif found["stored"]:  # what is there half or twice cannot go, so the whole gets another name
            continue
        store_clusters(session, assignments, identities, version, assignments.embedding_model)
        _insert_assignments(session, assignments, identities, selection, version)
        _require_stored(session, run_id, version, window.matching)
        return version, True
    raise ClickHouseQueryError(
        f"{_MAX_ATTEMPTS} attempts to assign the traces of run {run_id} have left rows that cannot be "
        "deleted; delete the rows of this run from the table of assignments, and run the partition again"
    )


def _insert_assignments(
    session: TeamSession,
    assignments: ClusterAssignments,
    identities: ClusterIdentities,
    selection: WindowSelection,
    version: int,
) -> None:
    provenance, n_clusters = assignments.provenance, len(assignments.embedding_centroids)
    columns = session.embeddings
    products = (f"arrayDotProduct(vector, centroids_of_run[{i + 1}])" for i in range(n_clusters))
    scores = _SCORES.format(vector=columns.write_vector("embedding"), products=", ".join(products))
    topic_ids = dict(zip(identities.cluster_ids.tolist(), identities.topic_ids.tolist(), strict=True))
    session.insert_selected(
        "assignments",
        _COLUMNS,
        write_selected_documents(columns, further=scores, condition=selection.usable)
        + _ASSIGNED.format(condition=selection.condition.sql),
        in_utc=selection.in_utc,
        **selection.parameters,
        run_id=provenance.run_id,
        run_label=provenance.run_label,
        version=version,
        radii=assignments.radii.tolist(),
        topic_ids=[topic_ids[cluster_id] for cluster_id in range(n_clusters)],
        inserted_at=datetime.now(UTC),
    )


def _require_stored(session: TeamSession, run_id: str, version: int, traces: int) -> None:
    """Check that every trace is there; a table may show them only after a moment."""
    for pause in READ_BACK_PAUSES:
        time.sleep(pause)
        (found,) = session.query(_STORED, run_id=run_id, version=version)
        if found["traces"] >= traces:
            return
    raise ClickHouseQueryError(
        f"{traces} traces of run {run_id} were assigned and {found['traces']} are in the table: the others "
        "were lost on the way, or deleted meanwhile; try again"
    )

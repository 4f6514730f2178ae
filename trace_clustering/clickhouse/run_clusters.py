"""Stores the clusters of a run: their centroids and the sampled traces that are their members.

A run that is made again with another result writes another version; the event of the run names the one that
counts.
"""

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.topics import ClusterIdentities
from trace_clustering.clickhouse.batches import split_by_size
from trace_clustering.clickhouse.session import TeamSession, VersionedTable
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.errors import ClickHouseQueryError, TraceClusteringError

# A Distributed table, or a server that collects inserts, shows a row only after a moment.
READ_BACK_PAUSES: Final = (0.0, 0.1, 0.4, 1.5, 3.0)

_MAX_CLUSTERS_PER_INSERT: Final = 100
_MAX_MEMBERS_PER_INSERT: Final = 20_000

_COLUMNS: Final = (
    "run_id",
    "run_label",
    "window_start",
    "window_end",
    "version",
    "model_name",
    "cluster_id",
    "topic_id",
    "centroid",
    "radius",
    "size",
    "members",
    "inserted_at",
)

_STORED_CLUSTERS = """
SELECT uniqExact(cluster_id) AS clusters FROM {centroids:Identifier}
WHERE team_id = {team_id:Int64} AND run_id = {run_id:String} AND version = {version:Int64}
"""


_WRITTEN = """
SELECT min(inserted_at) AS written, count() AS clusters FROM {centroids:Identifier}
WHERE team_id = {team_id:Int64} AND run_id = {run_id:String} AND version = {version:Int64}
"""

_ARE_OLDER = """
run_id = {run_id:String} AND version != {version:Int64} AND inserted_at < {before:DateTime64(3, 'UTC')}
"""


def identify_version(assignments: ClusterAssignments, identities: ClusterIdentities, *further: object) -> int:
    """Return the version of a run's rows: it follows from their content, so that equal rows are one version.

    Parameters
    ----------
    assignments : ClusterAssignments
    identities : ClusterIdentities
    further : object
        What else the rows depend on.

    Returns
    -------
    int
        Above 0, and small enough for readers whose numbers have 53 bits.
    """
    content = ":".join(map(str, [assignments.digest, identities.digest, *further]))
    return int.from_bytes(hashlib.blake2b(content.encode(), digest_size=6).digest()) + 1


def store_clusters(
    session: TeamSession,
    assignments: ClusterAssignments,
    identities: ClusterIdentities,
    version: int,
    model: str,
) -> None:
    """Store one version of a run's clusters, noise as cluster -1, and see that it is there.

    Raises
    ------
    ClickHouseQueryError
        If rows were lost on the way.
    """
    rows = list(_build_rows(assignments, identities, version, model))
    members = _COLUMNS.index("members")
    for batch in split_by_size(
        rows,
        lambda row: len(row[members]),
        max_items=_MAX_CLUSTERS_PER_INSERT,
        max_bytes=_MAX_MEMBERS_PER_INSERT,
    ):
        session.insert("centroids", batch, _COLUMNS)
    run_id = assignments.provenance.run_id
    for pause in READ_BACK_PAUSES:
        time.sleep(pause)
        (stored,) = session.query(_STORED_CLUSTERS, run_id=run_id, version=version)
        if stored["clusters"] == len(rows):
            return
    raise ClickHouseQueryError(
        f"{len(rows)} clusters of run {run_id} were inserted and {stored['clusters']} are in the table: the "
        "others were lost on the way; try again"
    )


def delete_older_versions(session: TeamSession, run_id: str, version: int) -> str:
    """Delete what was stored of a run before one of its versions.

    Parameters
    ----------
    session : TeamSession
    run_id : str
    version : int
        The version to keep, with everything that was written later: another run may be about to name it.

    Returns
    -------
    str
        Why that was not possible; empty if it was. What stays harms nobody, because readers take the version
        that the event names.
    """
    tables: tuple[VersionedTable, ...] = ("centroids", "assignments")
    try:
        (kept,) = session.query(_WRITTEN, run_id=run_id, version=version)
        before = kept["written"] if kept["clusters"] else datetime.now(UTC)
        older = {"run_id": run_id, "version": version, "before": before}
        # Asked first, because the engine touches every part of a table to delete nothing.
        filled = [table for table in tables if _has_older(session, table, older)]
        fixed = [table for table in filled if not session.can_delete(table)]
        for table in filled:
            if table not in fixed:
                session.delete_versions(table, _ARE_OLDER, **older)
    except TraceClusteringError as error:
        return str(error)
    return f"the engine of the table of {' and '.join(fixed)} cannot delete" if fixed else ""


def _has_older(session: TeamSession, table: VersionedTable, older: dict[str, Any]) -> bool:
    condition = f"WHERE team_id = {{team_id:Int64}} AND {_ARE_OLDER}"
    return bool(session.query(f"SELECT 1 AS found FROM {{{table}:Identifier}} {condition} LIMIT 1", **older))  # noqa: S608 - fixed texts


def _build_rows(
    assignments: ClusterAssignments, identities: ClusterIdentities, version: int, model: str
) -> Iterator[list[Any]]:
    provenance, now = assignments.provenance, datetime.now(UTC)
    topic_ids = dict(zip(identities.cluster_ids.tolist(), identities.topic_ids.tolist(), strict=True))
    for cluster_id in (NOISE_CLUSTER_ID, *range(len(assignments.embedding_centroids))):
        is_noise = cluster_id == NOISE_CLUSTER_ID
        members = assignments.trace_ids[assignments.cluster_ids == cluster_id].tolist()
        yield [
            provenance.run_id,
            provenance.run_label,
            provenance.window.start,
            provenance.window.end,
            version,
            model,
            cluster_id,
            "" if is_noise else topic_ids[cluster_id],
            [] if is_noise else assignments.embedding_centroids[cluster_id].astype(np.float32).tolist(),
            0.0 if is_noise else float(assignments.radii[cluster_id]),
            len(members),
            members,
            now,
        ]

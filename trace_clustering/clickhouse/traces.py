"""Stores traces as events, once, and reads them back."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.newest_events import fetch_newest_events
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.stored_records import EPOCH, TimeSpan, write_for_events
from trace_clustering.constants import GENERATION_EVENT_NAME, TRACE_EVENT_NAME
from trace_clustering.errors import TraceClusteringError
from trace_clustering.posthog.stored_traces import (
    DIGEST,
    StoredTrace,
    build_events,
    identify_trace,
    parse_trace,
)
from trace_clustering.posthog.trace_events import EVENT_COLUMNS

_LAST_MOMENT: Final = datetime(2261, 12, 31, tzinfo=UTC)

_DIGESTS = """
SELECT {identity} AS identity,
    argMax(JSONExtractString({properties}, {{digest_name:String}}), {created_at}) AS digest,
    toUnixTimestamp64Micro(max({created_at})) AS created_microseconds
FROM {{events:Identifier}}
WHERE team_id = {{team_id:Int64}} AND event = {{event:String}} AND {is_in_time}
    AND {identity} IN {{uuids:Array(UUID)}}
GROUP BY identity
"""

_ARE_OLDER = """
event IN {{names:Array(String)}} AND {is_in_time}
AND {identity} IN {{uuids:Array(UUID)}} AND toUnixTimestamp64Micro({created_at}) < {{before:Int64}}
"""


@dataclass
class StoreReport:
    """What became of the traces of one batch, or of several.

    Attributes
    ----------
    new, changed, unchanged : int
    not_deleted : str
        Why events of older versions could not be deleted; empty if there are none.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    not_deleted: str = ""


def store_traces(session: TeamSession, traces: Sequence[StoredTrace], report: StoreReport) -> None:
    """Store the events of traces that are missing or have changed.

    Parameters
    ----------
    session : TeamSession
    traces : sequence of StoredTrace
        One batch; of a trace that comes twice, the last counts.
    report : StoreReport
        The counts are added to it.
    """
    wanted = {identify_trace(session.team_id, stored.trace.trace_id): stored for stored in traces}
    span = _find_span(wanted.values())
    known = _fetch_digests(session, wanted, span)
    missing = {identity: s for identity, s in wanted.items() if known.get(identity, ("",))[0] != s.digest}
    newest = max((created for _, created in known.values()), default=EPOCH)
    created_at = max(datetime.now(UTC), newest + timedelta(milliseconds=1))
    rows = [row for s in missing.values() for row in build_events(session.team_id, s, created_at)]
    if rows:
        session.insert("events", rows, EVENT_COLUMNS)
    changed = [identity for identity in missing if identity in known]
    report.new += len(missing) - len(changed)
    report.changed += len(changed)
    report.unchanged += len(wanted) - len(missing)
    if changed:
        old = [
            row[0] for identity in changed for row in build_events(session.team_id, missing[identity], EPOCH)
        ]
        report.not_deleted = _delete_older(session, old, span, created_at) or report.not_deleted


def fetch_traces(
    session: TeamSession, trace_ids: Iterable[str], span: TimeSpan | None = None
) -> Iterator[StoredTrace]:
    """Read traces that `store_traces` has stored, without their model calls, as far as they are there.

    Parameters
    ----------
    session : TeamSession
    trace_ids : iterable of str
    span : TimeSpan
        The time in which they ended; by default any.
    """
    identities = (identify_trace(session.team_id, trace_id) for trace_id in trace_ids)
    span = span or TimeSpan(EPOCH, _LAST_MOMENT)
    for properties, moment in fetch_newest_events(session, TRACE_EVENT_NAME, identities, span):
        yield parse_trace(properties, moment)


def _find_span(traces: Iterable[StoredTrace]) -> TimeSpan:
    """Return the time in which earlier versions lie: after the trace began, or any time if nobody knows."""
    starts = [stored.trace.start for stored in traces]
    first = min((start for start in starts if start), default=EPOCH) if all(starts) else EPOCH
    return TimeSpan(first, _LAST_MOMENT)


def _fetch_digests(
    session: TeamSession, identities: Iterable[uuid.UUID], span: TimeSpan
) -> dict[uuid.UUID, tuple[str, datetime]]:
    statement = write_for_events(session, _DIGESTS)
    return {
        row["identity"]: (row["digest"], EPOCH + timedelta(microseconds=row["created_microseconds"]))
        for batch in split_for_parameters(map(str, identities), str)
        for row in session.query(
            statement, event=TRACE_EVENT_NAME, digest_name=DIGEST, uuids=batch, **span.to_parameters()
        )
    }


def _delete_older(
    session: TeamSession, identities: Iterable[uuid.UUID], span: TimeSpan, before: datetime
) -> str:
    """Delete older versions of events; return why that was not possible, or nothing if it was."""
    condition = write_for_events(session, _ARE_OLDER)
    try:
        for batch in split_for_parameters(map(str, identities), str):
            session.delete_events(
                condition,
                names=[TRACE_EVENT_NAME, GENERATION_EVENT_NAME],
                uuids=batch,
                before=(before - EPOCH) // timedelta(microseconds=1),
                **span.to_parameters(),
            )
    except TraceClusteringError as error:
        return str(error)
    return ""

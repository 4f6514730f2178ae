"""Finds the last day on which a team has traces."""

from datetime import date

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import LLMA_TRACE_PRODUCT

_NEWEST_DAY = """
SELECT count() AS rows, toDate(max(timestamp), 'UTC') AS day
FROM {embeddings:Identifier}
WHERE team_id = {team_id:Int64} AND product = {product:String}
"""


def find_newest_day(session: TeamSession) -> date | None:
    """Return the last UTC day with an embedding of the session's team; None without embeddings."""
    (found,) = session.query(_NEWEST_DAY, product=LLMA_TRACE_PRODUCT)
    return found["day"] if found["rows"] else None

"""Lists the runs of a team whose event was written, and the topics that they found."""

from dataclasses import dataclass
from typing import Any, Final

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import EVENT_NAME
from trace_clustering.traces.window import Window, parse_time

MAX_RUNS: Final = 1000

# Of an event that was written several times, the newest version counts.
_RUNS: Final = """
SELECT
    JSONExtractString(body, '$ai_clustering_run_id') AS run_id,
    JSONExtractString(body, '$ai_window_start') AS window_start,
    JSONExtractString(body, '$ai_window_end') AS window_end,
    JSONExtractInt(body, '$ai_clustering_assignments', 'version') AS version,
    JSONExtract(body, '$ai_clusters', 'Array(Tuple(topic_id String, title String))') AS topics
FROM (
    SELECT {properties} AS body, {timestamp} AS moment
    FROM {{events:Identifier}}
    WHERE team_id = {{team_id:Int64}} AND {event} = {{event:String}}
    ORDER BY {created_at} DESC
    LIMIT 1 BY {identity}
)
ORDER BY moment DESC, run_id
LIMIT {{max_runs:UInt64}}
"""


@dataclass(frozen=True)
class StoredRun:
    """A run whose event was written.

    Attributes
    ----------
    run_id : str
    window : Window
    version : int
        Which of its rows in the table of assignments count; 0 if it has none.
    titles : dict
        The title of each topic by its id; that of traces in no cluster is under the empty text.
    """

    run_id: str
    window: Window
    version: int
    titles: dict[str, str]

    @property
    def run_label(self) -> str:
        """What tells it from other runs of the same team and window."""
        return "_".join(self.run_id.split("_")[4:])


def fetch_stored_runs(session: TeamSession) -> list[StoredRun]:
    """Return the runs of a team, the newest window first, without those whose event tells no window."""
    columns = session.events
    statement = _RUNS.format(
        properties=columns.write_text("properties"),
        timestamp=columns.write_moment("timestamp", 6),
        event=columns.write_comparable("event"),
        created_at=columns.write_moment("created_at", 6),
        identity=columns.write_identity("uuid"),
    )
    rows = session.query(statement, in_utc=columns.has_json(), event=EVENT_NAME, max_runs=MAX_RUNS)
    found = [run for row in rows if (run := _read(row))]
    return sorted(found, key=lambda run: (run.window.end, run.window.start), reverse=True)


def _read(row: dict[str, Any]) -> StoredRun | None:
    start, end = parse_time(row["window_start"]), parse_time(row["window_end"])
    if not start or not end or start >= end:
        return None
    # The client reads named tuples as dictionaries.
    titles: dict[str, str] = {}
    for topic in row["topics"]:
        titles.setdefault(topic["topic_id"], topic["title"])
    return StoredRun(row["run_id"], Window(start, end), row["version"], titles)

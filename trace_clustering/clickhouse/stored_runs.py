"""Lists the runs of a team whose event was written, and the titles of their topics."""

from dataclasses import dataclass
from typing import Any

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.topic_runs import fetch_topic_runs
from trace_clustering.traces.window import Window, parse_time

_CHANGED = ("new", "gone")


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
    changed : frozenset of str
        The topics that the run calls new, and those that it calls gone.
    """

    run_id: str
    window: Window
    version: int
    titles: dict[str, str]
    changed: frozenset[str] = frozenset()

    @property
    def run_label(self) -> str:
        """What tells it from other runs of the same team and window."""
        return "_".join(self.run_id.split("_")[4:])


def fetch_stored_runs(session: TeamSession) -> list[StoredRun]:
    """Return the newest runs of a team, the newest window first."""
    found = [run for event in fetch_topic_runs(session, run_label=None) if (run := _read(event))]
    return sorted(found, key=lambda run: (run.window.end, run.window.start), reverse=True)


def _read(event: dict[str, Any]) -> StoredRun | None:
    """Return the run of an event; None if the event does not tell its window."""
    start, end = parse_time(event["$ai_window_start"]), parse_time(event["$ai_window_end"])
    if not start or not end or start >= end:
        return None
    titles: dict[str, str] = {}
    for cluster in event["$ai_clusters"]:
        titles.setdefault(str(cluster["topic_id"] or ""), str(cluster["title"] or ""))
    told = [*event["$ai_clusters"], *(event["$ai_clustering_gone_topics"] or [])]
    changed = {topic["topic_id"] for topic in told if (topic.get("change") or {}).get("kind") in _CHANGED}
    version = (event["$ai_clustering_assignments"] or {}).get("version", 0)
    return StoredRun(event["$ai_clustering_run_id"], Window(start, end), version, titles, frozenset(changed))

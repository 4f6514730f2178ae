"""The topics of a team with their history, as a table for the terminal and as JSON."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.topic_runs import fetch_topic_runs
from trace_clustering.errors import NoClusteringError
from trace_clustering.reports.next_steps import describe_first_steps
from trace_clustering.reports.stored_clusters import count_traces, read_clusters, shorten_topic_id
from trace_clustering.text import clean_line
from trace_clustering.topics.topic_histories import (
    ABSENT,
    GONE,
    SeenRun,
    SeenTopic,
    TopicHistory,
    build_histories,
)
from trace_clustering.traces.window import parse_time

MAX_TREND: Final = 20
_TIMEOUT_SECONDS: Final = 60.0
_BARS: Final = "▁▂▃▄▅▆▇█"
_NO_BAR: Final = "·"
_MAX_STATUS: Final = 30


def fetch_runs(clickhouse: ClickHouse, team_id: int, *, runs: int, run_label: str = "") -> list[SeenRun]:
    """Read the topics of a team's newest runs, in the order of time.

    Raises
    ------
    NoClusteringError
        If the team has no run with this label.
    """
    found: list[dict[str, Any]] = []
    if not clickhouse.is_missing():
        with clickhouse.open_session(team_id, timeout_seconds=_TIMEOUT_SECONDS, create=False) as session:
            found = fetch_topic_runs(session, runs=runs, run_label=run_label)
    if not found:
        label = f" with the run label {run_label!r}" if run_label else ""
        raise NoClusteringError(
            f"Team {team_id} has no clustering{label} yet (looked in: {clickhouse.describe_place()}).\n"
            f"{describe_first_steps(team_id)}"
        )
    return [_read_run(properties) for properties in reversed(found)]


def build_topics_table(team_id: int, runs: Sequence[SeenRun]) -> Table:
    """Return the topics of some runs, given in the order of time, as a table.

    The trend has a bar for each run, of the share of the topic, as part of the topic's largest share.
    """
    table = Table(
        title=Text(clean_line(f"Topics of team {team_id} in {_describe_runs(runs)}", 200)),
        caption=Text(_write_caption(runs)),
        title_justify="left",
        caption_justify="left",
        show_lines=True,
        expand=True,
    )
    table.add_column("Topic")
    table.add_column("Title", ratio=1)
    table.add_column("Seen first\nand last", no_wrap=True)
    table.add_column("Runs", justify="right")
    table.add_column("Share", justify="right")
    table.add_column("Trend", no_wrap=True)
    table.add_column("Change")
    for history in build_histories(runs):
        share = history.shares[-1]
        table.add_row(
            Text(shorten_topic_id(history.topic_id)),
            Text(clean_line(history.title)),
            f"{history.first_seen or '?'}\n{history.last_seen or '?'}",
            str(history.runs),
            "" if share is None else f"{share:.1%}",
            Text(draw_trend(history.shares)),
            Text(_describe_status(history)),
        )
    return table


def write_topics(team_id: int, runs: Sequence[SeenRun]) -> dict[str, Any]:
    """Return the topics of some runs, given in the order of time, ready for JSON."""
    return {
        "team_id": team_id,
        "runs": [{"run_id": run.run_id, "last_day": _write_day(run.day)} for run in runs],
        "topics": [
            {
                "topic_id": history.topic_id,
                "title": history.title,
                "first_seen": _write_day(history.first_seen),
                "last_seen": _write_day(history.last_seen),
                "runs": history.runs,
                "traces": history.traces,
                "shares": [None if share is None else round(share, 6) for share in history.shares],
                "status": history.status or None,
                "merged_into": history.merged_into or None,
                "ignored": history.is_ignored,
            }
            for history in build_histories(runs)
        ],
    }


def draw_trend(shares: Sequence[float | None]) -> str:
    """Return a bar for each share, as part of the largest; a dot where the topic was not there."""
    newest = list(shares[-MAX_TREND:])
    largest = max((share for share in newest if share is not None), default=0.0)
    if not largest:
        return _NO_BAR * len(newest)
    top = len(_BARS) - 1
    return "".join(_NO_BAR if share is None else _BARS[round(share / largest * top)] for share in newest)


def _read_run(properties: dict[str, Any]) -> SeenRun:
    clusters = read_clusters(properties)
    total = count_traces(properties, clusters)
    end = parse_time(properties.get("$ai_window_end"))
    listed = properties.get("$ai_clustering_gone_topics")
    gone = [topic for topic in listed if isinstance(topic, dict)] if isinstance(listed, list) else []
    return SeenRun(
        str(properties.get("$ai_clustering_run_id", "")),
        (end - timedelta(microseconds=1)).date() if end else None,
        [
            SeenTopic(
                cluster.topic_id,
                cluster.title,
                cluster.size,
                cluster.size / total if total else None,
                cluster.change,
                cluster.is_ignored,
            )
            for cluster in clusters
            if cluster.topic_id
        ],
        {str(topic.get("topic_id")) for topic in gone if _read_kind(topic) == GONE},
        {str(topic.get("topic_id")): str(topic["merged_into"]) for topic in gone if topic.get("merged_into")},
    )


def _read_kind(topic: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    change = topic.get("change")
    return change.get("kind") if isinstance(change, dict) else None


def _describe_status(history: TopicHistory) -> str:
    if history.is_ignored:
        return "ignored"
    if history.status in (GONE, ABSENT) and history.merged_into:
        return f"now in {shorten_topic_id(history.merged_into)}"
    if history.status == ABSENT:
        return "not found"
    return clean_line(history.status, _MAX_STATUS)


def _describe_runs(runs: Sequence[SeenRun]) -> str:
    days = [run.day for run in runs if run.day]
    count = f"{len(runs)} run{'s'[: len(runs) != 1]}"
    return f"{count}, of {days[0]} to {days[-1]}" if days else count


def _write_caption(runs: Sequence[SeenRun]) -> str:
    if not any(run.topics for run in runs):
        return "These runs tell of no topics: an older version made them."
    return "Shares are of the clustered traces. A change is told where it is larger than chance explains."


def _write_day(day: date | None) -> str | None:
    return str(day) if day else None

"""A stored clustering as a table for the terminal."""

import json
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from trace_clustering.clickhouse.cluster_events import fetch_cluster_event
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.stored_records import find_newest_day
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.errors import NoClusteringError
from trace_clustering.reports.next_steps import describe_first_steps
from trace_clustering.reports.stored_clusters import (
    StoredCluster,
    count_traces,
    read_clusters,
    shorten_topic_id,
)
from trace_clustering.text import clean_line
from trace_clustering.traces.window import Window, parse_time

MAX_NEAREST_TRACES = 3
_TIMEOUT_SECONDS = 60.0
_MAX_TITLE_LINE = 200
_MAX_CAPTION_LINE = 300
_MAX_CHANGE = 12
_MIN_COST_TOLD = 0.0001
# What stands below what in one cell.
_SECOND_LINES = {"Topic": "Cluster", "Change": "Share", "Cost": "Traces"}


@dataclass(frozen=True)
class StoredClustering:
    """What the table shows.

    Attributes
    ----------
    properties : dict
        The properties of a cluster event.
    titles : dict
        By trace id, the titles of the traces with the lowest ranks in each cluster: those nearest to the
        centroid, or for noise those farthest from every cluster.
    """

    properties: dict[str, Any]
    titles: dict[str, str]


def fetch_clustering(clickhouse: ClickHouse, team_id: int, run_id: str = "") -> StoredClustering:
    """Read a team's newest clustering, or that of a run.

    Raises
    ------
    NoClusteringError
        If the team has no clustering, or no such run.
    """
    place = clickhouse.describe_place()
    if clickhouse.is_missing():
        raise NoClusteringError(
            f"Team {team_id} has no clustering yet: there is no {place}.\n{describe_first_steps(team_id)}"
        )
    with clickhouse.open_session(team_id, timeout_seconds=_TIMEOUT_SECONDS, create=False) as session:
        properties = fetch_cluster_event(session, run_id)
        if properties is None and run_id:
            raise NoClusteringError(
                f"Team {team_id} has no run {run_id!r} (looked in: {place}); "
                "leave out --run-id to see the newest"
            )
        if properties is None:
            raise NoClusteringError(
                f"Team {team_id} has no clustering yet (looked in: {place}).\n"
                f"{describe_first_steps(team_id, find_newest_day(session))}"
            )
        nearest = [trace for cluster in read_clusters(properties) for trace in _list_nearest(cluster)]
        window = _read_window(properties)
        # Without the window, in which the summaries are, traces are shown by their ids.
        summaries = fetch_trace_summaries(session, window, nearest, [""] * len(nearest)) if window else {}
    return StoredClustering(properties, {trace: summary["title"] for trace, summary in summaries.items()})


def _read_window(properties: dict[str, Any]) -> Window | None:
    """Return the window of an event in UTC, None if it does not tell it."""
    start, end = (parse_time(properties.get(key)) for key in ("$ai_window_start", "$ai_window_end"))
    return Window(start, end) if start and end and start < end else None


def build_clustering_table(clustering: StoredClustering) -> Table:
    """Return a clustering as a table: id, title, size, share and nearest traces of every cluster.

    If stability was measured or labels were verified, columns show the stability and the label accuracy. If
    the event tells them, the topic stands below the id, the change below the share, and the cost below the
    size: a row has several lines anyway, and further columns would leave no room on a narrow terminal.
    """
    properties, titles = clustering.properties, clustering.titles
    clusters = read_clusters(properties)
    total = count_traces(properties, clusters)
    run_id = properties.get("$ai_clustering_run_id", "A run without an id")
    window = " to ".join(str(properties.get(key, "?")) for key in ("$ai_window_start", "$ai_window_end"))
    table = Table(
        title=Text(clean_line(f"{run_id}: {total} traces from {window}", _MAX_TITLE_LINE)),
        caption=Text(_write_caption(properties, clusters)),
        title_justify="left",
        caption_justify="left",
        show_lines=True,
        expand=True,  # without it, rich ignores the ratios of the columns
    )
    told = [word for word in _SECOND_LINES if any(_write_second(word, cluster) for cluster in clusters)]
    second = {above: word if word in told else "" for word, above in _SECOND_LINES.items()}
    table.add_column(_stack("Cluster", second["Cluster"]), justify="right")
    table.add_column("Title", ratio=2)
    table.add_column(_stack("Traces", second["Traces"]), justify="right")
    table.add_column(_stack("Share", second["Share"]), justify="right")
    measured_columns = {
        key: header
        for key, header in (("stability", "Stability"), ("label_accuracy", "Verified"))
        if any(key in cluster.measures for cluster in clusters)
    }
    for header in measured_columns.values():
        table.add_column(header, justify="right")
    table.add_column("Nearest traces", ratio=3, no_wrap=True, overflow="ellipsis")
    for cluster in clusters:
        nearest = [clean_line(titles.get(trace) or trace) for trace in _list_nearest(cluster)]
        table.add_row(
            _stack(clean_line(cluster.cluster_id), _write_second(second["Cluster"], cluster)),
            Text(clean_line(cluster.title)),
            _stack(str(cluster.size), _write_second(second["Traces"], cluster)),
            _stack(f"{cluster.size / total:.1%}" if total else "", _write_second(second["Share"], cluster)),
            *(_format_share(cluster.measures.get(key)) for key in measured_columns),
            Text("\n".join(nearest)),
        )
    return table


def _stack(above: str, below: str) -> Text:
    return Text(f"{above}\n{below}" if below else above)


def _write_second(word: str, cluster: StoredCluster) -> str:
    """Return the second line of a cell, given its header; empty if the event does not tell it."""
    if word == "Topic":
        return shorten_topic_id(cluster.topic_id)
    if word == "Change":
        return clean_line("ignored" if cluster.is_ignored else cluster.change, _MAX_CHANGE)
    cost = cluster.metrics.get("total_cost")
    return format_cost(cost) if word == "Cost" and cost is not None else ""


def format_cost(dollars: float) -> str:
    """Return an amount in US dollars; of a small one, two digits that count."""
    if 0 < dollars < _MIN_COST_TOLD:
        return f"<${_MIN_COST_TOLD:.4f}"
    return f"${dollars:.2g}" if 0 < dollars < 1 else f"${dollars:,.2f}"


def _write_caption(properties: dict[str, Any], clusters: list[StoredCluster]) -> str:
    if not clusters:
        reason = properties.get("$ai_clustering_shortage") or "the event lists none that can be read"
        return clean_line(f"No clusters: {reason}.", _MAX_CAPTION_LINE)
    words = f"{_describe_labeling(properties, clusters)} Shares are of all traces."
    lines = [clean_line(words, _MAX_CAPTION_LINE)]
    params = properties.get("$ai_clustering_params")
    if filters := isinstance(params, dict) and params.get("trace_filters"):
        filters_in_words = _describe_filters(filters)
        lines.append(clean_line(f"Only traces with an event where {filters_in_words}.", _MAX_CAPTION_LINE))
    return "\n".join(lines)


def _describe_labeling(properties: dict[str, Any], clusters: list[StoredCluster]) -> str:
    """Return what made the titles, and what that cost; events of other programs may not say it."""
    labeler = properties.get("$ai_clustering_labeler", "another program")
    fallbacks = sum(cluster.labeler == "fallback" for cluster in clusters)
    and_fallbacks = f", {fallbacks} by fallback" if fallbacks and labeler != "fallback" else ""
    labeling = properties.get("$ai_clustering_labeling")
    if not isinstance(labeling, dict) or not labeling.get("requests"):
        return f"Titles by {labeler}{and_fallbacks}."
    cost = labeling.get("cost_usd")
    return (
        f"Titles by {labeler}{and_fallbacks} ({labeling.get('model')}: {labeling['requests']} requests, "
        f"{labeling.get('prompt_tokens')} prompt and {labeling.get('completion_tokens')} completion tokens"
        + ("" if cost is None else f", {cost} US dollars")
        + f"; {labeling.get('ended')})."
    )


def _format_share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _list_nearest(cluster: StoredCluster) -> list[str]:
    return cluster.ranked_traces[:MAX_NEAREST_TRACES]


def _describe_filters(filters: Any) -> str:  # noqa: ANN401 - another program may have written anything
    return " and ".join(map(_describe_filter, filters if isinstance(filters, list) else [filters]))


def _describe_filter(item: Any) -> str:  # noqa: ANN401
    if not isinstance(item, dict):
        return str(item)
    value = item.get("value")
    values = [] if value is None else value if isinstance(value, list) else [value]
    texts = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return f"{item.get('key')} {item.get('operator') or 'exact'} {', '.join(texts)}".rstrip()

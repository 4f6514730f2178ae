"""A stored clustering as a table for the terminal."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from trace_clustering.clickhouse.cluster_events import fetch_cluster_event
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.errors import NoClusteringError
from trace_clustering.text import plain_line
from trace_clustering.traces.window import Window

NEAREST_SHOWN = 3
_TIMEOUT_SECONDS = 60.0
_MAX_FILTER_LINE = 300


@dataclass(frozen=True)
class StoredClustering:
    """The properties of a cluster event, and titles of the traces that are nearest to each centroid.

    For noise the first traces are the most anomalous ones.
    """

    properties: dict[str, Any]
    titles: dict[str, str]


def fetch_clustering(clickhouse: ClickHouse, team_id: int, run_id: str = "") -> StoredClustering:
    """Read a team's newest clustering, or the named run.

    Raises
    ------
    NoClusteringError
        If there is none.
    """
    with clickhouse.for_team(team_id, timeout_seconds=_TIMEOUT_SECONDS) as session:
        properties = fetch_cluster_event(session, run_id)
        if properties is None:
            raise NoClusteringError(
                f"Team {team_id} has no run {run_id!r}; leave out --run-id to see the newest"
                if run_id
                else f"Team {team_id} has no clustering yet; materialize one of its days first: "
                f"dagster asset materialize -m trace_clustering.definitions --select '*' "
                f"--partition 'YYYY-MM-DD|{team_id}'"
            )
        nearest = [trace for cluster in properties["$ai_clusters"] for trace in _nearest(cluster)]
        window = Window(
            datetime.fromisoformat(properties["$ai_window_start"]),
            datetime.fromisoformat(properties["$ai_window_end"]),
        )
        summaries = fetch_trace_summaries(session, window, nearest, [""] * len(nearest))
    return StoredClustering(properties, {trace: summary["title"] for trace, summary in summaries.items()})


def clustering_table(clustering: StoredClustering) -> Table:
    """Return a clustering as a table: id, title, size, share and nearest traces of every cluster.

    How surely clusters are found again is shown too where that is known, and, where labels were verified,
    the share of held-out traces that they led to their own cluster.
    """
    properties, titles = clustering.properties, clustering.titles
    total = properties["$ai_total_items_analyzed"]
    window = f"{properties['$ai_window_start']} to {properties['$ai_window_end']}"
    caption = [plain_line(f"{_how_labelled(properties)} Shares are of all traces.", 300)]
    if filters := properties.get("$ai_clustering_params", {}).get("trace_filters"):
        caption.append(plain_line(f"Only traces with an event where {_told(filters)}.", _MAX_FILTER_LINE))
    table = Table(
        title=Text(plain_line(f"{properties['$ai_clustering_run_id']}: {total} traces from {window}", 200)),
        caption=Text("\n".join(caption)),
        title_justify="left",
        caption_justify="left",
        show_lines=True,
        expand=True,  # only then the two wide columns share the room as they should
    )
    table.add_column("Cluster", justify="right")
    table.add_column("Title", ratio=2)
    table.add_column("Traces", justify="right")
    table.add_column("Share", justify="right")
    measured = {
        key: header
        for key, header in (("stability", "Stability"), ("label_accuracy", "Verified"))
        if any(cluster.get(key) is not None for cluster in properties["$ai_clusters"])
    }
    for header in measured.values():
        table.add_column(header, justify="right")
    table.add_column("Nearest traces", ratio=3, no_wrap=True, overflow="ellipsis")
    for cluster in sorted(properties["$ai_clusters"], key=lambda c: (c["cluster_id"] < 0, -c["size"])):
        table.add_row(
            str(cluster["cluster_id"]),
            Text(plain_line(cluster["title"])),
            str(cluster["size"]),
            f"{cluster['size'] / total:.1%}",
            *(_percent(cluster.get(key)) for key in measured),
            Text("\n".join(plain_line(titles.get(trace) or trace) for trace in _nearest(cluster))),
        )
    return table


def _how_labelled(properties: dict[str, Any]) -> str:
    """Return by what titles were made, and what it took; events of other programs do not say."""
    labeler = properties.get("$ai_clustering_labeler", "another program")
    fallbacks = sum(cluster.get("labeler") == "fallback" for cluster in properties["$ai_clusters"])
    besides = f", {fallbacks} by fallback" if fallbacks and labeler != "fallback" else ""
    labeling = properties.get("$ai_clustering_labeling")
    if not isinstance(labeling, dict) or not labeling.get("requests"):
        return f"Titles by {labeler}{besides}."
    cost = labeling.get("cost_usd")
    return (
        f"Titles by {labeler}{besides} ({labeling.get('model')}: {labeling['requests']} requests, "
        f"{labeling.get('prompt_tokens')} prompt and {labeling.get('completion_tokens')} completion tokens"
        + ("" if cost is None else f", {cost} US dollars")
        + f"; {labeling.get('ended')})."
    )


def _percent(share: Any) -> str:  # noqa: ANN401 - any JSON
    return f"{share:.0%}" if isinstance(share, (int, float)) else ""


def _nearest(cluster: dict[str, Any]) -> list[str]:
    ranked = sorted(cluster["traces"], key=lambda trace: cluster["traces"][trace]["rank"])
    return ranked[:NEAREST_SHOWN]


def _told(filters: Any) -> str:  # noqa: ANN401 - another program may have written anything
    return " and ".join(map(_in_words, filters if isinstance(filters, list) else [filters]))


def _in_words(item: Any) -> str:  # noqa: ANN401
    if not isinstance(item, dict):
        return str(item)
    value = item.get("value")
    values = [] if value is None else value if isinstance(value, list) else [value]
    texts = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return f"{item.get('key')} {item.get('operator') or 'exact'} {', '.join(texts)}".rstrip()

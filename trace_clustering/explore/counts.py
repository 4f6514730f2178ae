"""N of M at every stage of an exploration."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.constants import NOISE_CLUSTER_ID
from trace_clustering.errors import NoClusteringError
from trace_clustering.explore.selection import AUTOMATION, Sample, Selection
from trace_clustering.reports.table import StoredClustering, fetch_clustering
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.text import clean_line, escape_controls
from trace_clustering.traces.sampling import SampleRules


def build_counts_table(
    read: ReadReport, selection: Selection, sample: Sample, clustering: StoredClustering | None
) -> Table:
    """Return how many traces came through each stage, and where the others went.

    `clustering` is None if there are too few traces.
    """
    table = Table(title="How many of how many", title_justify="left", show_header=False, box=None)
    table.add_column(justify="right")
    table.add_column()
    formats = ", ".join(f"{clean_line(name)} {count:,}" for name, count in read.formats.most_common())
    files = f"{read.files:,} file{'s'[: read.files != 1]}"
    _add(table, read.traces, f"traces read from {read.records:,} records of {files} ({formats})")
    if read.bad_count:
        _add(table, read.bad_count, "bad records left out, listed above")
    for reason, count in sorted(read.left_out.items()):
        _add(table, count, f"{escape_controls(reason)}, left out")
    if apart := selection.left_out[AUTOMATION]:
        _add(table, apart, f"of them kept apart: {AUTOMATION}")
    for reason, count in sorted(selection.left_out.items()):
        if count and reason != AUTOMATION:
            _add(table, count, f"of them left out: {reason}")
    drawn = len(sample.traces)
    window = f" in the window that ends with {sample.day}" if sample.is_one_of_several else ""
    of_how_many = f"of {sample.eligible:,}{window} sampled"
    _add(table, drawn, of_how_many if drawn < sample.eligible else f"of them{window} taken, all")
    if clustering is not None:
        clusters = clustering.properties["$ai_clusters"]
        folded = clustering.properties.get("$ai_clustering_coverage", {}).get("folded", 0)
        if folded:
            _add(table, folded, "of them folded: another differs only in ids, numbers and dates")
        drawn -= folded
        noise = sum(cluster["size"] for cluster in clusters if cluster["cluster_id"] == NOISE_CLUSTER_ID)
        groups = sum(cluster["cluster_id"] != NOISE_CLUSTER_ID for cluster in clusters)
        _add(table, drawn - noise, f"of {drawn:,} in {groups} groups, {noise:,} in none (outliers)")
    return table


def fetch_explored(
    clickhouse: ClickHouse, team_id: int, run_id: str, rules: SampleRules
) -> StoredClustering | None:
    """Return what a run has found; None if too few traces were left once duplicates were folded."""
    try:
        found = fetch_clustering(clickhouse, team_id, run_id)
    except NoClusteringError:
        if rules.fold_duplicates:
            return None
        raise
    return found if found.properties["$ai_clusters"] else None


def build_titles_table(titles: Mapping[str, str]) -> Table:
    """Return the titles of traces, for those that are too few to cluster."""
    table = Table(title="What was read", title_justify="left", show_header=False)
    for trace_id, title in titles.items():
        table.add_row(Text(clean_line(trace_id, 40)), Text(clean_line(title)))
    return table


def _add(table: Table, count: int, what: str) -> None:
    table.add_row(f"{count:,}", Text(what))

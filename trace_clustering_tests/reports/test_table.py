"""The table of a clustering is readable whatever the length of what it shows."""

import io
from typing import Any

import pytest
from rich.console import Console

from trace_clustering.reports.table import StoredClustering, build_clustering_table

TRACE = {"distance_to_centroid": 0.0, "rank": 0, "x": 0.0, "y": 0.0, "timestamp": ""}


def print_table(*clusters: dict[str, Any], titles: dict[str, str] | None = None) -> list[str]:
    """Return the lines of the table of clusters of one trace each."""
    properties = {
        "$ai_clustering_run_id": "1_trace_20250123_000000",
        "$ai_window_start": "2025-01-16T00:00:00Z",
        "$ai_window_end": "2025-01-23T00:00:00Z",
        "$ai_total_items_analyzed": len(clusters),
        "$ai_clusters": [
            {"cluster_id": row, "size": 1, "title": "Refunds", "traces": {"a": TRACE}, **cluster}
            for row, cluster in enumerate(clusters)
        ],
    }
    console = Console(file=io.StringIO(), width=140)
    console.print(build_clustering_table(StoredClustering(properties, titles or {})))
    return console.file.getvalue().splitlines()


def test_long_titles_of_traces_leave_room_for_the_title_of_the_cluster() -> None:
    title = "Refunds for parcels that were damaged"
    lines = print_table({"title": title}, titles={"a": "word " * 60})
    assert any(f"│ {title}" in line for line in lines)
    assert max(map(len, lines)) == 140


@pytest.mark.parametrize(("key", "header"), [("stability", "Stability"), ("label_accuracy", "Verified")])
def test_what_was_measured_is_a_column_and_what_was_not_is_none(key: str, header: str) -> None:
    lines = print_table({key: 0.857}, {key: None}, {})
    assert sum(header in line for line in lines) == 1
    (measured,) = [line for line in lines if "86%" in line]
    assert measured.split("│")[5].strip() == "86%"
    assert not any(header in line for line in print_table({key: None}, {}))

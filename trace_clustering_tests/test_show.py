"""The table of a clustering is readable whatever the length of what it shows."""

import io

from rich.console import Console

from trace_clustering.show import StoredClustering, clustering_table


def test_long_titles_of_traces_leave_room_for_the_title_of_the_cluster() -> None:
    trace = {"distance_to_centroid": 0.0, "rank": 0, "x": 0.0, "y": 0.0, "timestamp": ""}
    cluster = {
        "cluster_id": 0,
        "size": 1,
        "title": "Refunds for parcels that were damaged",
        "traces": {"a": trace},
    }
    properties = {
        "$ai_clustering_run_id": "1_trace_20250123_000000",
        "$ai_window_start": "2025-01-16T00:00:00Z",
        "$ai_window_end": "2025-01-23T00:00:00Z",
        "$ai_total_items_analyzed": 1,
        "$ai_clusters": [cluster],
    }
    console = Console(file=io.StringIO(), width=140)
    console.print(clustering_table(StoredClustering(properties, {"a": "word " * 60})))
    shown = console.file.getvalue()
    assert "│ Refunds for parcels that were damaged" in shown
    assert max(map(len, shown.splitlines())) == 140

"""From night to night, the event tells which topic came and which one's traffic ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trace_clustering.traces.record import TraceRecord
from trace_clustering_tests.assets.conftest import Graph, read_metadata
from trace_clustering_tests.examples import THEMES, themed_records

QUICK = {"dimensionality_reduction_method": "pca", "visualization_method": "pca"}
LAST_DAY = datetime(2025, 1, 22, tzinfo=UTC)
PER_THEME = 84

pytestmark = pytest.mark.slow


def list_records() -> list[TraceRecord]:
    """Return a theme that goes on, one that ends with the day before the last, and one that begins then."""
    records = []
    for number, record in enumerate(themed_records(per_theme=PER_THEME, outliers=0)):
        theme, place = divmod(number, PER_THEME)
        days_ago = {0: place % 7, 1: 1 + place % 6, 2: 0}[theme]
        moment = LAST_DAY - timedelta(days=days_ago) + timedelta(minutes=place)
        if theme < 2 or place < 30:
            records.append(replace(record, timestamp=moment))
    return records


def read_changes(graph: Graph, run_id: str) -> dict[str, dict[str, Any]]:
    """Return the change of each cluster by the theme that its title names."""
    (event,) = [e for e in graph.event_properties() if e["$ai_clustering_run_id"] == run_id]
    return {
        theme: cluster["change"]
        for cluster in event["$ai_clusters"]
        for theme in THEMES
        if theme.split()[0].lower() in cluster["title"].lower()
    }


def test_what_begins_and_ends_between_two_nights(graph: Graph) -> None:
    graph.load(1, list_records())

    assert graph.materialize("2025-01-21|1", **QUICK).success
    first = read_changes(graph, "1_trace_20250122_000000")
    result = graph.materialize("2025-01-22|1", **QUICK)
    assert result.success
    second = read_changes(graph, "1_trace_20250123_000000")

    assert [change["kind"] for change in first.values()] == [None, None]
    assert first[THEMES[0]]["share"] == pytest.approx(0.46, abs=0.02)
    assert {theme: change["kind"] for theme, change in second.items()} == {
        THEMES[0]: "steady",
        THEMES[1]: "gone",
        THEMES[2]: "new",
    }
    assert second[THEMES[2]]["since"] == "2025-01-22"
    assert second[THEMES[2]]["traces"] == 30
    assert second[THEMES[2]]["share_before"] == 0
    assert read_metadata(result, "cluster_metrics")["kinds"] == {"gone": 1, "new": 1, "steady": 2}

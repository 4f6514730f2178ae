"""The table of a clustering is readable whatever the length of what it shows."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.reports.table import (
    StoredClustering,
    build_clustering_table,
    fetch_clustering,
    format_cost,
)
from trace_clustering_tests.clickhouse.rows import NOON, insert_events, insert_summaries

TRACE = {"distance_to_centroid": 0.0, "rank": 0, "x": 0.0, "y": 0.0, "timestamp": ""}


def print_table(
    *clusters: dict[str, Any], titles: dict[str, str] | None = None, width: int = 140
) -> list[str]:
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
    console = Console(file=io.StringIO(), width=width)
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


TOPIC = {
    "topic_id": "5f2a91bc-0000-5000-8000-000000000000",
    "change": {"kind": "growing", "share": 0.08, "share_before": 0.03},
    "metrics": {"total_cost": 0.1234, "item_count": 1},
}


def test_topic_change_and_cost_stand_below_id_share_and_size() -> None:
    lines = print_table(TOPIC, {"topic_id": None, "change": None, "metrics": None})
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert ["5f2a91bc", "", "$0.12", "growing", ""] in cells
    assert any("Topic" in line and "Cost" in line and "Change" in line for line in lines)
    assert not any(word in line for line in print_table({}) for word in ("Topic", "Cost", "Change"))


def test_a_narrow_terminal_has_room_for_titles() -> None:
    lines = print_table(TOPIC | {"stability": 0.9, "title": "Refunds for damaged parcels"}, width=80)
    assert any("Refunds for" in line for line in lines)
    assert max(map(len, lines)) == 80


@pytest.mark.parametrize(
    "hostile",
    [
        {"topic_id": "\x1b[31m[red]x", "change": {"kind": "\x1b[2J" * 9}, "metrics": {"total_cost": "1"}},
        {"topic_id": 7, "change": ["growing"], "metrics": [1], "ignored": "yes"},
        {"topic_id": {}, "change": {"kind": {}}, "metrics": {"total_cost": float("inf")}},
        {"topic_id": "", "change": {}, "metrics": {"total_cost": True}},
    ],
    ids=str,
)
def test_topics_of_other_programs_do_no_harm(hostile: dict[str, Any]) -> None:
    printed = "\n".join(print_table(hostile))
    assert "Refunds" in printed
    assert "\x1b" not in printed
    assert "Cost" not in printed


@pytest.mark.parametrize(
    ("dollars", "expected"),
    [(0, "$0.00"), (0.00001, "<$0.0001"), (0.0123, "$0.012"), (0.5, "$0.5"), (1234.5, "$1,234.50")],
)
def test_small_costs_keep_digits_that_count(dollars: float, expected: str) -> None:
    assert format_cost(dollars) == expected


FOREIGN = {
    "$ai_clustering_run_id": "theirs",
    "$ai_window_start": "2025-01-16T00:00:00",
    "$ai_window_end": "2025-01-23T00:00:00",
    "$ai_total_items_analyzed": 3,
    "$ai_clusters": [
        {"cluster_id": 0, "title": "Late parcels", "traces": {"a": {"rank": 1}, "b": {"rank": 0}}},
        {"cluster_id": -1, "title": "Noise", "traces": {"c": {}}},
    ],
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["Late parcels", "66.7%", "About b", "Noise"]),
        ({"$ai_clusters": json.dumps(FOREIGN["$ai_clusters"])}, ["Late parcels", "66.7%", "About b"]),
        ({"$ai_clusters": "not JSON"}, ["No clusters"]),
        ({"$ai_clusters": None}, ["No clusters"]),
        ({"$ai_clusters": []}, ["No clusters"]),
        ({"$ai_clusters": [None, "text", {"title": None}, {"size": "many"}]}, ["0.0%"]),
        ({"$ai_clusters": [{"cluster_id": "x", "traces": ["a", {"trace_id": "b"}]}]}, ["About a", "2"]),
        ({"$ai_clusters": [{"title": "T", "size": 2, "traces": json.dumps({"b": {}})}]}, ["About b"]),
        ({"$ai_total_items_analyzed": 0}, ["Late parcels"]),
        ({"$ai_total_items_analyzed": "3"}, ["66.7%"]),
        ({"$ai_window_start": None}, ["Late parcels", "│ b"]),
        ({"$ai_window_end": "yesterday"}, ["Late parcels", "│ b"]),
        ({"$ai_clustering_params": "text"}, ["Late parcels"]),
        ({"$ai_clustering_run_id": None}, ["Late parcels"]),
    ],
    ids=str,
)
def test_events_of_other_programs_are_shown_as_far_as_they_can_be_read(
    clickhouse: ClickHouse, changes: dict[str, Any], expected: list[str]
) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_summaries(session, *({"id": trace, "title": f"About {trace}"} for trace in "abc"))
        text = json.dumps({key: v for key, v in (FOREIGN | changes).items() if v is not None})
        insert_events(session, {"event": "$ai_trace_clusters", "properties": text, "timestamp": NOON})
    console = Console(file=io.StringIO(), width=140)
    console.print(build_clustering_table(fetch_clustering(clickhouse, 1)))
    printed = console.file.getvalue()
    assert [text for text in expected if text not in printed] == []

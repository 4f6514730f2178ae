"""The topics of a team, as the terminal and programs get them from stored events."""

import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import NoClusteringError
from trace_clustering.reports.topics_table import build_topics_table, draw_trend, fetch_runs, write_topics
from trace_clustering_tests.clickhouse.rows import NOON, insert_events

GROWING = "5f2a91bc-0000-5000-8000-000000000001"
DYING = "aaaaaaaa-0000-5000-8000-000000000002"

GONE = {"topic_id": DYING, "merged_into": GROWING, "change": {"kind": "gone"}}


def build_event(day: int, *clusters: dict[str, Any], label: str = "", **changes: Any) -> dict[str, Any]:
    """Return the event of a run of January, with its clusters."""
    end = f"2025-01-{day + 1:02d}T00:00:00Z"
    properties = {
        "$ai_clustering_run_id": f"1_trace_202501{day + 1:02d}_000000" + label,
        "$ai_window_end": end,
        "$ai_total_items_analyzed": 100,
        "$ai_clusters": list(clusters),
        **changes,
    }
    moment = datetime.fromisoformat(end)
    return {"event": "$ai_trace_clusters", "properties": json.dumps(properties), "timestamp": moment}


def build_cluster(topic: Any, title: str, size: int, kind: Any = None) -> dict[str, Any]:
    return {
        "cluster_id": 0,
        "topic_id": topic,
        "title": title,
        "size": size,
        "change": kind and {"kind": kind},
        "traces": {"t": {"rank": 0}},
    }


@pytest.fixture
def weeks(clickhouse: ClickHouse) -> ClickHouse:
    """An engine with three runs: one topic grows, one dies, and noise is none."""
    noise = {"cluster_id": -1, "topic_id": None, "title": "Outliers", "size": 40}
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_events(
            session,
            build_event(8, build_cluster(GROWING, "Refunds", 10), build_cluster(DYING, "Readers", 20), noise),
            build_event(15, build_cluster(GROWING, "Refund", 20), noise),
            build_event(
                22,
                build_cluster(GROWING, "Refunds and returns", 40, "growing"),
                noise,
                **{"$ai_clustering_gone_topics": [GONE]},
            ),
            build_event(22, build_cluster("experiment", "An experiment", 9), label="_mine"),
        )
    return clickhouse


def test_topics_have_their_history_and_labelled_runs_one_of_their_own(weeks: ClickHouse) -> None:
    written = write_topics(1, fetch_runs(weeks, 1, runs=30))
    assert [run["last_day"] for run in written["runs"]] == ["2025-01-08", "2025-01-15", "2025-01-22"]
    growing, dying = written["topics"]
    assert growing == {
        "topic_id": GROWING,
        "title": "Refunds and returns",
        "first_seen": "2025-01-08",
        "last_seen": "2025-01-22",
        "runs": 3,
        "traces": [10, 20, 40],
        "shares": [0.1, 0.2, 0.4],
        "status": "growing",
        "merged_into": None,
        "ignored": False,
    }
    assert (dying["status"], dying["merged_into"], dying["shares"]) == ("gone", GROWING, [0.2, None, None])
    (mine,) = write_topics(1, fetch_runs(weeks, 1, runs=30, run_label="mine"))["topics"]
    assert mine["title"] == "An experiment"
    assert len(write_topics(1, fetch_runs(weeks, 1, runs=2))["runs"]) == 2


def test_of_a_run_that_was_emitted_again_the_newest_event_counts(weeks: ClickHouse) -> None:
    event = build_event(22, build_cluster(GROWING, "Renamed", 1))
    with weeks.open_session(1, timeout_seconds=60) as session:
        insert_events(session, event | {"created_at": NOON + timedelta(days=9000)})
    runs = fetch_runs(weeks, 1, runs=30)
    assert len(runs) == 3
    assert write_topics(1, runs)["topics"][0]["title"] == "Renamed"


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_can_be_read_at_any_width(weeks: ClickHouse, width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    console.print(build_topics_table(1, fetch_runs(weeks, 1, runs=30)))
    printed = console.file.getvalue()
    for text in ("5f2a91bc", "2025-01-22", "40.0%", "▃▅█", "growing", "now in", "Refunds"):
        assert text in printed
    assert "Outliers" not in printed


@pytest.mark.parametrize(
    ("runs", "team_id", "label"), [(30, 2, ""), (30, 1, "nobody's"), (30, 1, ".*")], ids=str
)
def test_a_team_without_such_a_run_is_told_what_to_do(
    weeks: ClickHouse, runs: int, team_id: int, label: str
) -> None:
    with pytest.raises(NoClusteringError, match=r"has no clustering(?s:.)*Load traces first"):
        fetch_runs(weeks, team_id, runs=runs, run_label=label)


def test_events_that_others_could_write_do_no_harm(clickhouse: ClickHouse) -> None:
    hostile = [
        build_cluster("\x1b[31m" * 30, "[red]\x1b[2J" + "w" * 900, 3, "\x1b]0;x\x07" * 9),
        build_cluster(7, "A number", 3),
        build_cluster({"a": 1}, "An object", -3, ["growing"]),
        build_cluster(DYING, "T", 3) | {"size": "many", "metrics": [], "change": 3},
    ]
    gone = [None, 3, {"merged_into": 7, "change": [1]}]
    changes = {"$ai_clustering_gone_topics": gone, "$ai_total_items_analyzed": "x"}
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_events(
            session,
            build_event(8, *hostile, **changes),
            build_event(15, **{"$ai_clusters": "[1]", "$ai_clustering_gone_topics": "gone"}),
            {"event": "$ai_trace_clusters", "properties": "no JSON", "timestamp": NOON},
        )
    runs = fetch_runs(clickhouse, 1, runs=30)
    console = Console(file=io.StringIO(), width=100)
    console.print(build_topics_table(1, runs))
    assert "\x1b" not in console.file.getvalue()
    assert json.loads(json.dumps(write_topics(1, runs)))["topics"]


@pytest.mark.parametrize(
    ("shares", "trend"),
    [([], ""), ([0.0, None], "··"), ([0.1, 0.2, None], "▅█·"), ([0.5] * 30, "█" * 20)],
)
def test_a_trend_is_drawn_against_its_largest_share(shares: list[float | None], trend: str) -> None:
    assert draw_trend(shares) == trend

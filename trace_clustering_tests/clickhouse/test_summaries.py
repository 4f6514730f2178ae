"""One summary per trace, in whatever form it was stored."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.window import Window
from trace_clustering_tests.clickhouse.rows import NOON, insert_events, insert_summaries

WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))


def fetch(
    place: ClickHouse, trace_ids: Sequence[str], batch_run_ids: Sequence[str] = (), team_id: int = 1
) -> dict[str, TraceSummary]:
    with place.open_session(team_id, timeout_seconds=60) as session:
        return fetch_trace_summaries(session, WINDOW, trace_ids, batch_run_ids or [""] * len(trace_ids))


def test_a_summary_has_title_flow_bullets_notes_and_time(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_summaries(
            session,
            {
                "id": "t1",
                "title": 'He said "näh" \\ 🦔',
                "$ai_summary_flow_diagram": "a -> b\nb -> c",
                "$ai_summary_bullets": [
                    {"text": "it's one", "line_refs": "L1"},
                    {"text": "two\n", "line_refs": ""},
                ],
                "$ai_summary_interesting_notes": [{"text": "odd", "line_refs": ""}],
                "trace_timestamp": "2025-01-19T23:00:00Z",
            },
            {"id": "t2"},
            {"id": "not asked for"},
        )
    assert fetch(place, ["t1", "t2", "without summary"]) == {
        "t1": {
            "trace_id": "t1",
            "title": 'He said "näh" \\ 🦔',
            "flow_diagram": "a -> b\nb -> c",
            "bullets": ["it's one", "two\n"],
            "interesting_notes": ["odd"],
            "trace_timestamp": "2025-01-19T23:00:00Z",
        },
        "t2": {
            "trace_id": "t2",
            "title": "",
            "flow_diagram": "",
            "bullets": [],
            "interesting_notes": [],
            "trace_timestamp": "",
        },
    }


@pytest.mark.parametrize(
    ("batch_run_id", "title"),
    [
        ("batch-1", "same batch, later"),  # of two of the same batch, the newest
        ("batch-2", "newest"),
        ("batch-9", "newest"),  # no summary of that batch
        ("", "newest"),
    ],
)
def test_the_summary_made_with_the_embedding_wins_else_the_newest(
    place: ClickHouse, batch_run_id: str, title: str
) -> None:
    stored = [
        ("batch-1", "same batch, earlier"),
        ("batch-1", "same batch, later"),
        ("", "without batch"),
        ("batch-2", "newest"),
    ]
    with place.open_session(1, timeout_seconds=60) as session:
        for hours, (batch, stored_title) in reversed(list(enumerate(stored))):
            summary = {"id": "t", "batch": batch, "title": stored_title}
            insert_summaries(session, summary, timestamp=NOON + timedelta(hours=hours))
    # Another trace between them: each is matched with its own batch.
    assert fetch(place, ["a", "t", "z"], ["batch-2", batch_run_id, "batch-1"])["t"]["title"] == title


@pytest.mark.parametrize(
    ("stored", "texts"),
    [
        ([{"text": "one", "line_refs": "L1"}, {"text": "two"}], ["one", "two"]),
        (["one", "two"], ["one", "two"]),
        (["one", {"text": "two"}], ["one", "two"]),
        (json.dumps([{"text": "one"}, {"text": 'tw"o'}]), ["one", 'tw"o']),
        (json.dumps(["one", "two"]), ["one", "two"]),
        (json.dumps(json.dumps(["one"])), ["one"]),
        ("only a line", ["only a line"]),
        ('[{"text": "cut off', ['[{"text": "cut off']),
        ("", []),
        ("[]", []),
        ("null", []),
        ("17", []),
        (None, []),
        (17, []),
        ({"text": "no list"}, []),
        ([{"text": None}, {"text": ""}, {"other": "key"}, None, 17, ["nested"], "kept"], ["kept"]),
        pytest.param("[" * 100_000, ["[" * 100_000], id="nested too deeply"),
    ],
)
def test_lists_are_read_in_every_form_they_were_ever_stored_in(
    clickhouse: ClickHouse, stored: Any, texts: list[str]
) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_summaries(
            session, {"id": "t", "$ai_summary_bullets": stored, "$ai_summary_interesting_notes": stored}
        )
    summary = fetch(clickhouse, ["t"])["t"]
    assert summary["bullets"] == texts
    assert summary["interesting_notes"] == texts


def test_events_that_are_no_readable_summary_are_passed_over(place: ClickHouse) -> None:
    properties = json.dumps({"$ai_trace_id": "t", "$ai_summary_title": "wrong"})
    with place.open_session(1, timeout_seconds=60) as session:
        insert_events(
            session,
            {"event": "$ai_trace_summary", "properties": properties[:-1]},
            {"event": "$ai_trace_summary", "properties": "no JSON"},
            {"event": "$ai_generation", "properties": properties},
            {"event": "$ai_trace_summary", "properties": properties, "timestamp": WINDOW.end},
            {
                "event": "$ai_trace_summary",
                "properties": properties,
                "timestamp": WINDOW.start - timedelta(microseconds=1),
            },
        )
        assert "t" not in fetch_trace_summaries(session, WINDOW, ["t"], [""])
        insert_summaries(session, {"id": "t", "title": "right"}, timestamp=WINDOW.start)
        assert fetch_trace_summaries(session, WINDOW, ["t"], [""])["t"]["title"] == "right"


def test_more_than_a_thousand_long_ids_all_get_their_summaries(place: ClickHouse) -> None:
    ids = [f"{number:06d}".ljust(100, "x") for number in range(2001)]
    batches = [f"1_2025-01-20T00:00:00+00:00_{number % 7}" for number in range(2001)]
    with place.open_session(1, timeout_seconds=60) as session:
        insert_summaries(
            session,
            *({"id": i, "batch": b, "title": f"of {i}"} for i, b in zip(ids, batches, strict=True)),
        )
        insert_summaries(
            session,
            *({"id": i, "title": "newer"} for i in ids[::2]),
            timestamp=NOON + timedelta(hours=1),
        )
    found = fetch(place, ids, batches)
    assert {trace_id: summary["title"] for trace_id, summary in found.items()} == {i: f"of {i}" for i in ids}


def test_no_ids_need_no_summaries(place: ClickHouse) -> None:
    assert fetch(place, []) == {}


def test_ids_are_values_and_never_sql(place: ClickHouse) -> None:
    ids = ["') OR 1=1 --", "it's", "a\\", "{team_id:Int64}", "%s", '"; DROP TABLE events; --', "ü\n"]
    with place.open_session(1, timeout_seconds=60) as session:
        insert_summaries(session, *({"id": i, "batch": i, "title": i} for i in ids), {"id": "other"})
    found = fetch(place, ids, ids)
    assert {trace_id: summary["title"] for trace_id, summary in found.items()} == {i: i for i in ids}


def test_a_team_never_gets_the_summaries_of_another(place: ClickHouse) -> None:
    for team_id in (1, 2):
        with place.open_session(team_id, timeout_seconds=60) as session:
            insert_summaries(session, {"id": "shared", "batch": "b", "title": f"of team {team_id}"})
            insert_summaries(session, {"id": f"only {team_id}"})
    found = fetch(place, ["shared", "only 1", "only 2"], ["b", "", ""])
    assert found.keys() == {"shared", "only 1"}
    assert found["shared"]["title"] == "of team 1"

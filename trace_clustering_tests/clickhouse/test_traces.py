"""Traces stored as events, in the embedded engine and on a server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.traces import StoreReport, fetch_traces, store_traces
from trace_clustering.posthog.stored_traces import prepare_trace
from trace_clustering.traces.trace import ModelCall, ToolCall, Trace, Turn

TEAM = 1
START = datetime(2025, 1, 16, 9, tzinfo=UTC)
READ_AT = datetime(2025, 2, 1, tzinfo=UTC)
CALL = ModelCall(
    span_id="s1",
    model="m-small",
    start=START,
    end=START + timedelta(seconds=2),
    input_tokens=12,
    output_tokens=0,
    cost=0.25,
    latency=2.0,
    is_error=False,
)
TRACE = Trace(
    trace_id="order ' 1",
    session_id="s",
    user_id="u",
    name="shop",
    environment="production",
    start=START,
    end=START + timedelta(seconds=9.5),
    turns=(
        Turn("user", "Where is my parcel? \u2028 {x:String} \x00"),
        Turn("assistant", "", (ToolCall("find", '{"id": 1}', result="on its way", call_id="c1"),)),
        Turn("assistant", "It is on its way."),
    ),
    calls=(CALL, replace(CALL, span_id="s2", is_error=True, error="overloaded")),
    input_tokens=24,
    cost=0.5,
    is_error=True,
    error="overloaded",
    tags=("a", "b"),
    source="otlp",
    properties={"plan": "free", "$ai_latency": 1000},
)


def store(clickhouse: ClickHouse, *traces: Trace, team_id: int = TEAM) -> StoreReport:
    report = StoreReport()
    with clickhouse.open_session(team_id, timeout_seconds=60) as session:
        store_traces(session, [prepare_trace(trace, READ_AT) for trace in traces], report)
    return report


def fetch(clickhouse: ClickHouse, *trace_ids: str, team_id: int = TEAM) -> list[Trace]:
    with clickhouse.open_session(team_id, timeout_seconds=60) as session:
        return [stored.trace for stored in fetch_traces(session, trace_ids)]


def count_events(clickhouse: ClickHouse) -> dict[str, int]:
    with clickhouse.open_session(TEAM, timeout_seconds=60) as session:
        rows = session.query(
            "SELECT event, count() AS n FROM {events:Identifier} "
            "WHERE team_id = {team_id:Int64} GROUP BY event"
        )
        return {row["event"]: row["n"] for row in rows}


def test_a_trace_comes_back_as_it_was_but_for_its_calls(place: ClickHouse) -> None:
    store(place, TRACE)
    (found,) = fetch(place, TRACE.trace_id, "another")
    assert vars(found) == vars(replace(TRACE, calls=()))


def test_what_is_unknown_stays_unknown(place: ClickHouse) -> None:
    bare = Trace("bare", turns=(Turn("user", "Hello"),))
    store(place, bare)
    (found,) = fetch(place, "bare")
    assert vars(found) == vars(bare)


def test_storing_again_writes_nothing(place: ClickHouse) -> None:
    bare = Trace("bare", turns=(Turn("user", "Hello"),))
    first, second = store(place, TRACE, bare), store(place, bare, TRACE)
    assert (first.new, first.changed, first.unchanged) == (2, 0, 0)
    assert (second.new, second.changed, second.unchanged) == (0, 0, 2)
    assert count_events(place) == {"$ai_trace": 2, "$ai_generation": 2}


def test_a_trace_that_went_on_replaces_what_was_stored_even_on_another_day(place: ClickHouse) -> None:
    store(place, TRACE)
    longer = replace(TRACE, end=START + timedelta(days=1), turns=(*TRACE.turns, Turn("user", "Thanks")))
    report = store(place, longer)
    assert (report.new, report.changed, report.unchanged) == (0, 1, 0)
    assert not report.not_deleted
    assert count_events(place) == {"$ai_trace": 1, "$ai_generation": 2}
    assert fetch(place, TRACE.trace_id)[0].turns[-1].text == "Thanks"


def test_another_team_sees_nothing(place: ClickHouse) -> None:
    store(place, TRACE)
    assert fetch(place, TRACE.trace_id, team_id=2) == []


@pytest.mark.usefixtures("clickhouse")
def test_the_digest_does_not_depend_on_when_a_trace_without_times_was_read() -> None:
    bare = Trace("bare", turns=(Turn("user", "Hello"),))
    assert prepare_trace(bare, READ_AT).digest == prepare_trace(bare, START).digest
    assert prepare_trace(bare, READ_AT).digest != prepare_trace(replace(bare, name="x"), READ_AT).digest

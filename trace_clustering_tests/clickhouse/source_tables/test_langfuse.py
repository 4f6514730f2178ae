"""Langfuse's tables: newest versions, late rows, and never a row of another project."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering_tests.clickhouse.source_tables.filling import (
    create_table,
    insert_rows,
    open_client,
    read_day,
)
from trace_clustering_tests.clickhouse.source_tables.schemas import OBSERVATIONS, SCORES, TRACES

DAY = datetime(2025, 1, 22, tzinfo=UTC)
NEXT_DAY = DAY + timedelta(days=1)
NOON = DAY + timedelta(hours=12)
SOURCE = {"kind": "langfuse", "project_id": "p1"}

HOSTILE_IDS = [
    "p1'",
    "p1' OR '1' = '1",
    "p1\\",
    "p1\0",
    "p1\n",
    "{project_id:String}",
    "p1') UNION ALL SELECT * FROM traces --",
    "%s",
    "Prüfung 🦔",
]


def make_trace(trace_id: str, moment: datetime = NOON, **fields: Any) -> dict[str, Any]:
    times = dict.fromkeys(("timestamp", "created_at", "updated_at", "event_ts"), moment)
    return {"id": trace_id, "project_id": "p1", "name": "shop", "session_id": "s1", **times, **fields}


def make_call(
    call_id: str, trace_id: str, moment: datetime = NOON, text: str = "Where is it?", **fields: Any
) -> dict[str, Any]:
    times = dict.fromkeys(("start_time", "created_at", "updated_at", "event_ts"), moment)
    return {
        "id": call_id,
        "trace_id": trace_id,
        "project_id": "p1",
        "type": "GENERATION",
        "end_time": moment + timedelta(seconds=2),
        "level": "DEFAULT",
        "input": text,
        "output": "On its way.",
        "usage_details": {"input": 12, "output": 6, "total": 18},
        **times,
        **fields,
    }


@pytest.fixture
def tables(place: ClickHouse) -> ClickHouse:
    create_table(place, TRACES, "traces")
    create_table(place, OBSERVATIONS, "observations")
    return place


def test_a_trace_is_its_row_and_its_observations(tables: ClickHouse) -> None:
    insert_rows(tables, "traces", [make_trace("t1", user_id="u1", tags=["a", "b"])])
    insert_rows(tables, "observations", [make_call("o1", "t1", provided_model_name="m-small")])
    (trace,) = read_day(tables, SOURCE, DAY)
    assert (trace.trace_id, trace.name, trace.session_id, trace.user_id) == ("t1", "shop", "s1", "u1")
    assert (trace.tags, trace.models, trace.start) == (("a", "b"), ("m-small",), NOON)
    assert (trace.input_tokens, trace.output_tokens, trace.cost, trace.latency) == (12, 6, None, 2.0)
    assert [(turn.role, turn.text) for turn in trace.turns] == [
        ("user", "Where is it?"),
        ("assistant", "On its way."),
    ]


def test_observations_without_the_row_of_their_trace_are_a_trace(tables: ClickHouse) -> None:
    insert_rows(tables, "observations", [make_call("o1", "t1")])
    (trace,) = read_day(tables, SOURCE, DAY)
    assert (trace.trace_id, trace.session_id, len(trace.calls)) == ("t1", "", 1)


def test_a_trace_without_observations_has_the_content_of_its_row(tables: ClickHouse) -> None:
    insert_rows(tables, "traces", [make_trace("t1", input="Hello?", output="Hello!")])
    (trace,) = read_day(tables, SOURCE, DAY)
    assert [turn.text for turn in trace.turns] == ["Hello?", "Hello!"]


def test_the_newest_version_of_a_row_counts_even_if_its_start_was_moved_to_another_day(
    tables: ClickHouse,
) -> None:
    earlier = NOON - timedelta(days=1)
    old = make_call("o1", "t1", earlier, "old", event_ts=NOON)
    new = make_call("o1", "t1", NOON, "new", event_ts=NOON + timedelta(seconds=1))
    insert_rows(tables, "observations", [new, old])
    (trace,) = read_day(tables, SOURCE, DAY)
    assert (trace.list_texts("user"), len(trace.calls), trace.start) == (["new"], 1, NOON)


def test_what_was_deleted_is_not_read(tables: ClickHouse) -> None:
    later = {"event_ts": NOON + timedelta(minutes=1), "is_deleted": 1}
    insert_rows(tables, "traces", [make_trace("t1"), make_trace("t2"), make_trace("t2", **later)])
    calls = [make_call("o1", "t1"), make_call("o2", "t1", NOON + timedelta(seconds=9), "gone")]
    gone = [make_call("o2", "t1", NOON + timedelta(seconds=9), "gone", **later)]
    insert_rows(tables, "observations", [*calls, *gone])
    (trace,) = read_day(tables, SOURCE, DAY)
    assert (trace.trace_id, trace.list_texts("user")) == ("t1", ["Where is it?"])


def test_a_trace_that_went_on_after_its_day_is_read_whole_by_the_next_night(tables: ClickHouse) -> None:
    insert_rows(tables, "observations", [make_call("o1", "t1"), make_call("o2", "t2")])
    assert {trace.trace_id for trace in read_day(tables, SOURCE, DAY)} == {"t1", "t2"}
    assert read_day(tables, SOURCE, NEXT_DAY) == []
    insert_rows(tables, "observations", [make_call("o3", "t1", NOON + timedelta(days=1), "And now?")])
    (trace,) = read_day(tables, SOURCE, NEXT_DAY)
    assert (trace.trace_id, trace.list_texts("user")) == ("t1", ["Where is it?", "And now?"])
    assert (trace.start, len(trace.calls)) == (NOON, 2)


@pytest.mark.parametrize("arrival", ["event_ts", "created_at", "updated_at"])
def test_a_row_that_arrived_after_its_day_is_read_by_the_next_night(tables: ClickHouse, arrival: str) -> None:
    late = make_call("o1", "t1", **{arrival: NEXT_DAY + timedelta(hours=3)})
    insert_rows(tables, "observations", [late, make_call("o2", "t2")])
    assert [trace.trace_id for trace in read_day(tables, SOURCE, NEXT_DAY)] == ["t1"]


def test_a_call_that_ended_after_midnight_belongs_to_both_days(tables: ClickHouse) -> None:
    call = make_call("o1", "t1", NEXT_DAY - timedelta(hours=3), end_time=NEXT_DAY + timedelta(hours=1))
    insert_rows(tables, "observations", [call])
    assert len(read_day(tables, SOURCE, DAY)) == len(read_day(tables, SOURCE, NEXT_DAY)) == 1


def test_what_happened_just_before_midnight_is_read_again(tables: ClickHouse) -> None:
    insert_rows(tables, "observations", [make_call("o1", "t1", NEXT_DAY - timedelta(minutes=1))])
    assert [trace.trace_id for trace in read_day(tables, SOURCE, NEXT_DAY)] == ["t1"]


def test_a_call_without_an_end_is_read_and_its_end_is_unknown(tables: ClickHouse) -> None:
    insert_rows(tables, "observations", [make_call("o1", "t1", end_time=None)])
    (trace,) = read_day(tables, SOURCE, DAY)
    assert (trace.calls[0].start, trace.calls[0].end, trace.calls[0].latency) == (NOON, None, None)


def test_no_row_of_another_project_appears_whatever_the_ids_hold(tables: ClickHouse) -> None:
    projects = ["p1", *HOSTILE_IDS]
    insert_rows(
        tables, "traces", [make_trace("t1", project_id=project, name=project) for project in projects]
    )
    calls = [make_call("o1", "t1", text=project, project_id=project) for project in projects]
    insert_rows(tables, "observations", calls)
    for project in projects:
        (trace,) = read_day(tables, SOURCE | {"project_id": project}, DAY)
        assert (trace.name, trace.list_texts("user")) == (project, [project])
    assert read_day(tables, SOURCE | {"project_id": "p"}, DAY) == []


def make_score(score_id: str, trace_id: str | None, moment: datetime = NOON, **fields: Any) -> dict[str, Any]:
    times = dict.fromkeys(("timestamp", "created_at", "updated_at", "event_ts"), moment)
    return {
        "id": score_id,
        "trace_id": trace_id,
        "project_id": "p1",
        "data_type": "NUMERIC",
        **times,
        **fields,
    }


def test_metadata_and_scores_are_properties_of_the_trace(tables: ClickHouse) -> None:
    metadata = {"tier": "gold", "step": "3", "ok": "true", "id": "9007199254740993", "nested": '{"a": 1}'}
    insert_rows(tables, "traces", [make_trace("t1", metadata=metadata, release="r2", version="1.0")])
    insert_rows(tables, "observations", [make_call("o1", "t1", metadata={"node": "plan"})])
    later = {"event_ts": NOON + timedelta(minutes=1)}
    scores = [
        make_score("a", "t1", name="helpful", value=1.0),
        make_score("a", "t1", name="helpful", value=0.5, **later),
        make_score("b", "t1", name="tone", value=0.0, string_value="kind", data_type="CATEGORICAL"),
        make_score("c", "t1", name="gone", value=1.0, is_deleted=1),
        make_score("d", None, name="of a session", value=1.0),
        make_score("e", "t1", name="of another", value=1.0, project_id="p2"),
        make_score("f", "t1", name="endless", value=float("nan")),
    ]
    create_table(tables, SCORES, "scores", scores)
    (trace,) = read_day(tables, SOURCE, DAY)
    assert trace.properties == {
        **{"tier": "gold", "step": 3, "ok": True, "id": "9007199254740993", "node": "plan"},
        **{"release": "r2", "version": "1.0", "score.helpful": 0.5, "score.tone": "kind"},
    }


def test_a_score_that_comes_later_brings_its_trace_to_the_next_night(tables: ClickHouse) -> None:
    insert_rows(tables, "observations", [make_call("o1", "t1"), make_call("o2", "t2")])
    create_table(tables, SCORES, "scores", [make_score("a", "t2", NEXT_DAY, name="helpful", value=1.0)])
    (trace,) = read_day(tables, SOURCE, NEXT_DAY)
    assert (trace.trace_id, trace.properties) == ("t2", {"score.helpful": 1.0})


def test_ids_of_traces_may_hold_anything(tables: ClickHouse) -> None:
    ids = ["t'1", "t\\", "t\0", "t\t\n", "t::1", "{trace_ids:Array(String)}", "ü🦔", "x" * 2000]
    insert_rows(tables, "traces", [make_trace(trace_id) for trace_id in ["", *ids]])
    insert_rows(tables, "observations", [make_call(trace_id, trace_id) for trace_id in ["", *ids]])
    found = read_day(tables, SOURCE, DAY)
    assert sorted(trace.trace_id for trace in found) == sorted(ids)
    assert all(len(trace.calls) == 1 for trace in found)


def test_the_order_of_the_rows_changes_nothing(tables: ClickHouse) -> None:
    calls = [make_call(f"o{i}", f"t{i % 7}", NOON + timedelta(seconds=i), f"text {i}") for i in range(40)]
    insert_rows(tables, "observations", calls)
    first = [vars(trace) for trace in read_day(tables, SOURCE, DAY)]
    with open_client(tables) as client:
        client.command("TRUNCATE TABLE observations")
    insert_rows(tables, "observations", calls[::-1])
    assert [vars(trace) for trace in read_day(tables, SOURCE, DAY)] == first
    assert len(first) == 7

"""Tables are read in pages and batches, while the caller may write; what cannot be read is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.source_tables import active_traces
from trace_clustering.clickhouse.source_tables.trace_source import parse_source
from trace_clustering.sources import tables
from trace_clustering.traces.window import Window
from trace_clustering_tests.clickhouse.source_tables.filling import (
    create_table,
    insert_rows,
    open_client,
    read_day,
    read_day_with_faults,
)
from trace_clustering_tests.clickhouse.source_tables.schemas import OBSERVATIONS, OTEL_TRACES, TRACES
from trace_clustering_tests.clickhouse.source_tables.test_langfuse import (
    DAY,
    NOON,
    SOURCE,
    make_call,
    make_trace,
)
from trace_clustering_tests.clickhouse.source_tables.test_otel_traces import make_span


@pytest.fixture
def langfuse(clickhouse: ClickHouse) -> ClickHouse:
    create_table(clickhouse, TRACES, "traces")
    create_table(clickhouse, OBSERVATIONS, "observations")
    return clickhouse


def fill(place: ClickHouse, traces: int, calls: int = 2) -> None:
    """Insert traces of which several begin at the same moment."""
    moments = [NOON + timedelta(seconds=number // 3) for number in range(traces)]
    insert_rows(place, "traces", [make_trace(f"t{n:02}", moment) for n, moment in enumerate(moments)])
    rows = [
        make_call(f"o{n}-{call}", f"t{n:02}", moment + timedelta(seconds=call), f"text {n} {call}")
        for n, moment in enumerate(moments)
        for call in range(calls)
    ]
    insert_rows(place, "observations", rows)


@pytest.mark.parametrize(("page", "batch", "rows"), [(1, 1, 1), (3, 2, 100), (4, 100, 7), (13, 5, 100)])
def test_small_pages_and_batches_give_the_same_traces(
    langfuse: ClickHouse, monkeypatch: pytest.MonkeyPatch, page: int, batch: int, rows: int
) -> None:
    fill(langfuse, 13)
    whole = {trace.trace_id: vars(trace) for trace in read_day(langfuse, SOURCE, DAY)}
    for module in (active_traces, tables):
        monkeypatch.setattr(module, "MAX_TRACES_PER_PAGE", page)
    monkeypatch.setattr(active_traces, "MAX_TRACES_PER_BATCH", batch)
    monkeypatch.setattr(active_traces, "MAX_ROWS_PER_BATCH", rows)
    found = read_day(langfuse, SOURCE, DAY)
    assert len(found) == len(whole) == 13
    assert {trace.trace_id: vars(trace) for trace in found} == whole


def test_the_caller_may_write_to_the_same_place_while_it_takes_traces(langfuse: ClickHouse) -> None:
    fill(langfuse, 5)
    with open_client(langfuse) as client:
        source = parse_source({**SOURCE, "database": client.database})
    window = Window(DAY, DAY + timedelta(days=1))
    left_out: list[Any] = []
    traces = tables.read_table_traces(
        langfuse, source, 1, window, timeout_seconds=60, tell_left_out=lambda *told: left_out.append(told)
    )
    for trace in traces:
        with langfuse.open_session(1, timeout_seconds=60) as session:
            session.insert("events", [[trace.trace_id]], ["event"])
    with langfuse.open_session(1, timeout_seconds=60) as session:
        assert session.query("SELECT count() AS found FROM events") == [{"found": 5}]
    assert left_out == []


def test_a_trace_that_cannot_be_read_is_told_and_the_others_are_read(clickhouse: ClickHouse) -> None:
    broken = {"gen_ai.request.model": "m-small", "gen_ai.usage.input_tokens": "many"}
    spans = [make_span("01", "ab\x1b01", SpanAttributes=broken), make_span("02", "cd02")]
    create_table(clickhouse, OTEL_TRACES, "otel_traces", spans)
    left_out: list[tuple[str, str]] = []
    source = {"kind": "otel", "service": "shop-bot"}
    assert [trace.trace_id for trace in read_day_with_faults(clickhouse, source, DAY, left_out)] == ["cd02"]
    assert left_out == [("ab\x1b01", "the number of input tokens must be a number, not 'many'")]


def test_a_trace_that_is_too_large_is_told(langfuse: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_TRACE_BYTES", 2 * 1024**2)
    long = "x" * 1024**2
    rows = [make_call(f"o{n}", "t1", NOON + timedelta(seconds=n), long + str(n)) for n in range(3)]
    insert_rows(langfuse, "observations", [*rows, make_call("o9", "t0"), make_call("o8", "t2")])
    left_out: list[tuple[str, str]] = []
    found = read_day_with_faults(langfuse, SOURCE, DAY, left_out)
    assert [trace.trace_id for trace in found] == ["t0", "t2"]
    assert left_out == [("t1", "it is larger than 2 MiB")]


def test_hostile_text_stays_text(langfuse: ClickHouse) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    texts = ["'; DROP TABLE traces; --", "nul\0 \x1b[31m", "\\N", "{project_id:String}", deep, '{"role": 7}']
    rows = [make_call(f"o{n}", f"t{n}", NOON, text) for n, text in enumerate(texts)]
    insert_rows(langfuse, "observations", rows)
    found = {trace.trace_id: trace.turns[0].text for trace in read_day(langfuse, SOURCE, DAY)}
    assert found == {f"t{n}": text for n, text in enumerate(texts)}


def test_text_that_is_no_utf8_is_repaired(langfuse: ClickHouse) -> None:
    insert_rows(langfuse, "observations", [make_call("o1", "t1")])
    with open_client(langfuse) as client:
        client.command(
            "INSERT INTO observations (project_id, trace_id, id, type, input, start_time, event_ts) "
            "SELECT 'p1', 't2', 'o2', 'GENERATION', unhex('61ff62'), start_time, event_ts FROM observations"
        )
    found = {trace.trace_id: trace.list_texts("user") for trace in read_day(langfuse, SOURCE, DAY)}
    assert found == {"t1": ["Where is it?"], "t2": ["a\ufffdb"]}


def test_a_trace_older_than_is_looked_for_is_read_without_its_beginning(langfuse: ClickHouse) -> None:
    old = NOON - timedelta(days=40)
    rows = [make_call("o1", "t1", old, "Long ago"), make_call("o2", "t1", NOON, "Now")]
    insert_rows(langfuse, "observations", rows)
    (trace,) = read_day(langfuse, SOURCE, DAY)
    assert trace.list_texts("user") == ["Now"]


def test_a_day_without_traces_has_none(langfuse: ClickHouse) -> None:
    assert read_day(langfuse, SOURCE, datetime(2024, 2, 29, tzinfo=UTC)) == []

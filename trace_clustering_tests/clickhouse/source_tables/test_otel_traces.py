"""The collector's `otel_traces`: errors, events, retries, other applications, and other services."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import ClickHouseSetupError
from trace_clustering_tests.clickhouse.source_tables.filling import create_table, insert_rows, read_day
from trace_clustering_tests.clickhouse.source_tables.schemas import (
    OTEL_LOGS,
    OTEL_LOGS_JSON,
    OTEL_TRACES,
    OTEL_TRACES_JSON,
)
from trace_clustering_tests.clickhouse.source_tables.test_langfuse import HOSTILE_IDS

NOON = datetime(2025, 1, 22, 12, tzinfo=UTC)
DAY, NEXT_DAY = NOON - timedelta(hours=12), NOON + timedelta(hours=12)
SOURCE = {"kind": "otel", "service": "shop-bot"}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-small"}
ASKED = '[{"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}]'


def make_span(
    span_id: str, trace_id: str = "ab01", moment: datetime = NOON, service: str = "shop-bot", **fields: Any
) -> dict[str, Any]:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m-small",
        "gen_ai.usage.input_tokens": "12",
        "gen_ai.input.messages": ASKED,
    }
    return {
        "Timestamp": moment,
        "TraceId": trace_id,
        "SpanId": span_id,
        "SpanName": "chat",
        "ServiceName": service,
        "ResourceAttributes": {"service.name": service, "deployment.environment": "live"},
        "SpanAttributes": attributes,
        "Duration": 2_000_000_000,
        "StatusCode": "Unset",
        **fields,
    }


def make_log(
    name: str, body: str, moment: datetime = NOON, service: str = "shop-bot", **fields: Any
) -> dict[str, Any]:
    return {
        "Timestamp": moment,
        "TraceId": "ab01",
        "SpanId": "01",
        "ServiceName": service,
        "ResourceAttributes": {"service.name": service},
        "Body": body,
        "LogAttributes": {"event.name": name, "gen_ai.system": "openai"},
        **fields,
    }


@pytest.fixture
def table(place: ClickHouse) -> ClickHouse:
    create_table(place, OTEL_TRACES, "otel_traces")
    return place


def test_a_trace_is_its_spans(table: ClickHouse) -> None:
    insert_rows(table, "otel_traces", [make_span("01")])
    (trace,) = read_day(table, SOURCE, DAY)
    assert (trace.trace_id, trace.start, trace.latency, trace.environment) == ("ab01", NOON, 2.0, "live")
    assert (trace.models, trace.input_tokens, trace.is_error) == (("m-small",), 12, False)
    assert trace.list_texts("user") == ["Where is it?"]


@pytest.mark.parametrize("code", ["Error", "STATUS_CODE_ERROR"])
def test_an_error_is_told_by_the_status(clickhouse: ClickHouse, code: str) -> None:
    span = make_span("01", StatusCode=code, StatusMessage="overloaded")
    create_table(clickhouse, OTEL_TRACES, "otel_traces", [span])
    (trace,) = read_day(clickhouse, SOURCE, DAY)
    assert (trace.is_error, trace.error) == (True, "overloaded")


def test_events_may_be_one_column(clickhouse: ClickHouse) -> None:
    for number, schema in enumerate((OTEL_TRACES, OTEL_TRACES_JSON)):
        table = f"spans_{number}"
        create_table(clickhouse, schema, table, settings={"flatten_nested": 0})
        span = make_span("01", SpanAttributes={"http.method": "POST"})
        content = {"content": "Where is it?"}
        event = {"Timestamp": NOON, "Name": "gen_ai.user.message", "Attributes": content}
        insert_rows(clickhouse, table, [span | {"Events": [event]}])
        (trace,) = read_day(clickhouse, SOURCE | {"spans_table": table}, DAY)
        assert trace.list_texts("user") == ["Where is it?"]


@pytest.mark.parametrize("schema", [OTEL_TRACES, OTEL_TRACES_JSON], ids=["maps", "json"])
def test_messages_may_be_events_of_a_span(clickhouse: ClickHouse, schema: str) -> None:
    span = make_span("01", SpanAttributes={"http.method": "POST"})
    span |= {
        "Events.Timestamp": [NOON + timedelta(seconds=1), NOON],
        "Events.Name": ["gen_ai.choice", "gen_ai.user.message"],
        "Events.Attributes": [{"content": "On its way."}, {"content": "Where is it?"}],
    }
    create_table(clickhouse, schema, "otel_traces", [span])
    (trace,) = read_day(clickhouse, SOURCE, DAY)
    assert [(turn.role, turn.text) for turn in trace.turns] == [
        ("user", "Where is it?"),
        ("assistant", "On its way."),
    ]


@pytest.mark.parametrize(
    ("spans", "logs"), [(OTEL_TRACES, OTEL_LOGS), (OTEL_TRACES_JSON, OTEL_LOGS_JSON)], ids=["maps", "json"]
)
@pytest.mark.parametrize(
    "owner", [{"service": "shop-bot"}, {"resource_attribute": {"service.name": "shop-bot"}}]
)
def test_messages_may_be_logs_of_a_span(
    clickhouse: ClickHouse, spans: str, logs: str, owner: dict[str, Any]
) -> None:
    create_table(clickhouse, spans, "otel_traces", [make_span("01", SpanAttributes=CHAT)])
    choice = '{"index": 0, "message": {"role": "assistant", "content": "On its way."}}'
    rows = [
        make_log("gen_ai.choice", choice, NOON + timedelta(seconds=2)),
        make_log("gen_ai.user.message", '{"content": "Where is it?"}'),
        make_log("gen_ai.user.message", '{"content": "Where is it?"}'),  # sent twice
        make_log("gen_ai.user.message", '{"content": "Secret"}', service="other"),
        make_log("http.request", '{"content": "GET"}'),
    ]
    create_table(clickhouse, logs, "otel_logs", rows)
    (trace,) = read_day(clickhouse, {"kind": "otel", **owner}, DAY)
    assert [(turn.role, turn.text) for turn in trace.turns] == [
        ("user", "Where is it?"),
        ("assistant", "On its way."),
    ]


def test_a_table_that_has_the_name_of_the_logs_only_is_left_alone(table: ClickHouse) -> None:
    insert_rows(table, "otel_traces", [make_span("01")])
    create_table(table, "CREATE TABLE {table:Identifier} (body String) ENGINE = Memory", "otel_logs")
    assert len(read_day(table, SOURCE, DAY)) == 1
    with pytest.raises(ClickHouseSetupError, match=r"no column \w+, .* logs_table of the team's source"):
        read_day(table, SOURCE | {"logs_table": "otel_logs"}, DAY)


def test_a_span_that_was_exported_twice_counts_once(table: ClickHouse) -> None:
    insert_rows(table, "otel_traces", [make_span("01"), make_span("02"), make_span("01")])
    (trace,) = read_day(table, SOURCE, DAY)
    assert (len(trace.calls), trace.input_tokens) == (2, 24)


def test_traces_of_other_applications_of_the_service_are_none(table: ClickHouse) -> None:
    web = make_span("01", "cd02", SpanAttributes={"http.method": "GET"})
    of_both = make_span("02", "ab01", SpanAttributes={"http.method": "GET"})
    insert_rows(table, "otel_traces", [web, of_both, make_span("03", "ab01")])
    assert [trace.trace_id for trace in read_day(table, SOURCE, DAY)] == ["ab01"]


def test_a_trace_that_goes_on_is_read_whole_by_the_next_nights(table: ClickHouse) -> None:
    insert_rows(table, "otel_traces", [make_span("01"), make_span("02", "cd02", NOON - timedelta(days=2))])
    assert [trace.trace_id for trace in read_day(table, SOURCE, DAY)] == ["ab01"]
    more = make_span("03", "ab01", NOON + timedelta(days=5))
    insert_rows(table, "otel_traces", [more])
    (trace,) = read_day(table, SOURCE, DAY + timedelta(days=5))
    assert (trace.start, len(trace.calls)) == (NOON, 2)


def test_a_span_of_the_day_before_is_read_again_because_nothing_tells_when_it_arrived(
    table: ClickHouse,
) -> None:
    insert_rows(table, "otel_traces", [make_span("01")])
    assert len(read_day(table, SOURCE, NEXT_DAY)) == 1
    assert read_day(table, SOURCE, NEXT_DAY + timedelta(days=1)) == []


def test_no_span_of_another_service_appears(table: ClickHouse) -> None:
    services = ["shop-bot", *HOSTILE_IDS]
    spans = [
        make_span(f"a{number}", "ab01", service=service, SpanName=service)
        for number, service in enumerate(services)
    ]
    insert_rows(table, "otel_traces", spans)
    for service in services:
        (trace,) = read_day(table, SOURCE | {"service": [service]}, DAY)
        assert (trace.name, len(trace.calls)) == (service, 1)
    (trace,) = read_day(table, SOURCE | {"service": services[:2]}, DAY)
    assert len(trace.calls) == 2


@pytest.mark.parametrize("schema", [OTEL_TRACES, OTEL_TRACES_JSON], ids=["maps", "json"])
def test_an_owner_may_be_told_by_attributes_of_the_resource(clickhouse: ClickHouse, schema: str) -> None:
    values = ["red", "blue", "re'd", "re\\d", "red' OR 1 = 1 --"]
    spans = [
        make_span(f"a{number}", ResourceAttributes={"team.name": value, "team.kind": "a"})
        for number, value in enumerate(values)
    ]
    create_table(clickhouse, schema, "otel_traces", spans)
    for number, value in enumerate(values):
        source = {"kind": "otel", "resource_attribute": {"team.name": value, "team.kind": "a"}}
        (trace,) = read_day(clickhouse, source, DAY)
        assert [call.span_id for call in trace.calls] == [f"a{number}"]
    for wrong in ({"team.name": "green"}, {"team.name": "red", "team.kind": "b"}, {"te'am": "red"}):
        assert read_day(clickhouse, {"kind": "otel", "resource_attribute": wrong}, DAY) == []
    both = {"kind": "otel", "service": "other", "resource_attribute": {"team.name": "red"}}
    assert read_day(clickhouse, both, DAY) == []

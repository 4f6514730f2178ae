"""A server that forbids settings, or loses answers, never shows a row of another owner or hides one."""

from collections.abc import Iterator
from typing import Any

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.schema import CREATE_EVENTS
from trace_clustering.errors import ClickHouseQueryError, ClickHouseUnavailableError
from trace_clustering_tests.clickhouse.conftest import Server
from trace_clustering_tests.clickhouse.faulty_wire import Wire, open_wire
from trace_clustering_tests.clickhouse.source_tables import (
    schemas,
    test_langfuse,
    test_langfuse_events,
    test_otel_traces,
    test_posthog_events,
)
from trace_clustering_tests.clickhouse.source_tables.filling import create_table, insert_rows, read_day

pytestmark = pytest.mark.slow

DAY = test_langfuse.DAY


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    with open_wire(server.port) as wire:
        yield wire


@pytest.fixture
def faulty(server: Server, wire: Wire) -> ClickHouse:
    """The tables of two owners on the real server, behind the wire."""
    database = server.new_database()
    place = ClickHouse(dsn=server.dsn(database))
    create_table(place, schemas.TRACES, "traces")
    create_table(place, schemas.OBSERVATIONS, "observations")
    create_table(place, schemas.EVENTS_FULL, "events_full")
    create_table(place, schemas.OTEL_TRACES, "otel_traces")
    create_table(place, CREATE_EVENTS.replace("{events:Identifier}", "{table:Identifier}"), "events")
    create_table(place, schemas.AI_EVENTS, "ai_events")
    for project, team in (("p1", 7), ("p2'", 8)):
        insert_rows(place, "traces", [test_langfuse.make_trace("t1", project_id=project)])
        call = test_langfuse.make_call("o1", "t1", project_id=project, id=project)
        insert_rows(place, "observations", [call])
        insert_rows(place, "events_full", [test_langfuse_events.make_event(project, project_id=project)])
        insert_rows(place, "otel_traces", [test_otel_traces.make_span(f"a{team}", service=project)])
        insert_rows(place, "events", [test_posthog_events.make_event(f"e{team}", team_id=team)])
        text = {"team_id": team, "trace_id": "t1", "span_id": f"e{team}", "input": "Where?"}
        insert_rows(place, "ai_events", [text])
    return ClickHouse(dsn=Server(wire.port).dsn(database))


OWNERS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "langfuse", "project_id": "p2'"}, "p2'"),
    ({"kind": "langfuse_events", "project_id": "p2'"}, "p2'"),
    ({"kind": "otel", "service": "p2'"}, "a8"),
    ({"kind": "otel", "resource_attribute": {"service.name": "p2'"}}, "a8"),
    ({"kind": "posthog", "team_id": 8}, "e8"),
    ({"kind": "posthog", "team_id": 8, "ai_events_table": "ai_events"}, "e8"),
]


@pytest.mark.parametrize(("source", "own"), OWNERS)
def test_a_user_that_may_set_nothing_reads_only_the_rows_of_the_owner(
    faulty: ClickHouse, wire: Wire, source: dict[str, Any], own: str
) -> None:
    wire.break_next("read only", b"", times=1000)
    (trace,) = read_day(faulty, source, DAY)
    assert [call.span_id for call in trace.calls] == [own]
    assert b"additional_table_filters" not in wire.statements[-1]


@pytest.mark.parametrize(("source", "own"), OWNERS)
def test_an_answer_that_was_lost_fails_and_hides_no_trace(
    faulty: ClickHouse, wire: Wire, source: dict[str, Any], own: str
) -> None:
    wire.break_next("empty answer", b"trace_id, min(start)")
    with pytest.raises(ClickHouseQueryError, match="the answer was lost on the way, try again"):
        read_day(faulty, source, DAY)
    wire.break_next("empty answer", b"LIMIT 1 BY")
    with pytest.raises(ClickHouseQueryError, match="the answer was lost on the way, try again"):
        read_day(faulty, source, DAY)
    wire.break_next("proxy", b"LIMIT 1 BY", times=9, refusal=(503, ""))
    with pytest.raises(ClickHouseUnavailableError, match="answered 503"):
        read_day(faulty, source, DAY)
    wire.times = 0
    (trace,) = read_day(faulty, source, DAY)
    assert [call.span_id for call in trace.calls] == [own]

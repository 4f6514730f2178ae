"""A session of a source only reads, and only the rows of its owner, whatever a statement says."""

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.source_tables.session import open_source_session
from trace_clustering.clickhouse.source_tables.trace_source import TraceSource, parse_source
from trace_clustering.environment import SOURCE_DSN
from trace_clustering.errors import ClickHouseSetupError, InvalidSettingsError
from trace_clustering_tests.clickhouse.conftest import Server
from trace_clustering_tests.clickhouse.source_tables.filling import (
    create_table,
    insert_rows,
    open_client,
    read_day,
)
from trace_clustering_tests.clickhouse.source_tables.schemas import OBSERVATIONS, TRACES
from trace_clustering_tests.clickhouse.source_tables.test_langfuse import DAY, SOURCE, make_call, make_trace


def name_source(place: ClickHouse, **fields: object) -> TraceSource:
    with open_client(place) as client:
        return parse_source({**SOURCE, "database": client.database, **fields})


@pytest.fixture
def two_projects(place: ClickHouse) -> ClickHouse:
    rows = [make_trace("t1", project_id=project, name=project) for project in ("p1", "p2")]
    create_table(place, TRACES, "traces", rows)
    calls = [make_call("o1", "t1", project_id=project, text=project) for project in ("p1", "p2")]
    create_table(place, OBSERVATIONS, "observations", calls)
    return place


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name AS owner FROM traces",
        "SELECT name AS owner FROM {traces:Identifier} FINAL",
        "SELECT input AS owner FROM observations WHERE project_id != ''",
        "SELECT o.input AS owner FROM traces AS t JOIN observations AS o ON t.id = o.trace_id",
        "WITH w AS (SELECT name FROM traces) SELECT max(name) AS owner FROM w",
    ],
)
def test_a_statement_that_forgets_the_project_reads_only_its_rows(
    two_projects: ClickHouse, statement: str
) -> None:
    source = name_source(two_projects)
    with open_source_session(two_projects, source, 1, timeout_seconds=60) as session:
        assert session.query(statement) == [{"owner": "p1"}]


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE TABLE traces",
        "INSERT INTO traces (id) VALUES ('x')",
        "CREATE TABLE x (a Int8) ENGINE = Memory",
    ],
)
def test_a_session_of_a_source_cannot_write(two_projects: ClickHouse, statement: str) -> None:
    source = name_source(two_projects)
    with (
        open_source_session(two_projects, source, 1, timeout_seconds=60) as session,
        pytest.raises(ClickHouseSetupError, match="lets the user only read"),
    ):
        session.query(statement)
    assert [trace.name for trace in read_day(two_projects, SOURCE, DAY)] == ["p1"]


def test_a_table_that_is_not_there_is_named(place: ClickHouse) -> None:
    create_table(place, TRACES, "traces")
    source = name_source(place)
    message = "has no table foreign_.*observations, or its user may not see it; name .*observations_table"
    with (
        pytest.raises(ClickHouseSetupError, match=message),
        open_source_session(place, source, 1, timeout_seconds=60),
    ):
        pass


def test_a_table_of_scores_need_not_be_there_unless_it_is_named(two_projects: ClickHouse) -> None:
    assert len(read_day(two_projects, SOURCE, DAY)) == 1
    with pytest.raises(
        ClickHouseSetupError, match=r"has no table .*marks.*scores_table of the team's source"
    ):
        read_day(two_projects, SOURCE | {"scores_table": "marks"}, DAY)


def test_a_column_that_is_not_there_is_named(place: ClickHouse) -> None:
    create_table(place, TRACES, "traces")
    create_table(place, "CREATE TABLE {table:Identifier} (project_id String) ENGINE = Memory", "observations")
    with pytest.raises(ClickHouseSetupError, match=r"no column trace_id.*observations_table of the team's"):
        read_day(place, SOURCE, DAY)


def test_the_tables_may_be_on_another_server(
    clickhouse: ClickHouse, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = server.new_database()
    other = ClickHouse(dsn=server.dsn(database))
    create_table(other, TRACES, "traces", [make_trace("t1", name="far away")])
    create_table(other, OBSERVATIONS, "observations")
    monkeypatch.setenv(f"{SOURCE_DSN}_1", server.dsn(f"foreign_{database}"))
    source = {**SOURCE, "database": "", "dsn": {"env": f"{SOURCE_DSN}_1"}}
    assert [trace.name for trace in read_day(clickhouse, source, DAY)] == ["far away"]
    monkeypatch.setenv(f"{SOURCE_DSN}_1", server.dsn(f"foreign_{database}", "another one"))
    with pytest.raises(ClickHouseSetupError, match=f"refused user or password; check both in {SOURCE_DSN}_1"):
        read_day(clickhouse, source, DAY)
    monkeypatch.setenv(f"{SOURCE_DSN}_1", "ftp://u:hunter2@h")
    with pytest.raises(InvalidSettingsError, match=rf"address \({SOURCE_DSN}_1\) must start with") as caught:
        read_day(clickhouse, source, DAY)
    assert "hunter2" not in str(caught.value)


def test_rows_of_the_place_itself_stay_as_they_are(two_projects: ClickHouse) -> None:
    insert_rows(two_projects, "traces", [make_trace("t2", name="second")])
    assert [trace.name for trace in read_day(two_projects, SOURCE, DAY)] == ["p1", "second"]
    with two_projects.open_session(1, timeout_seconds=60) as session:
        session.insert("events", [["e"]], ["event"])
        assert session.query("SELECT event FROM events") == [{"event": "e"}]

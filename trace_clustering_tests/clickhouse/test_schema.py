"""Two tables are those of PostHog, and two hold what runs found."""

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import ClickHouseSetupError
from trace_clustering_tests.clickhouse.conftest import Server

COLUMNS = {
    "events": {
        "uuid": "UUID",
        "event": "String",
        "properties": "String",
        "timestamp": "DateTime64(6, 'UTC')",
        "team_id": "Int64",
        "distinct_id": "String",
        "elements_chain": "String",
        "created_at": "DateTime64(6, 'UTC')",
        "person_id": "UUID",
        "person_properties": "String",
        **{f"group{number}_properties": "String" for number in range(5)},
        "person_mode": "Enum8('full' = 0, 'propertyless' = 1, 'force_upgrade' = 2)",
        "inserted_at": "Nullable(DateTime64(6, 'UTC'))",
    },
    "document_embeddings": {
        "team_id": "Int64",
        "product": "LowCardinality(String)",
        "document_type": "LowCardinality(String)",
        "model_name": "LowCardinality(String)",
        "rendering": "LowCardinality(String)",
        "document_id": "String",
        "timestamp": "DateTime64(3, 'UTC')",
        "inserted_at": "DateTime64(3, 'UTC')",
        "content": "String",
        "embedding": "Array(Float64)",
    },
}
# Columns of which only the name is known.
NAMES = {
    "events": {
        "person_created_at",
        *(f"group{number}_created_at" for number in range(5)),
        "_timestamp",
        "_offset",
    },
    "document_embeddings": {"_timestamp", "_offset", "_partition"},
}
TABLES = {
    "events": {
        "engine": "ReplacingMergeTree(_timestamp)",
        "partition_key": "toYYYYMM(timestamp)",
        "sorting_key": "team_id, toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid)",
        "sampling_key": "cityHash64(distinct_id)",
        "index_granularity": "8192",
    },
    "document_embeddings": {
        "engine": "ReplacingMergeTree(inserted_at)",
        "partition_key": "toMonday(timestamp)",
        "sorting_key": "team_id, toDate(timestamp), product, document_type, model_name, rendering, "
        "cityHash64(document_id)",
        "sampling_key": "",
        "index_granularity": "512",
    },
}

NAMES_OF_TABLES = ("events", "document_embeddings", "trace_cluster_centroids", "trace_cluster_assignments")

THE_COLUMNS = (
    "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {t:String}"
)
THE_TABLE = r"""
SELECT
    extract(engine_full, '^\\S+') AS engine, partition_key, sorting_key, sampling_key,
    extract(engine_full, 'index_granularity = (\\d+)') AS index_granularity
FROM system.tables WHERE database = currentDatabase() AND name = {t:String}
"""


@pytest.mark.parametrize("table", ["events", "document_embeddings"])
def test_columns_engine_and_keys_are_those_of_posthog(shared_place: ClickHouse, table: str) -> None:
    with shared_place.open_session(1, timeout_seconds=60) as session:
        columns = {row["name"]: row["type"] for row in session.query(THE_COLUMNS, t=table)}
        described = session.query(THE_TABLE, t=table)
    assert columns.keys() == COLUMNS[table].keys() | NAMES[table]
    assert {name: columns[name] for name in COLUMNS[table]} == COLUMNS[table]
    assert described == [TABLES[table]]


def test_creating_the_tables_again_keeps_their_rows(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        session.insert("events", [["kept"]], ["event"])
    place.create_tables()
    with place.open_session(1, timeout_seconds=60) as session:
        assert session.query("SELECT event FROM events") == [{"event": "kept"}]


def test_the_embedded_engine_creates_its_tables_on_first_use(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        assert session.query("SELECT event FROM events") == []
        assert session.query("SELECT document_id FROM document_embeddings") == []


def test_a_server_gets_tables_only_when_asked(server: Server) -> None:
    database = server.new_database()
    clickhouse = ClickHouse(dsn=server.dsn(database))
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        with pytest.raises(ClickHouseSetupError, match="trace-clustering create-tables"):
            session.query("SELECT event FROM events")
        with pytest.raises(ClickHouseSetupError, match="trace-clustering create-tables"):
            session.insert("events", [["e"]], ["event"])
    assert clickhouse.create_tables() == [f"{database}.{name}" for name in NAMES_OF_TABLES]
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        assert session.query("SELECT event FROM events") == []


def test_the_tables_can_have_other_names(place: ClickHouse) -> None:
    renamed = ClickHouse(
        dsn=place.dsn,
        events_table="my_events",
        embeddings_table="my_vectors",
        centroids_table="my_centroids",
        assignments_table="my_assignments",
    )
    assert [name.partition(".")[2] for name in renamed.create_tables()] == [
        *("my_events", "my_vectors", "my_centroids", "my_assignments")
    ]
    for team_id in (1, 2):
        with renamed.open_session(team_id, timeout_seconds=60) as session:
            session.insert("events", [[f"of {team_id}"]], ["event"])
            session.insert("embeddings", [[f"of {team_id}"]], ["document_id"])
    with renamed.open_session(2, timeout_seconds=60) as session:
        assert session.query("SELECT event FROM my_events") == [{"event": "of 2"}]
        assert session.query("SELECT event FROM {events:Identifier}") == [{"event": "of 2"}]
        assert session.query("SELECT document_id AS id FROM {embeddings:Identifier}") == [{"id": "of 2"}]


def test_the_embedded_engine_keeps_the_tables_in_any_database(clickhouse: ClickHouse) -> None:
    elsewhere = ClickHouse(dsn=clickhouse.dsn, database="analytics")
    assert elsewhere.create_tables() == [f"analytics.{name}" for name in NAMES_OF_TABLES]
    for team_id in (1, 2):
        with elsewhere.open_session(team_id, timeout_seconds=60) as session:
            session.insert("events", [[f"of {team_id}"]], ["event"])
    with elsewhere.open_session(2, timeout_seconds=60) as session:
        assert session.query("SELECT event FROM events") == [{"event": "of 2"}]
    with clickhouse.open_session(2, timeout_seconds=60) as session:
        assert session.query("SELECT event FROM events") == []


def test_the_database_setting_wins_over_that_of_the_address(server: Server) -> None:
    database = server.new_database()
    clickhouse = ClickHouse(dsn=server.dsn(server.new_database()), database=database)
    assert clickhouse.create_tables() == [f"{database}.{name}" for name in NAMES_OF_TABLES]
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        session.insert("events", [["e"]], ["event"])
        assert session.query("SELECT event FROM events") == [{"event": "e"}]


@pytest.mark.parametrize("table", ["trace_cluster_centroids", "trace_cluster_assignments"])
def test_what_runs_found_is_kept_for_a_time_that_can_be_set(clickhouse: ClickHouse, table: str) -> None:
    elsewhere = ClickHouse(dsn=clickhouse.dsn, database="short", retention_days=7)
    kept = "SELECT engine_full FROM system.tables WHERE database = {d:String} AND name = {t:String}"
    for place, database, days in [(clickhouse, "default", 90), (elsewhere, "short", 7)]:
        with place.open_session(1, timeout_seconds=60) as session:
            (row,) = session.query(kept, d=database, t=table)
        assert f"TTL toDateTime(inserted_at) + toIntervalDay({days})" in row["engine_full"]

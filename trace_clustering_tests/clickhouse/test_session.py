"""A session belongs to one team, and values come back as they were given."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from trace_clustering.clickhouse.resource import ClickHouse

OWN, OTHER = 1, 2**63 - 1

VALUES = [
    "",
    "plain",
    'it\'s "quoted" and `quoted`',
    "back\\slash \\' \\n \\\\",
    "{team_id:Int64} {x} %s %(x)s $x$ ?",
    "'; DROP TABLE events; --",
    "line\nbreak\r\n\tand tab",
    "nul\0byte \x01 \x7f",
    "Grüße, 漢字, 🦔 and \u2028",
    "\\N",
    "NULL",
    "--boundary\r\n\r\n",
]


@pytest.fixture(scope="module")
def two_teams(shared_place: ClickHouse) -> ClickHouse:
    """Two teams with one row in each table, which tell whose they are."""
    for team_id, owner in ((OWN, "own"), (OTHER, "other")):
        with shared_place.open_session(team_id, timeout_seconds=60) as session:
            session.insert("events", [[owner, "shared"]], ["event", "distinct_id"])
            session.insert("embeddings", [[owner, "shared"]], ["document_id", "content"])
            session._client.command("CREATE VIEW IF NOT EXISTS events_view AS SELECT * FROM events")
    return shared_place


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT event AS owner FROM events",
        "SELECT document_id AS owner FROM document_embeddings",
        "SELECT event AS owner FROM {events:Identifier}",
        "SELECT e.event AS owner FROM events AS e FINAL",
        "SELECT event AS owner FROM events PREWHERE 1 WHERE team_id > 0",
        "SELECT owner FROM (SELECT event AS owner FROM events)",
        "WITH w AS (SELECT document_id AS owner FROM document_embeddings) SELECT owner FROM w",
        "SELECT document_id AS owner FROM events JOIN document_embeddings ON distinct_id = content",
        "SELECT 'own' AS owner WHERE 'other' NOT IN (SELECT event FROM events)",
        "SELECT 'own' AS owner FROM events HAVING count() = 1",
        "SELECT max(event) AS owner FROM events",
        "SELECT event AS owner FROM events_view",
        "SELECT event AS owner FROM events UNION DISTINCT SELECT document_id FROM document_embeddings",
    ],
)
def test_a_statement_that_forgets_the_team_reads_only_its_rows(two_teams: ClickHouse, statement: str) -> None:
    with two_teams.open_session(OWN, timeout_seconds=60) as session:
        assert session.query(statement) == [{"owner": "own"}]
        assert list(session.stream(statement)) == [{"owner": ["own"]}]


def test_inserted_rows_belong_to_the_team_of_the_session(place: ClickHouse) -> None:
    with place.open_session(OTHER, timeout_seconds=60) as session:
        session.insert("events", [["e"]], ["event"])
        session.insert("embeddings", [["d"]], ["document_id"])
        assert session.query("SELECT team_id FROM events") == [{"team_id": OTHER}]
        assert session.query("SELECT team_id FROM document_embeddings") == [{"team_id": OTHER}]


def test_values_come_back_unchanged(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        session.insert("events", [[value] for value in VALUES], ["event"])
        found = "SELECT event FROM events WHERE event = {value:String}"
        assert [session.query(found, value=value) for value in VALUES] == [[{"event": v}] for v in VALUES]
        listed = "SELECT event FROM events WHERE event IN {values:Array(String)} ORDER BY event"
        in_order = sorted(VALUES, key=str.encode)
        assert [row["event"] for row in session.query(listed, values=VALUES)] == in_order
        assert [block["event"] for block in session.stream(listed, values=VALUES)] == [in_order]
        assert session.query("SELECT {values:Array(String)} AS a", values=VALUES) == [{"a": VALUES}]


def test_times_are_aware_and_in_utc_to_the_microsecond(place: ClickHouse) -> None:
    moment = datetime(2025, 1, 22, 23, 59, 59, 999_999, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=-7)))
    with place.open_session(1, timeout_seconds=60) as session:
        session.insert("events", [[elsewhere]], ["timestamp"])
        found = session.query(
            "SELECT timestamp FROM events WHERE timestamp = {moment:DateTime64(6, 'UTC')}", moment=elsewhere
        )
    assert found == [{"timestamp": moment}]
    assert found[0]["timestamp"].utcoffset() == timedelta(0)


def test_ids_and_numbers_come_back_unchanged(place: ClickHouse) -> None:
    identity = uuid.uuid4()
    with place.open_session(1, timeout_seconds=60) as session:
        session.insert("events", [[identity]], ["uuid"])
        assert session.query(
            "SELECT uuid FROM events WHERE uuid IN {uuids:Array(UUID)}", uuids=[str(identity)]
        ) == [{"uuid": identity}]
        assert session.query("SELECT {big:UInt64} AS big", big=2**64 - 1) == [{"big": 2**64 - 1}]


def test_the_engine_knows_who_asks(place: ClickHouse) -> None:
    with place.open_session(7, timeout_seconds=60) as session:
        (row,) = session.query(
            "SELECT getSetting('log_comment') AS said, getSetting('max_execution_time') AS s"
        )
    assert row["said"] == '{"program": "trace_clustering", "team_id": 7}'
    assert row["s"] == 60

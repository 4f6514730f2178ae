"""What is lost, doubled or refused between here and ClickHouse never costs an event, and is named."""

import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from trace_clustering.clickhouse.cluster_events import emit_cluster_events
from trace_clustering.clickhouse.embeddings import fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import (
    ClickHouseQueryError,
    ClickHouseSetupError,
    ClickHouseUnavailableError,
    TraceClusteringError,
)
from trace_clustering.reports.table import fetch_clustering
from trace_clustering_tests.clickhouse.conftest import Server
from trace_clustering_tests.clickhouse.faulty_wire import Fault, Wire, open_wire
from trace_clustering_tests.clickhouse.rows import insert_embeddings
from trace_clustering_tests.posthog.cluster_events import WINDOW, make_cluster_event

pytestmark = pytest.mark.slow

INSERT, DELETE = b"INSERT INTO", b"DELETE FROM"


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    with open_wire(server.port) as wire:
        yield wire


@pytest.fixture
def faulty(server: Server, wire: Wire) -> ClickHouse:
    """Empty tables of the real server, behind the wire."""
    clickhouse = ClickHouse(dsn=Server(wire.port).dsn(server.new_database()))
    clickhouse.create_tables()
    return clickhouse


def emit(place: ClickHouse, title: str, notes: list[str] | None = None) -> str:
    with place.open_session(1, timeout_seconds=60) as session:
        told = [] if notes is None else notes
        return emit_cluster_events(session, make_cluster_event(title=title), told.append)


def read_titles(place: ClickHouse) -> list[str]:
    """Return the title of every row of the event, also of those that a merge would drop."""
    title = "JSONExtractString(properties, '$ai_clusters', 2, 'title') AS title"
    with place.open_session(1, timeout_seconds=60) as session:
        return [row["title"] for row in session.query(f"SELECT {title} FROM events ORDER BY title")]


class TestEmitting:
    @pytest.mark.parametrize("before", [[], ["old"], ["older", "old"]])
    def test_a_swallowed_insert_fails_and_keeps_what_was_there(
        self, faulty: ClickHouse, wire: Wire, before: list[str]
    ) -> None:
        for title in before:
            emit(faulty, title)
        wire.break_next("swallow", INSERT)
        with pytest.raises(ClickHouseQueryError, match="inserted, but it is not in the table"):
            emit(faulty, "new")
        assert read_titles(faulty) == before[-1:]
        assert emit(faulty, "new") == ("replaced" if before else "emitted")
        assert read_titles(faulty) == ["new"]

    @pytest.mark.parametrize("before", [[], ["old"]])
    def test_an_insert_whose_answer_was_lost_leaves_one_row(
        self, faulty: ClickHouse, wire: Wire, before: list[str]
    ) -> None:
        for title in before:
            emit(faulty, title)
        wire.break_next("lose answer", INSERT)
        assert emit(faulty, "new") == ("replaced" if before else "emitted")
        assert read_titles(faulty) == ["new"]
        assert wire.times == 0

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            (497, "reader: Not enough privileges. To execute this query, grant ALTER DELETE ON db.events"),
            (344, "DELETE query is not allowed for table db.events because as it has projections"),
            (164, "reader: Cannot execute query in readonly mode"),
        ],
    )
    def test_without_the_right_to_delete_the_event_is_written_and_that_is_told(
        self, faulty: ClickHouse, wire: Wire, code: int, message: str
    ) -> None:
        emit(faulty, "old")
        wire.break_next("refuse", DELETE, refusal=(code, message))
        notes: list[str] = []
        assert emit(faulty, "new", notes) == "replaced"
        assert message in notes[0]
        assert "1 older rows of the event" in notes[0]
        assert read_titles(faulty) == ["new", "old"]
        assert emit(faulty, "new") == "unchanged"
        assert read_titles(faulty) == ["new"]

    @pytest.mark.parametrize("copies", [2, 3])
    def test_equal_rows_are_repaired_by_the_next_emission(self, place: ClickHouse, copies: int) -> None:
        emit(place, "same")
        with place.open_session(1, timeout_seconds=60) as session:
            for _ in range(copies - 1):
                session._client.command("INSERT INTO events SELECT * FROM events LIMIT 1")
        assert read_titles(place) == ["same"] * copies
        assert emit(place, "same") == "unchanged"
        assert read_titles(place) == ["same"]

    @pytest.mark.parametrize(
        "created_at",
        [
            datetime(2299, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2100, 1, 1, tzinfo=UTC),
            datetime(1970, 1, 1, tzinfo=UTC),
        ],
    )
    def test_an_older_version_may_have_any_time(self, place: ClickHouse, created_at: datetime) -> None:
        emit(place, "old")
        moved = "* REPLACE toDateTime64({moment:String}, 6, 'UTC') AS created_at"
        with place.open_session(1, timeout_seconds=60) as session:
            session._client.command(
                f"INSERT INTO events SELECT {moved} FROM events",
                {"moment": created_at.strftime("%Y-%m-%d %H:%M:%S.%f")},
            )
        assert emit(place, "new") == "replaced"
        assert read_titles(place) == ["new"]


class TestAnswers:
    def test_an_empty_answer_to_a_statement_with_rows_is_a_fault(
        self, faulty: ClickHouse, wire: Wire
    ) -> None:
        emit(faulty, "stored")
        with faulty.open_session(1, timeout_seconds=60) as session:
            for read in (session.query, lambda sql: list(session.stream(sql))):
                wire.break_next("empty answer", b"SELECT uuid")
                with pytest.raises(ClickHouseQueryError, match="empty answer to a statement that has rows"):
                    read("SELECT uuid FROM events")
                assert len(read("SELECT uuid FROM events")) == 1
                assert read("SELECT uuid FROM events WHERE event = ''") == []

    def test_the_time_limit_holds_for_the_whole_answer(self, faulty: ClickHouse, wire: Wire) -> None:
        with faulty.open_session(1, timeout_seconds=2) as session:
            for read in (session.query, lambda sql: list(session.stream(sql))):
                wire.break_next("trickle", b"SELECT uuid")
                with pytest.raises(ClickHouseUnavailableError, match="whole answer after 2 s"):
                    read("SELECT uuid FROM events")

    @pytest.mark.parametrize(
        ("fault", "code", "words", "error"),
        [
            ("refuse", 497, "does not allow the user to do this; grant", ClickHouseSetupError),
            ("refuse", 516, "refused user or password", ClickHouseSetupError),
            ("refuse", 62, "would refuse it again", ClickHouseSetupError),
            ("refuse", 43, "would refuse it again", ClickHouseSetupError),
            ("refuse", 241, "too busy or too slow", ClickHouseUnavailableError),
            ("proxy", 401, "or a proxy before it, answered 401 and let nobody in", ClickHouseSetupError),
            ("proxy", 403, "or a proxy before it, answered 403 and let nobody in", ClickHouseSetupError),
            ("proxy", 404, "answered 404, so this is not the HTTP address", ClickHouseSetupError),
            ("proxy", 502, "answered 502; try again", ClickHouseUnavailableError),
            ("proxy", 503, "answered 503; try again", ClickHouseUnavailableError),
            ("redirect", 0, "redirect", ClickHouseSetupError),
        ],
    )
    def test_a_refusal_is_named_for_what_it_is(
        self, faulty: ClickHouse, wire: Wire, fault: Fault, code: int, words: str, error: type[Exception]
    ) -> None:
        with faulty.open_session(1, timeout_seconds=60) as session:
            wire.break_next(fault, b"SELECT uuid", times=9, refusal=(code, "why"))
            with pytest.raises(TraceClusteringError, match=words) as caught:
                session.query("SELECT uuid FROM events")
        assert type(caught.value) is error

    @pytest.mark.parametrize("end", [0.5, 2])
    def test_a_server_that_was_reached_and_is_slow_is_not_called_unreachable(
        self, faulty: ClickHouse, wire: Wire, end: float
    ) -> None:
        with faulty.open_session(1, timeout_seconds=end) as session:
            wire.break_next("hang", b"SELECT uuid", times=9)
            with pytest.raises(ClickHouseUnavailableError) as caught:
                session.query("SELECT uuid FROM events")
        assert "check host and port" not in str(caught.value)
        assert "answer" in str(caught.value)

    @pytest.mark.parametrize("code", [62, 241])
    def test_what_a_terminal_would_obey_reaches_no_message_and_no_cause(
        self, faulty: ClickHouse, wire: Wire, code: int
    ) -> None:
        with faulty.open_session(1, timeout_seconds=60) as session:
            wire.break_next("refuse", b"SELECT uuid", times=9, refusal=(code, "\x1b[31mred\x07 " * 1000))
            with pytest.raises(TraceClusteringError) as caught:
                session.query("SELECT uuid FROM events")
        printed = "".join(traceback.format_exception(caught.value))
        assert "[31mred" in printed
        assert "\x1b" not in printed
        assert "\x07" not in printed
        assert len(str(caught.value)) < 2500


class TestReadOnlyUsers:
    def test_a_user_who_may_only_read_can_look_at_the_own_team_alone(
        self, faulty: ClickHouse, wire: Wire
    ) -> None:
        emit(faulty, "of team 1")
        with faulty.open_session(2, timeout_seconds=60) as session:
            emit_cluster_events(session, make_cluster_event(team_id=2, days=1, title="of team 2"))
        wire.break_next("read only", b"", times=1000)
        for team_id in (1, 2):
            shown = fetch_clustering(faulty, team_id).properties
            assert shown["$ai_clusters"][1]["title"] == f"of team {team_id}"

    def test_a_user_who_may_only_read_can_read_what_is_clustered(
        self, faulty: ClickHouse, wire: Wire
    ) -> None:
        for team_id in (1, 2):
            with faulty.open_session(team_id, timeout_seconds=60) as session:
                insert_embeddings(session, {"document_id": f"of team {team_id}"})
        wire.break_next("read only", b"", times=1000)
        with faulty.open_session(2, timeout_seconds=60) as session:
            found = fetch_trace_embeddings_for_clustering(session, WINDOW)
        assert found.trace_ids.tolist() == ["of team 2"]


class TestSettings:
    @pytest.mark.parametrize(
        ("code", "message"),
        [
            (452, "Setting max_execution_time shouldn't be greater than 300"),
            (164, "Cannot modify 'log_comment' setting in readonly mode"),
            (164, "Setting `log_comment` is readonly"),
            (115, "Unknown setting query_plan_join_swap_table"),
        ],
    )
    def test_a_refused_setting_is_left_out_or_clamped_and_remembered(
        self, faulty: ClickHouse, wire: Wire, code: int, message: str
    ) -> None:
        with faulty.open_session(1, timeout_seconds=600) as session:
            wire.break_next("refuse", b"SELECT uuid", refusal=(code, message))
            assert session.query("SELECT uuid FROM events") == []
            assert wire.times == 0
            sent = len(wire.statements)
            assert session.query("SELECT uuid, 1 FROM {events:Identifier}") == []
        again = [s for s in wire.statements[sent:] if b"SELECT uuid, 1" in s and b"count()" not in s]
        assert len(again) == 1
        assert (b"max_execution_time=300&" in again[0]) == (code == 452)
        assert b"additional_table_filters" in again[0]

    def test_a_team_filter_that_is_forbidden_is_written_into_the_statement(
        self, faulty: ClickHouse, wire: Wire
    ) -> None:
        for team_id in (1, 2):
            with faulty.open_session(team_id, timeout_seconds=60) as session:
                session.insert("events", [[f"of {team_id}"]], ["event"])
        with faulty.open_session(2, timeout_seconds=60) as session:
            forbidden = (164, "Cannot modify 'additional_table_filters' setting in readonly mode")
            wire.break_next("refuse", b"SELECT event", refusal=forbidden)
            assert session.query("SELECT event FROM {events:Identifier}") == [{"event": "of 2"}]
            with pytest.raises(ClickHouseSetupError, match="additional_table_filters"):
                session.query("SELECT event FROM events")

"""What can go wrong with the place says what to do, and many processes can share one folder."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import (
    ClickHouseFolderLockedError,
    ClickHouseSetupError,
    ClickHouseUnavailableError,
    InvalidSettingsError,
    TraceClusteringError,
)
from trace_clustering_tests.clickhouse.conftest import Server


def catch_error(clickhouse: ClickHouse, statement: str = "SELECT event FROM events") -> TraceClusteringError:
    """Return the error of a first query; no text of it or of what caused it may show a password."""
    with (
        pytest.raises(TraceClusteringError) as caught,
        clickhouse.open_session(1, timeout_seconds=1) as session,
    ):
        session.query(statement)
    error: BaseException | None = caught.value
    while error:
        assert "s3cret" not in str(error)
        error = error.__cause__ or error.__context__
    return caught.value


class TestServer:
    def test_a_wrong_password_is_named_as_such_and_not_shown(self, server: Server) -> None:
        wrong = "s3cret'd"
        error = catch_error(ClickHouse(dsn=server.dsn(password=wrong)))
        assert isinstance(error, ClickHouseSetupError)
        assert f"http://127.0.0.1:{server.port}/ refused user or password" in str(error)
        assert "TRACE_CLUSTERING_CLICKHOUSE_DSN" in str(error)

    def test_a_server_that_does_not_run_is_named(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # and nobody listens
            port = unused.getsockname()[1]
            error = catch_error(ClickHouse(dsn=f"http://ann:s3cret@127.0.0.1:{port}/db"))
        assert isinstance(error, ClickHouseUnavailableError)
        assert f"http://127.0.0.1:{port}/db cannot be reached; check host and port" in str(error)

    def test_a_host_that_does_not_exist_is_named(self) -> None:
        error = catch_error(ClickHouse(dsn="http://ann:s3cret@no..host:8123/db"))
        assert isinstance(error, ClickHouseUnavailableError)
        assert "http://no..host:8123/db cannot be reached; check host and port" in str(error)

    def test_a_server_that_never_answers_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            error = catch_error(ClickHouse(dsn=f"http://ann:s3cret@127.0.0.1:{silent.getsockname()[1]}/db"))
        assert isinstance(error, ClickHouseUnavailableError)

    @pytest.mark.parametrize(("connect_timeout", "timeout"), [(0.9, 60), (10, 0.9)])
    def test_time_limits_can_be_shorter_than_a_second(
        self, server: Server, connect_timeout: float, timeout: float
    ) -> None:
        clickhouse = ClickHouse(dsn=server.dsn(), connect_timeout_seconds=connect_timeout)
        with clickhouse.open_session(1, timeout_seconds=timeout) as session:
            assert session.query("SELECT 1 AS one") == [{"one": 1}]

    def test_missing_tables_say_how_to_create_them(self, server: Server) -> None:
        error = catch_error(ClickHouse(dsn=server.dsn(server.new_database())))
        assert isinstance(error, ClickHouseSetupError)
        assert "trace-clustering create-tables" in str(error)
        assert "events_table" in str(error)

    def test_an_unknown_database_is_named(self, server: Server) -> None:
        for clickhouse in (
            ClickHouse(dsn=server.dsn("nowhere")),
            ClickHouse(dsn=server.dsn(), database="nowhere"),
        ):
            error = catch_error(clickhouse)
            assert isinstance(error, ClickHouseSetupError)
            assert "no such database" in str(error)
            assert "nowhere" in str(error)

    @pytest.mark.parametrize(("scheme", "first_byte"), [("https", b"\x16"), ("http", b"P")])
    def test_the_scheme_decides_about_encryption_whatever_the_port(
        self, scheme: str, first_byte: bytes
    ) -> None:
        received = []
        listener = socket.create_server(("127.0.0.1", 0))

        def receive() -> None:
            connection, _ = listener.accept()
            with connection, listener:
                received.append(connection.recv(1))

        thread = threading.Thread(target=receive)
        thread.start()
        catch_error(ClickHouse(dsn=f"{scheme}://ann:s3cret@127.0.0.1:{listener.getsockname()[1]}/db"))
        thread.join()
        assert received == [first_byte]  # 0x16 opens a TLS handshake, P a POST

    def test_an_option_in_the_address_that_does_not_exist_is_explained(self, server: Server) -> None:
        error = catch_error(ClickHouse(dsn=f"{server.dsn()}?bogus=1"))
        assert isinstance(error, InvalidSettingsError | ClickHouseSetupError)
        assert "bogus" in str(error)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[str]:
    """Another process that is in a session; the folder it holds."""
    dsn = f"chdb://{tmp_path / 'held'}"
    script = f"""
import sys
from trace_clustering.clickhouse.resource import ClickHouse
with ClickHouse(dsn={dsn!r}).open_session(1, timeout_seconds=60):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield dsn


class TestFolder:
    def test_a_folder_that_another_process_holds_is_waited_for_and_then_named(self, holder: str) -> None:
        error = catch_error(ClickHouse(dsn=holder, lock_timeout_seconds=0.2))
        assert isinstance(error, ClickHouseFolderLockedError)
        assert f"has held {holder.removeprefix('chdb://')} for more than 0.2 s" in str(error)
        assert "raise lock_timeout_seconds" in str(error)

    def test_a_folder_inside_a_file_is_unusable(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")
        for folder in (tmp_path / "file", tmp_path / "file" / "clickhouse"):
            error = catch_error(ClickHouse(dsn=f"chdb://{folder}"))
            assert isinstance(error, ClickHouseSetupError)
            assert str(folder) in str(error)
            assert "choose another in TRACE_CLUSTERING_CLICKHOUSE_DSN" in str(error)

    def test_a_second_folder_in_the_same_process_is_not_called_unreachable(self, tmp_path: Path) -> None:
        with ClickHouse(dsn=f"chdb://{tmp_path / 'first'}").open_session(1, timeout_seconds=60):
            error = catch_error(ClickHouse(dsn=f"chdb://{tmp_path / 'second'}"))
        assert str(tmp_path / "second") in str(error)
        assert "host and port" not in str(error)

    def test_an_error_inside_a_session_leaves_the_folder_free(self, clickhouse: ClickHouse) -> None:
        with pytest.raises(ZeroDivisionError), clickhouse.open_session(1, timeout_seconds=60):
            raise ZeroDivisionError
        with ClickHouse(dsn=clickhouse.dsn, lock_timeout_seconds=0.1).open_session(
            1, timeout_seconds=60
        ) as session:
            assert session.query("SELECT event FROM events") == []

    def test_four_processes_at_once_share_one_folder(self, tmp_path: Path) -> None:
        dsn = f"chdb://{tmp_path / 'shared'}"
        script = """
import sys
from trace_clustering.clickhouse.resource import ClickHouse
dsn, name = sys.argv[1:]
clickhouse = ClickHouse(dsn=dsn)
own = "SELECT event FROM events WHERE startsWith(event, {name:String})"
for number in range(3):
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        session.insert("events", [[f"{name}-{number}"]], ["event"])
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        assert len(session.query(own, name=name)) == number + 1
"""
        processes = [
            subprocess.Popen([sys.executable, "-c", script, dsn, name], stderr=subprocess.PIPE, text=True)
            for name in "abcd"
        ]
        errors = [process.communicate()[1] for process in processes]
        assert [process.returncode for process in processes] == [0] * 4, errors
        with ClickHouse(dsn=dsn).open_session(1, timeout_seconds=60) as session:
            found = session.query("SELECT event FROM events ORDER BY event")
        assert [row["event"] for row in found] == [f"{name}-{n}" for name in "abcd" for n in range(3)]


class TestBoth:
    def test_a_query_that_takes_too_long_is_stopped(self, place: ClickHouse) -> None:
        error = catch_error(place, "SELECT sleepEachRow(1) FROM numbers(4)")
        assert isinstance(error, ClickHouseUnavailableError)

    def test_a_refused_query_carries_what_the_engine_says(self, place: ClickHouse) -> None:
        error = catch_error(place, "SELECT no_such_column FROM events")
        assert isinstance(error, ClickHouseSetupError)  # the same query would fail again
        assert "no_such_column" in str(error)
        assert "UNKNOWN_IDENTIFIER" in str(error)

    def test_a_row_that_does_not_fit_the_table_is_not_called_an_unreachable_server(
        self, place: ClickHouse
    ) -> None:
        with (
            pytest.raises(TraceClusteringError, match="no_such_column") as caught,
            place.open_session(1, timeout_seconds=60) as session,
        ):
            session.insert("events", [["e"]], ["no_such_column"])
        assert "cannot be reached" not in str(caught.value)


@pytest.mark.parametrize("setting", ["database", "events_table", "embeddings_table"])
@pytest.mark.parametrize("name", ["a-b", "1a", "a b", "a;DROP TABLE events", "a.b", "`a`", "a\n", "ä"])
def test_a_name_that_is_no_identifier_is_refused(setting: str, name: str) -> None:
    with pytest.raises(InvalidSettingsError, match="letters, digits and underscores") as caught:
        ClickHouse(dsn="chdb:///never/opened", **{setting: name})
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("setting", ["events_table", "embeddings_table"])
def test_a_table_needs_a_name(setting: str) -> None:
    with pytest.raises(InvalidSettingsError):
        ClickHouse(dsn="chdb:///never/opened", **{setting: ""})


def test_the_resource_never_prints_the_password() -> None:
    clickhouse = ClickHouse(dsn="https://ann:s3cret@host:8443/db")
    assert "s3cret" not in f"{clickhouse!r} {clickhouse}"


@pytest.mark.parametrize(
    ("dsn", "database", "found"),
    [
        ("chdb:///folder/db", "", "default"),
        ("chdb:///folder/db", "named", "named"),
        ("https://u:p@h:8443/db?secure=1", "", "db"),
        ("https://u:p@h:8443/db", "named", "named"),
        ("https://h:8443", "", "default"),
    ],
)
def test_the_database_is_known_without_a_connection(dsn: str, database: str, found: str) -> None:
    assert ClickHouse(dsn=dsn, database=database).find_database() == found

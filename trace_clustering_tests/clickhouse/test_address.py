"""Where ClickHouse is, as the address says it."""

from pathlib import Path

import pytest

from trace_clustering.clickhouse.address import parse_dsn
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import InvalidSettingsError


@pytest.mark.parametrize(
    ("dsn", "folder", "name"),
    [
        ("chdb:///data/ch", "/data/ch", "embedded ClickHouse in /data/ch"),
        ("chdb:///data/a b#c%20d", "/data/a b#c%20d", "embedded ClickHouse in /data/a b#c%20d"),
        ("http://localhost", None, "http://localhost"),
        ("http://127.0.0.1:8123/db", None, "http://127.0.0.1:8123/db"),
        ("https://ann:s3cret@ch.example.com:8443/db", None, "https://ch.example.com:8443/db"),
        ("https://ann:s3cret%2F%40%23@ch.example.com/db", None, "https://ch.example.com/db"),
    ],
)
def test_an_address_is_a_folder_or_a_server_and_its_name_hides_user_and_password(
    dsn: str, folder: str | None, name: str
) -> None:
    address = parse_dsn(dsn)
    assert address.folder == (Path(folder) if folder else None)
    assert address.name == name
    assert "s3cret" not in repr(address)


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "localhost:8123",
        "ann:s3cret@host:8123/db",
        "ftp://ann:s3cret@host/db",
        "clickhouse://ann:s3cret@host:9000/db",
        "http://",
        "http://ann:s3cret@:8123/db",
        "http://ann:s3cret@host:port/db",
        "http://ann:s3cret@[::1/db",
        "chdb://",
        "chdb:///",
        "chdb://relative/folder",
    ],
)
def test_any_other_address_is_refused_without_being_shown(dsn: str) -> None:
    with pytest.raises(InvalidSettingsError, match="TRACE_CLUSTERING_CLICKHOUSE_DSN") as caught:
        parse_dsn(dsn)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("password", ["12/s3cret", "12#s3cret", "12?s3cret"])
def test_a_password_that_is_not_percent_encoded_is_refused_without_being_shown(password: str) -> None:
    with pytest.raises(InvalidSettingsError, match="TRACE_CLUSTERING_CLICKHOUSE_DSN") as caught:
        parse_dsn(f"http://ann:{password}@host:8123/db")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["plain", "with space", "a#b", "a%20b", "it's", "Süß"])
def test_the_embedded_folder_is_taken_literally(tmp_path: Path, name: str) -> None:
    with ClickHouse(dsn=f"chdb://{tmp_path / name}").open_session(1, timeout_seconds=60) as session:
        session.insert("events", [["e"]], ["event"])
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{name}.lock", f"{name}.lock.next"}
    assert (tmp_path / name / "data").is_dir()


def test_a_folder_the_engine_would_misread_is_refused(tmp_path: Path) -> None:
    clickhouse = ClickHouse(dsn=f"chdb://{tmp_path}/what?mode=ro")
    with (
        pytest.raises(InvalidSettingsError, match=r"\?"),
        clickhouse.open_session(1, timeout_seconds=60) as session,
    ):
        session.insert("events", [["e"]], ["event"])


def test_without_an_address_everything_is_kept_under_dagster_home(tmp_path: Path) -> None:
    with ClickHouse().open_session(1, timeout_seconds=60) as session:
        session.insert("events", [["e"]], ["event"])
    assert (tmp_path / "trace_clustering_data" / "clickhouse" / "data").is_dir()


def test_the_environment_names_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACE_CLUSTERING_CLICKHOUSE_DSN", f"chdb://{tmp_path / 'mine'}")
    ClickHouse().create_tables()
    assert (tmp_path / "mine" / "data").is_dir()

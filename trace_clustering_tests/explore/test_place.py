"""The home of an exploration: one for the same paths, apart from all others."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trace_clustering.environment import (
    CLICKHOUSE_DSN,
    HOME,
    STORAGE,
    TEAM_IDS,
    TEAM_SETTINGS,
    find_home,
    read_clickhouse_dsn,
)
from trace_clustering.explore.place import find_time_of_files, use_own_home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME, str(tmp_path))
    return tmp_path


def find_own_home(home: Path, *paths: Path) -> Path:
    os.environ[HOME] = str(home)
    use_own_home(paths)
    return find_home()


def test_the_same_paths_have_the_same_home_and_others_another(home: Path) -> None:
    first = find_own_home(home, Path("a.jsonl"), Path("b"))
    assert first.is_dir()
    assert find_own_home(home, Path("b"), Path("a.jsonl").resolve()) == first
    assert find_own_home(home, Path("b")) != first


def test_others_cannot_look_into_it(home: Path) -> None:
    assert stat.S_IMODE(find_own_home(home, Path("a.jsonl")).stat().st_mode) == 0o700


def test_names_of_files_cannot_lead_elsewhere(home: Path) -> None:
    for name in ("..", "x/../..", "a b;rm *\n", "é" * 300):
        found = find_own_home(home, Path(name))
        assert found.parent == home / "trace_clustering_data" / "explored"


def test_what_a_team_has_set_does_not_count(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLICKHOUSE_DSN, "https://user:secret@host/db")
    monkeypatch.setenv(TEAM_IDS, "7")
    monkeypatch.setenv(TEAM_SETTINGS, "teams.yaml")
    assert use_own_home([Path("a.jsonl")]) == [CLICKHOUSE_DSN, TEAM_IDS, TEAM_SETTINGS]
    assert read_clickhouse_dsn().startswith(f"chdb://{home}/")
    assert STORAGE not in os.environ


def test_the_time_of_files_is_that_of_the_newest(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, day in (("a.jsonl", 3), ("b.jsonl", 9)):
        moment = datetime(2025, 1, day, tzinfo=UTC).timestamp()
        (folder / name).write_text("")
        os.utime(folder / name, (moment, moment))
    assert find_time_of_files([folder]) == datetime(2025, 1, 9, tzinfo=UTC)
    assert find_time_of_files([folder / "a.jsonl", folder]) == datetime(2025, 1, 9, tzinfo=UTC)


def test_a_file_from_the_future_is_of_today(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("")
    os.utime(path, (2**32, 2**32))
    assert find_time_of_files([path]) <= datetime.now(UTC)

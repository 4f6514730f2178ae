"""Every command reads the same variables as Dagster's, and says where it reads and writes."""

import json
import os
from pathlib import Path

import pytest

from trace_clustering.environment import CLICKHOUSE_DSN, TEAM_IDS
from trace_clustering_tests.cli.command import engine, output, refusal, run

pytestmark = pytest.mark.slow


def write_records(folder: Path) -> Path:
    path = folder / "traces.jsonl"
    path.write_text(json.dumps({"trace_id": "a", "timestamp": "2025-01-20", "embedding": [1, 2]}) + "\n")
    return path


def list_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_the_file_of_variables_is_read_and_every_command_names_the_place(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{CLICKHOUSE_DSN}=chdb://{tmp_path}/elsewhere\n")
    place = f"embedded ClickHouse in {tmp_path}/elsewhere"
    loaded = run("load", write_records(tmp_path), "--team-id", 1, **{CLICKHOUSE_DSN: f"chdb://{tmp_path}/no"})
    assert loaded.returncode == 0
    assert f"Settings from {tmp_path}/.env\n" in loaded.stderr
    assert f"Into {place}\n" in loaded.stderr
    assert f"Team 1 has no clustering yet (looked in: {place})." in refusal("show", "--team-id", 1)
    assert f"(looked in: {place})" in refusal("show", "--team-id", 1, "--run-id", "x")
    assert f"In {place}\n" in run("create-tables").stderr
    assert not (tmp_path / "no").exists()
    assert not (tmp_path / "trace_clustering_data").exists()


def test_a_file_of_variables_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    assert f"{tmp_path}/.env cannot be read" in refusal("show", "--team-id", 1)


@pytest.mark.parametrize("home", ["missing", "deep/missing", "~/missing", "."])
def test_show_writes_nothing_where_there_is_nothing(tmp_path: Path, home: str) -> None:
    before = list_files(tmp_path)
    message = refusal("show", "--team-id", 1, DAGSTER_HOME=home, HOME=tmp_path, PWD=tmp_path)
    folder = Path(home.replace("~", str(tmp_path)))
    assert (
        f"there is no embedded ClickHouse in {tmp_path / folder}/trace_clustering_data/clickhouse." in message
    )
    assert list_files(tmp_path) == before


def test_a_home_that_is_relative_or_begins_with_a_tilde_is_taken_alike(tmp_path: Path) -> None:
    records = write_records(tmp_path)
    output("load", records, "--team-id", 1, DAGSTER_HOME="home")
    for home in ("home", "~/home", tmp_path / "home"):
        message = refusal("show", "--team-id", 1, DAGSTER_HOME=home, HOME=tmp_path)
        assert (
            f"(looked in: embedded ClickHouse in {tmp_path}/home/trace_clustering_data/clickhouse)" in message
        )
        assert "Its newest traces are of 2025-01-20." in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "traces.jsonl"]


def test_without_home_a_tilde_is_refused_by_name(tmp_path: Path) -> None:
    message = refusal("show", "--team-id", 1, DAGSTER_HOME="~no-such-user/home")
    assert "DAGSTER_HOME='~no-such-user/home': " in message
    assert list_files(tmp_path) == []


def test_what_to_do_next_names_an_existing_partition_of_any_team(tmp_path: Path) -> None:
    output("load", write_records(tmp_path), "--team-id", 55)
    message = refusal("show", "--team-id", 55)
    assert (
        f"Warning: team 55 is not among the teams that are clustered (1, 2, 112495). Set {TEAM_IDS}"
        in message
    )
    assert f"{TEAM_IDS}=1,2,112495,55 " in message.splitlines()[-1]
    assert message.splitlines()[-1].endswith("--partition '2025-01-20|55'")


def test_an_empty_database_is_searched_where_it_is(tmp_path: Path) -> None:
    with engine(tmp_path).open_session(1, timeout_seconds=60):
        pass
    message = refusal("show", "--team-id", 1)
    assert f"(looked in: embedded ClickHouse in {os.environ['DAGSTER_HOME']}/" in message
    assert "Load traces first" in message

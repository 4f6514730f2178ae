"""Environment variables are read with care, and everything has a place without them."""

from datetime import date
from pathlib import Path

import pytest

from trace_clustering.environment import (
    CLICKHOUSE_DSN,
    EXECUTOR,
    FIRST_DAY,
    STORAGE,
    TEAM_IDS,
    TEAM_SETTINGS,
    find_data_folder,
    find_team_settings_file,
    is_in_env_file,
    load_env_file,
    read_clickhouse_dsn,
    read_executor_name,
    read_first_day,
    read_storage_base,
    read_team_ids,
)
from trace_clustering.errors import InvalidSettingsError


@pytest.mark.parametrize(
    ("text", "team_ids"),
    [
        ("7", [7]),
        ("1,2,112495", [1, 2, 112495]),
        (" 3 ,\t4\n", [3, 4]),
        ("2,1,2,1", [2, 1]),  # once each, in the given order
        ("007", [7]),
        ("7,007", [7]),
        ("9223372036854775807", [2**63 - 1]),
        ("", [1, 2, 112495]),
    ],
)
def test_team_ids_are_read(text: str, team_ids: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TEAM_IDS, text)
    assert read_team_ids() == team_ids


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("1,x", "'x'"),
        ("0", "'0'"),
        ("000", "'000'"),
        ("-1", "'-1'"),
        ("+5", "'+5'"),
        ("1,,2", "''"),
        ("1,", "''"),
        (",", "''"),
        (" ", "''"),
        ("1 2", "'1 2'"),
        ("1;2", "'1;2'"),
        ("1.0", "'1.0'"),
        ("1e3", "'1e3'"),
        ("0x10", "'0x10'"),
        ("1_000", "'1_000'"),
        ("²", "'²'"),
        ("٣", "'٣'"),
        ("9" * 30, f"'{'9' * 30}'"),
        ("9223372036854775808", "'9223372036854775808'"),
        ("1" * 5000, f"'{'1' * 5000}'"),
    ],
)
def test_anything_but_positive_integers_is_refused_by_name(
    text: str, culprit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TEAM_IDS, text)
    with pytest.raises(InvalidSettingsError) as caught:
        read_team_ids()
    assert f"{TEAM_IDS}={text!r}: {culprit} is not a positive integer" in str(caught.value)


def test_without_team_ids_the_default_teams_are_clustered() -> None:
    assert read_team_ids() == [1, 2, 112495]


@pytest.mark.parametrize(
    ("text", "name"),
    [("", "in_process"), ("multiprocess", "multiprocess"), ("in_process", "in_process")],
)
def test_an_executor_is_chosen_by_name(text: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXECUTOR, text)
    assert read_executor_name() == name


def test_without_a_name_all_steps_of_a_run_share_one_process() -> None:
    assert read_executor_name() == "in_process"


@pytest.mark.parametrize("text", ["docker", "In_Process", "in-process", " in_process"])
def test_an_unknown_executor_is_refused_with_the_choices(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXECUTOR, text)
    with pytest.raises(
        InvalidSettingsError, match=r"^TRACE_CLUSTERING_EXECUTOR='.*': choose multiprocess or in_process$"
    ):
        read_executor_name()


def test_everything_is_kept_under_dagster_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "trace_clustering_data"
    assert find_data_folder() == folder
    assert read_storage_base() == str(folder / "artifacts")
    assert read_clickhouse_dsn() == f"chdb://{folder}/clickhouse"


@pytest.mark.parametrize("home", [None, ""])
def test_without_dagster_home_everything_is_kept_where_you_stand(
    home: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DAGSTER_HOME") if home is None else monkeypatch.setenv("DAGSTER_HOME", home)
    monkeypatch.chdir(tmp_path)
    assert find_data_folder() == tmp_path / "trace_clustering_data"


def test_a_relative_dagster_home_becomes_an_absolute_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "home")
    assert read_clickhouse_dsn() == f"chdb://{tmp_path}/home/trace_clustering_data/clickhouse"


def test_the_variables_win_over_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLICKHOUSE_DSN, "https://reader@example.org:8443/default")
    monkeypatch.setenv(STORAGE, "s3://bucket/prefix")
    assert read_clickhouse_dsn() == "https://reader@example.org:8443/default"
    assert read_storage_base() == "s3://bucket/prefix"


@pytest.mark.parametrize("name", [CLICKHOUSE_DSN, STORAGE])
def test_an_empty_variable_counts_as_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (read_clickhouse_dsn(), read_storage_base())
    monkeypatch.setenv(name, "")
    assert (read_clickhouse_dsn(), read_storage_base()) == before


@pytest.mark.parametrize(("text", "day"), [("", date(2023, 1, 1)), ("2020-02-29", date(2020, 2, 29))])
def test_the_first_day_is_read(text: str, day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FIRST_DAY, text)
    assert read_first_day() == day


@pytest.mark.parametrize(
    "text", ["2023", "20230101", "01.01.2023", "2023-02-30", "2999-01-01", "1969-12-31", "yesterday"]
)
def test_a_first_day_that_is_none_is_refused_by_name(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FIRST_DAY, text)
    with pytest.raises(InvalidSettingsError, match=rf"^TRACE_CLUSTERING_FIRST_DAY='{text}': give a day "):
        read_first_day()


def test_a_tilde_is_the_home_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "~/dagster")
    monkeypatch.setenv(TEAM_SETTINGS, "~/teams.yaml")
    assert find_data_folder() == tmp_path / "dagster" / "trace_clustering_data"
    assert find_team_settings_file() == tmp_path / "teams.yaml"
    monkeypatch.setenv(CLICKHOUSE_DSN, "chdb://~/tables")
    monkeypatch.setenv(STORAGE, "~/artifacts")
    assert read_clickhouse_dsn() == f"chdb://{tmp_path}/tables"
    assert read_storage_base() == str(tmp_path / "artifacts")


@pytest.mark.parametrize("name", ["DAGSTER_HOME", STORAGE, TEAM_SETTINGS])
def test_the_home_of_an_unknown_user_is_refused_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "~no-such-user/x")
    with pytest.raises(InvalidSettingsError, match=rf"^{name}='~no-such-user/x': .* give an absolute path$"):
        (read_storage_base(), find_team_settings_file())


@pytest.mark.parametrize("text", ["artifacts", "./artifacts", "x/../artifacts"])
def test_a_relative_storage_is_the_same_wherever_a_process_stands(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv(STORAGE, text)
    assert Path(read_storage_base()).resolve() == tmp_path / "artifacts"  # in DAGSTER_HOME
    assert Path(read_storage_base("other")).resolve() == tmp_path / "other"


def test_variables_of_the_file_win_as_in_dagster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(EXECUTOR, "in_process")
    monkeypatch.setenv(TEAM_IDS, "7")
    monkeypatch.setenv(STORAGE, "elsewhere")
    assert load_env_file() is None
    (tmp_path / ".env").write_text(f"export {TEAM_IDS}='8,9'  # teams\n{EXECUTOR}=multiprocess\nEMPTY\n")
    assert load_env_file() == tmp_path / ".env"
    assert read_team_ids() == [8, 9]
    assert read_executor_name() == "multiprocess"
    assert read_storage_base() == str(tmp_path / "elsewhere")
    assert is_in_env_file(TEAM_IDS)
    assert not is_in_env_file(STORAGE)


@pytest.mark.parametrize("content", [b"A=\xff\n", b"A=\0\n"])
def test_a_file_of_variables_that_cannot_be_read_is_refused(
    content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(InvalidSettingsError, match=r"/\.env cannot be read \(.*\); mend it or remove it$"):
        load_env_file()

"""What the demo cannot use is refused at the start, in one sentence, and nothing is loaded."""

from pathlib import Path

import pytest

from trace_clustering.environment import (
    CLICKHOUSE_DSN,
    EXECUTOR,
    FIRST_DAY,
    STORAGE,
    TEAM_IDS,
    TEAM_SETTINGS,
)
from trace_clustering_tests.cli.command import refusal


def refuse(home: Path, **variables: str) -> str:
    """Return the last line of the demo's refusal, which came before any trace was loaded."""
    message = refusal("demo", **variables)
    assert not list(home.rglob("*.bin")), "the engine has stored something"
    return message.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (CLICKHOUSE_DSN, "http://me:geheim@127.0.0.1:1", "is the address of a server"),
        (CLICKHOUSE_DSN, "chdb://relative", "needs an absolute folder"),
        (CLICKHOUSE_DSN, "chdb:///proc/traces", "The folder of the embedded ClickHouse cannot be used"),
        (STORAGE, "/proc/artifacts", "No artifact can be stored in /proc/artifacts (FileNotFoundError: "),
        (STORAGE, "blocked/artifacts", "/blocked/artifacts (NotADirectoryError: "),
        (
            STORAGE,
            "nosuch://me:geheim@host/x",
            "can be stored in nosuch://***@host/x (ValueError: ",
        ),
        (STORAGE, "ftp://me:geheim@127.0.0.1:1/x", "ftp://***@127.0.0.1:1/x (ConnectionRefusedError: "),
        ("DAGSTER_HOME", "blocked", "DAGSTER_HOME cannot be used "),
        ("DAGSTER_HOME", "/proc/home", "DAGSTER_HOME cannot be used "),
        (FIRST_DAY, "2026-01-01", "The demo's traces are of 2025-01-22, and TRACE_CLUSTERING_FIRST_DAY is "),
        (TEAM_IDS, "1", "The demo's team 112495 is not among the teams 1 (TRACE_CLUSTERING_TEAM_IDS)"),
        (TEAM_SETTINGS, "missing.yaml", "missing.yaml cannot be read"),
        (EXECUTOR, "docker", "TRACE_CLUSTERING_EXECUTOR='docker': choose"),
    ],
)
def test_a_place_or_a_setting_that_cannot_be_used_is_refused(
    tmp_path: Path, name: str, value: str, reason: str
) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    message = refuse(tmp_path, **{name: value})
    assert reason in message
    assert "geheim" not in message


@pytest.mark.parametrize("content", ["telemetry: [", "nonsense: 1"])
def test_a_home_that_dagster_cannot_use_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "dagster.yaml").write_text(content)
    assert f"Dagster cannot use its home {tmp_path}; mend its dagster.yaml" in refuse(tmp_path)


def test_the_trial_of_a_storage_leaves_nothing_behind(tmp_path: Path) -> None:
    refuse(tmp_path, **{STORAGE: "artifacts", EXECUTOR: "docker"})
    assert list((tmp_path / "artifacts").iterdir()) == []

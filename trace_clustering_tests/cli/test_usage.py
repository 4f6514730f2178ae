"""The command explains itself, and refuses what it cannot do by name."""

import signal
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from trace_clustering.cli import main
from trace_clustering.environment import CLICKHOUSE_DSN
from trace_clustering_tests.cli.command import output, refusal


@pytest.mark.parametrize("command", ["demo", "load", "show", "compare", "create-tables"])
def test_every_command_explains_itself(command: str) -> None:
    assert command in output("--help")
    assert output(command, "--help").startswith(f"Usage: trace-clustering {command}")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nonsense"], "nonsense"),
        (["load", "--team-id", 1], "FILE"),
        (["load", "a.jsonl"], "--team-id"),
        (["load", "a.jsonl", "--team-id", "one"], "--team-id"),
        (["load", "a.jsonl", "--team-id", 1, "--on-error", "ignore"], "--on-error"),
        (["show"], "--team-id"),
        (["show", "--team-id", 0], "--team-id"),
        (["show", "--team-id", -1], "--team-id"),
        (["show", "--team-id", 2**63], "--team-id"),
        (["demo", "--team-id", 0], "--team-id"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_wrong_usage_is_refused_by_name(arguments: list[object], named: str) -> None:
    assert named in refusal(*arguments, code=2)


@pytest.mark.parametrize(
    "dsn",
    [
        "http://reader:geheim@127.0.0.1:port/traces",
        "http://reader:geheim@127.0.0.1:1/traces",
        "http://reader:geheim@127.0.0.1:1/traces?colour=geheim",
        "http://127.0.0.1:1/geheim@clickhouse.example/traces",  # user 127.0.0.1, password 1/geheim
    ],
)
def test_an_address_that_does_not_work_is_refused_without_the_password(dsn: str) -> None:
    message = refusal("show", "--team-id", 1, **{CLICKHOUSE_DSN: dsn})
    assert CLICKHOUSE_DSN in message
    assert "heim" not in message


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        ([], {CLICKHOUSE_DSN: "http://reader:geheim@127.0.0.1:1/traces"}, CLICKHOUSE_DSN),
        ([], {"TRACE_CLUSTERING_TEAM_IDS": "1,2"}, "112495"),
        (["--team-id", 7], {"TRACE_CLUSTERING_TEAM_IDS": "1,2"}, "teams 1, 2 (TRACE_CLUSTERING_TEAM_IDS)"),
        (["--team-id", 7], {}, "team 7"),
        ([], {"TRACE_CLUSTERING_TEAM_IDS": "one"}, "'one'"),
    ],
)
def test_the_demo_writes_only_where_made_up_traces_have_a_place(
    tmp_path: Path, arguments: list[object], environment: dict[str, str], named: str
) -> None:
    message = refusal("demo", *arguments, **environment)
    assert named in message
    assert "geheim" not in message
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_a_command_with_one_sentence() -> None:
    interrupted = click.Command("wait", callback=lambda: signal.raise_signal(signal.SIGINT))
    result = CliRunner().invoke(type(main)("commands", commands=[interrupted]), ["wait"])
    assert result.exit_code == 130
    assert result.output.strip() == "Interrupted; the same command completes what is missing."

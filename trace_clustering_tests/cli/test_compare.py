"""`compare`: what it prints of two weeks, and which sides it refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from trace_clustering.cli import main
from trace_clustering_tests.cli.command import engine, output
from trace_clustering_tests.reports.compared import store_two_weeks


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", "--team-id", "1", *map(str, arguments)])


def test_two_weeks_are_compared_in_words_and_as_json(tmp_path: Path) -> None:
    store_two_weeks(engine(tmp_path))
    words = output("compare", "--team-id", 1, "--metric", "error-rate")
    assert "Lost parcels" in words
    assert "points" in words
    assert "Cost" not in words
    found = json.loads(invoke("--json", "--model", "small", "--model", "large").stdout)
    assert found["after"] | {"traces": 340, "word": "large"} == found["after"]
    assert list(found["figures"]) == ["cost", "error_rate", "latency", "tokens"]
    refused = invoke("--by", "$ai_model", "small", "huge")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "'huge'" in refused.stderr
    assert "'small' (339 traces)" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--model", "a"], "--model needs two different values, and has a"),
        (["--model", "a", "--model", "a"], "--model needs two different values"),
        (["--model", "a", "--model", "b", "--model", "c"], "--model needs two different values"),
        (["--environment", "a", "--environment", ""], "--environment needs two different values"),
        (["--by", "plan", "a"], "'--by' requires 3 arguments"),
        (["--by", "", "a", "b"], "--by needs the name of a property"),
        (["--model", "a", "--model", "b", "--by", "plan", "x", "y"], "--model and --by"),
        (["--model", "a", "--model", "b", "--before", "2025-01-20"], "leave out --before"),
        (["--metric", "price"], "'price' is not one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_sides_that_are_none_are_refused_by_name(arguments: list[str], named: str) -> None:
    refused = invoke(*arguments)
    assert refused.exit_code == 2
    assert named in " ".join(refused.stderr.split())

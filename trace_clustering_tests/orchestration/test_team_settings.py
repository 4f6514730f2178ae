"""One file holds the settings of each team's nightly runs; a mistake is reported by team and setting."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from trace_clustering.clickhouse.source_tables.trace_source import LangfuseSource, OtelSource
from trace_clustering.environment import TEAM_IDS, TEAM_SETTINGS
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration import schedules
from trace_clustering.orchestration.team_settings import (
    load_embedder_of_team,
    load_llm_of_team,
    load_source_of_team,
    load_team_settings,
)
from trace_clustering_tests.orchestration.test_schedules import tick

Load = Callable[[str], dict[int, dict[str, Any]]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the settings from a file with a given text."""

    def load(text: str) -> dict[int, dict[str, Any]]:
        path = tmp_path / "teams.yaml"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        monkeypatch.setenv(TEAM_SETTINGS, str(path))
        return load_team_settings()

    return load


EXAMPLE = """
# Night runs
1:
  lookback_days: 14
  clustering_method_params: {min_samples: 9}
  trace_filters:
    - key: $ai_model
      value: [gpt-5, gpt-5-mini]
    # Pasted from PostHog:
    - {"key": "day", "value": "-7d", "operator": "is_date_after", "type": "event", "label": null}
112495: {max_samples: 500}
"""
SETTINGS = {
    1: {
        "lookback_days": 14,
        "clustering_method_params": {"min_samples": 9},
        "trace_filters": [
            {"key": "$ai_model", "value": ["gpt-5", "gpt-5-mini"]},
            {"key": "day", "value": "-7d", "operator": "is_date_after", "type": "event", "label": None},
        ],
    },
    112495: {"max_samples": 500},
}


def test_a_file_maps_teams_to_settings(load: Load) -> None:
    assert load(EXAMPLE) == SETTINGS


WITH_LLM = """
1: {max_samples: 500, llm: {model: qwen3:8b, max_requests: 9, api_key: {env: TRACE_CLUSTERING_LLM_API_KEY_1}}}
2: {llm: {labeler: keywords}}
112495: {llm: }
"""


def test_a_team_may_have_fields_of_the_model(load: Load) -> None:
    assert load(WITH_LLM) == {1: {"max_samples": 500}, 2: {}, 112495: {}}
    key = {"env": "TRACE_CLUSTERING_LLM_API_KEY_1"}
    assert load_llm_of_team(1) == {"model": "qwen3:8b", "max_requests": 9, "api_key": key}
    assert load_llm_of_team(2) == {"labeler": "keywords"}
    assert load_llm_of_team(112495) == load_llm_of_team(5) == {}


WITH_EMBEDDER = """
1: {max_samples: 500, embedder: {kind: endpoint, api_key: {env: TRACE_CLUSTERING_EMBEDDER_API_KEY_1}}}
2: {embedder: }
"""


def test_a_team_may_have_fields_of_the_embedder(load: Load) -> None:
    assert load(WITH_EMBEDDER) == {1: {"max_samples": 500}, 2: {}}
    key = {"env": "TRACE_CLUSTERING_EMBEDDER_API_KEY_1"}
    assert load_embedder_of_team(1) == {"kind": "endpoint", "api_key": key}
    assert load_embedder_of_team(2) == load_embedder_of_team(5) == {}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ("{batch_size: 0}", "team 2: embedder: batch_size = 0"),
        ("{api_key: sk-0123456789abcdef}", "embedder: api_key must not be written here"),
        ("{api_key: {env: TRACE_CLUSTERING_LLM_API_KEY}}", "which is not meant for it"),
        ("{prefix: {env: HOME}}", "must be a text"),
        ("[model]", "embedder must map names of fields"),
    ],
)
def test_a_wrong_field_of_the_embedder_is_named_with_its_team(load: Load, fields: str, named: str) -> None:
    with pytest.raises(InvalidSettingsError) as error:
        load(f"2: {{embedder: {fields}}}")
    assert named in str(error.value)
    assert "sk-0123456789abcdef" not in str(error.value)


WITH_SOURCE = """
1: {max_samples: 500, source: {kind: langfuse, project_id: p1, dsn: {env: TRACE_CLUSTERING_SOURCE_DSN}}}
2: {source: {kind: otel, service: [shop-bot, shop-search]}}
112495: {source: }
"""


def test_a_team_may_have_a_source_of_traces(load: Load) -> None:
    assert load(WITH_SOURCE) == {1: {"max_samples": 500}, 2: {}, 112495: {}}
    variable = {"env": "TRACE_CLUSTERING_SOURCE_DSN"}
    assert load_source_of_team(1) == LangfuseSource(kind="langfuse", project_id="p1", dsn=variable)
    assert load_source_of_team(2) == OtelSource(kind="otel", service=["shop-bot", "shop-search"])
    assert load_source_of_team(112495) is load_source_of_team(5) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2: {source: langfuse}", "teams.yaml, team 2: source must map names of fields"),
        ("2: {source: {kind: langfuse}}", "teams.yaml, team 2: source: project_id is missing"),
        (
            "2: {source: {kind: otel, service: a, dsn: 'http://h'}}",
            "teams.yaml, team 2: source: dsn must not",
        ),
    ],
)
def test_a_mistake_in_a_source_is_reported_with_its_team(load: Load, text: str, message: str) -> None:
    with pytest.raises(InvalidSettingsError, match=message):
        load(text)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ("{max_requests: 0}", "max_requests = 0"),
        ("{max_request: 5}", "max_request: there is no such field"),
        ("{base_url: 'localhost:11434'}", "must begin with http"),
        ("{api_key: sk-0123456789abcdef}", "api_key must not be written here"),
        ("{api_key: {env: HOME}}", "'HOME', which is not meant for it"),
        ("{model: {env: HOME}}", "must be a text"),
        ("[model]", "llm must map names of fields"),
        ("0", "llm must map names of fields"),
    ],
)
def test_a_wrong_field_of_the_model_is_named_with_its_team(load: Load, fields: str, named: str) -> None:
    with pytest.raises(InvalidSettingsError) as error:
        load(f"2: {{llm: {fields}}}")
    assert "teams.yaml, team 2" in str(error.value)
    assert named in str(error.value)
    assert "sk-0123456789abcdef" not in str(error.value)


def test_the_file_may_be_json(load: Load) -> None:
    assert load(json.dumps(SETTINGS)) == SETTINGS
    assert load(json.dumps(SETTINGS, indent=2)) == SETTINGS


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "1: {}", "\ufeff1: {}"])
def test_a_file_may_be_empty(load: Load, text: str) -> None:
    assert load(text) in ({}, {1: {}})


def test_without_a_file_no_team_has_settings_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_team_settings() == {}
    monkeypatch.setenv(TEAM_SETTINGS, "")
    assert load_team_settings() == {}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2025-01-22", "2025-01-22"),
        ("2025-01-22T08:00:00Z", "2025-01-22T08:00:00Z"),
        ("12:30", "12:30"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("True", "True"),
        ("007", "007"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        (".5", ".5"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("'3'", "3"),
        ("3", 3),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        ("[a, 1]", ["a", 1]),
    ],
)
def test_a_value_is_what_it_would_be_in_json_and_else_a_text(load: Load, written: str, value: object) -> None:
    ((_, settings),) = load(f"1: {{trace_filters: [{{key: a, value: {written}}}]}}").items()
    (item,) = settings["trace_filters"]
    assert item["value"] == value
    assert type(item["value"]) is type(value)


def test_teams_may_share_what_is_written_once(load: Load) -> None:
    loaded = load(
        "1: &usual {trace_filters: &model [{key: a, value: b}]}\n2: {trace_filters: *model}\n112495: *usual"
    )
    assert loaded[1] == loaded[2] == loaded[112495] == {"trace_filters": [{"key": "a", "value": "b"}]}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        # Teams
        ("7: {}", ["team 7 is not clustered, only 1, 2, 112495 are", TEAM_IDS]),
        ("one: {}", ["line 1: 'one' is not the id of a team"]),
        ("1: {}\n-2: {}", ["line 2: '-2' is not the id of a team"]),
        ("1.0: {}", ["'1.0' is not the id of a team"]),
        ("[1]: {}", ["is not the id of a team"]),
        ("1: {}\n2: {}\n1: {}", ["team 1 appears twice"]),
        ("'1': {}\n1: {}", ["team 1 appears twice"]),
        ("01: {}\n1: {}", ["team 1 appears twice"]),
        ("[1, 2]", ["must map team ids to settings"]),
        ("lookback_days", ["must map team ids to settings"]),
        # Settings
        ("1:", ["team 1: must map names of settings to values, not None"]),
        ("1: 14", ["team 1: must map names of settings to values, not 14"]),
        ("1: {3: 4}", ["team 1: must map names of settings"]),
        ("2: {look_back_days: 14}", ["team 2: settings: look_back_days = 14"]),
        ("2: {lookback_days: 0}", ["team 2: settings: lookback_days = 0: "]),
        ("2: {lookback_days: '14'}", ["team 2: ", "lookback_days", "14", "Int"]),
        ("2: {lookback_days: 14.0}", ["team 2: ", "lookback_days", "14.0"]),
        ("2: {lookback_days: true}", ["team 2: ", "lookback_days", "True"]),
        ("2: {run_label: 3}", ["team 2: settings: run_label = 3"]),
        ("2: {clustering_method: dbscan}", ["team 2: settings: clustering_method = 'dbscan'"]),
        ("2: {clustering_method_params: {eps: 1}}", ["team 2: settings: clustering_method_params.eps = 1"]),
        (
            "2: {lookback_days: 7, max_samples: 50, lookback_days: 14}",
            ["team 2: lookback_days is there twice"],
        ),
        # Filters
        ("2: {trace_filters: {key: a}}", ["team 2: settings: trace_filters = {'key': 'a'}"]),
        ("2: {trace_filters: [a]}", ["team 2: settings: trace_filters[0] = 'a'"]),
        ("2: {trace_filters: [null]}", ["team 2: settings: trace_filters[0] = None"]),
        ("2: {trace_filters: [{key: a}]}", ["team 2: settings: trace_filters[0].value is missing"]),
        (
            "2: {trace_filters: [{key: a, value: 1}, {key: a, value: b, operator: like}]}",
            ["team 2: settings: trace_filters[1].operator = 'like'"],
        ),
        ("2: {trace_filters: [{key: a, value: 1, value: 2}]}", ["team 2: value is there twice"]),
        ("2: {trace_filters: [{key: a, value: 1, 3: 4}]}", ["team 2: settings: trace_filters[0].", "3"]),
        (
            "2: {trace_filters: [{key: a, value: !!timestamp 2025-01-01}]}",
            ["team 2: settings: trace_filters[0].value"],
        ),
        # The file
        ("1: {", ["is not YAML: ", "line 1"]),
        ("1: {}\n\t2: {}", ["is not YAML: "]),
        ("1: {}\n---\n2: {}", ["is not YAML: "]),
        ("1: {run_label: !!python/name:os.system x}", ["is not YAML: "]),
        ("1: &again {trace_filters: [*again]}", ["is not YAML: "]),
        ("1: {[1]: 2}", ["is not YAML: ", "unhashable key", "line 1"]),
        ("1: {run_label: \udcff}", ["is not YAML: "]),
        ("1: {run_label: \x07}", ["is not YAML: "]),
    ],
)
def test_a_mistake_is_reported_by_file_team_and_setting(load: Load, text: str, parts: list[str]) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        load(text)
    for part in ["teams.yaml", *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize("path", ["no/such/teams.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(
    path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(TEAM_SETTINGS, str(tmp_path / path))
    with pytest.raises(InvalidSettingsError, match=rf"{TEAM_SETTINGS}: {tmp_path}.* cannot be read: "):
        load_team_settings()


def test_a_mistake_stops_the_code_location(tmp_path: Path) -> None:
    path = tmp_path / "teams.yaml"
    path.write_text("1: {trace_filters: [{key: a, value: []}]}")
    loaded = subprocess.run(
        [sys.executable, "-c", "import trace_clustering.definitions"],
        env={**os.environ, TEAM_SETTINGS: str(path)},
        capture_output=True,
        text=True,
    )
    assert loaded.returncode != 0
    assert "team 1: settings: trace_filters[0].value = []: an empty list" in loaded.stderr.splitlines()[-1]


def test_the_schedule_gives_each_team_its_settings(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "SETTINGS_BY_TEAM", load(EXAMPLE))
    with dg.instance_for_test() as instance:
        requests = {str(request.partition_key): request.run_config for request in tick(instance)}
    assert requests == {
        "2025-01-22|1": {"resources": {"settings": {"config": SETTINGS[1]}}},
        "2025-01-22|2": {},
        "2025-01-22|112495": {"resources": {"settings": {"config": SETTINGS[112495]}}},
    }

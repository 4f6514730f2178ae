"""The README names everything a user can set, and its statements are the ones that are tested."""

import json
from pathlib import Path

import pytest

from trace_clustering import environment
from trace_clustering.cli import main
from trace_clustering.definitions import defs
from trace_clustering.labeling.resource import API_KEY, BASE_URL, LLM
from trace_clustering.orchestration.settings import ClusteringSettings, HDBSCANParams
from trace_clustering.orchestration.team_settings import load_team_settings
from trace_clustering.posthog.filter_operators import OPERATORS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        *ClusteringSettings.model_fields,
        *HDBSCANParams.model_fields,
        *LLM.model_fields,
        environment.CLICKHOUSE_DSN,
        environment.TEAM_IDS,
        environment.STORAGE,
        environment.EXECUTOR,
        environment.TEAM_SETTINGS,
        API_KEY,
        BASE_URL,
    ],
)
def test_every_setting_is_explained(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("command", main.commands)
def test_every_command_is_shown(command: str) -> None:
    assert f"trace-clustering {command}" in README


def test_every_asset_is_explained() -> None:
    for asset in defs.assets or []:
        assert f"| `{asset.key.to_user_string()}` |" in README


def test_every_picture_is_there() -> None:
    pictures = [part.split(")")[0] for part in README.split("](")[1:] if part.startswith(".github")]
    assert pictures
    for picture in pictures:
        assert (Path(__file__).parents[1] / picture).is_file()


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_of_filters_is_explained(operator: str) -> None:
    assert f"`{operator}`" in README


def test_the_example_of_filters_is_accepted() -> None:
    example = README.split("```json\n")[1].split("```")[0]
    assert len(ClusteringSettings(trace_filters=json.loads(example)).property_filters()) == 2


def test_the_example_of_team_settings_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "teams.yaml").write_text(README.split("```yaml\n")[1].split("```")[0])
    monkeypatch.setenv(environment.TEAM_SETTINGS, str(tmp_path / "teams.yaml"))
    assert list(load_team_settings()) == [1, 112495]

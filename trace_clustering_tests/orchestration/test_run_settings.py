"""Runs of a team use its settings, however they are started; what a run's configuration names wins."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from trace_clustering.definitions import defs
from trace_clustering.environment import TEAM_SETTINGS
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration import run_settings
from trace_clustering.orchestration.run_settings import FROM_RUN, FROM_TEAM, RunSettings, find_team
from trace_clustering.orchestration.settings import ClusteringSettings

OF_TEAM = {"lookback_days": 3, "max_samples": 400, "clustering_method_params": {"min_samples": 9}}


@pytest.mark.parametrize(
    ("named", "value", "origin"),
    [
        ({}, 3, FROM_TEAM),
        ({"max_samples": 50}, 3, FROM_TEAM),
        ({"lookback_days": 14}, 14, FROM_RUN),
        ({"lookback_days": 7}, 7, FROM_RUN),  # which is also the default
        ({"lookback_days": 3}, 3, FROM_TEAM),  # as nightly runs name it
    ],
)
def test_a_run_names_what_differs_from_the_team(named: dict[str, Any], value: int, origin: str) -> None:
    settings = RunSettings(**named).resolve(named, OF_TEAM)
    assert settings.lookback_days == value
    assert settings.origins_of_stage("embeddings")["lookback_days"] == origin
    assert settings.method_params().model_dump()["min_samples"] == 9
    assert settings.random_state == 42
    assert "random_state" not in settings.origins_of_stage("embeddings")


def test_an_asset_tells_the_origin_of_its_own_settings_only() -> None:
    settings = RunSettings().resolve({}, OF_TEAM | {"compute_timeout_seconds": 60})
    assert settings.origins_of_stage("embeddings").keys() == {
        "lookback_days",
        "max_samples",
        "compute_timeout_seconds",
    }
    assert settings.origins_of_stage("cluster_assignments").keys() == {
        "clustering_method_params",
        "compute_timeout_seconds",
    }


@pytest.mark.parametrize(
    ("named", "of_team"),
    [
        ({"max_k": 5}, {"min_k": 7}),
        ({"clustering_method": "kmeans"}, {"clustering_method_params": {"min_samples": 9}}),
    ],
)
def test_settings_of_team_and_run_that_contradict_each_other_are_refused(
    named: dict[str, Any], of_team: dict[str, Any]
) -> None:
    ClusteringSettings(**named)
    ClusteringSettings(**of_team)
    with pytest.raises(InvalidSettingsError) as caught:
        RunSettings(**named).resolve(named, of_team)
    assert f"{next(iter(of_team))}: from the file of {TEAM_SETTINGS}" in str(caught.value)
    assert f"{next(iter(named))}: from the run's configuration" in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "team"),
    [
        ({"dagster/partition": "2025-01-22|2", "dagster/partition/team": "2"}, 2),
        ({"dagster/partition/team": "112495", "dagster/partition/date": "2025-01-22"}, 112495),
        ({"dagster/partition": "2025-01-22|1"}, 1),
        ({"dagster/asset_partition_range_start": "2025-01-22|1"}, 1),
        ({}, None),
    ],
)
def test_the_team_of_a_run_is_read_from_its_tags(tags: dict[str, str], team: int | None) -> None:
    assert find_team(tags) == team


def read_embeddings(result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
    (event,) = result.asset_materializations_for_node("embeddings")
    return {name: value.value for name, value in event.metadata.items()}


@pytest.mark.parametrize(
    ("team", "config", "used", "settings_from"),
    [
        (1, None, (3, 400), {"lookback_days": FROM_TEAM, "max_samples": FROM_TEAM}),
        (1, {}, (3, 400), {"lookback_days": FROM_TEAM, "max_samples": FROM_TEAM}),
        (1, {"lookback_days": 2}, (2, 400), {"lookback_days": FROM_RUN, "max_samples": FROM_TEAM}),
        (2, {"lookback_days": 2}, (2, 1000), {"lookback_days": FROM_RUN}),
        (2, None, (7, 1000), {}),
    ],
)
def test_the_jobs_of_the_code_location_use_the_settings_of_the_team(
    team: int,
    config: dict[str, Any] | None,
    used: tuple[int, int],
    settings_from: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_settings, "SETTINGS_BY_TEAM", {1: OF_TEAM})
    with dg.instance_for_test() as instance:
        result = defs.resolve_job_def("trace_clustering_job").execute_in_process(
            partition_key=f"2025-01-22|{team}",
            instance=instance,
            run_config=None if config is None else {"resources": {"settings": {"config": config}}},
            asset_selection=[dg.AssetKey("embeddings")],
        )
    metadata = read_embeddings(result)
    assert (metadata["settings"]["lookback_days"], metadata["settings"]["max_samples"]) == used
    assert metadata["settings_from"] == settings_from


@pytest.mark.slow
def test_the_command_line_uses_the_settings_of_the_team(tmp_path: Path) -> None:
    (tmp_path / "teams.yaml").write_text("1: {lookback_days: 3, run_label: of-the-team}")
    config = json.dumps({"resources": {"settings": {"config": {"max_samples": 50}}}})
    subprocess.run(
        [
            *(Path(sys.executable).parent / "dagster", "asset", "materialize"),
            *("-m", "trace_clustering.definitions", "--select", "embeddings", "--partition", "2025-01-22|1"),
            *("--config-json", config),
        ],
        env=os.environ | {TEAM_SETTINGS: str(tmp_path / "teams.yaml")},
        check=True,
        capture_output=True,
    )
    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("embeddings"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert metadata["run_id"] == "1_trace_20250123_000000_of-the-team"
    assert metadata["path"].endswith("1_of-the-team.parquet")
    assert metadata["settings"]["max_samples"] == 50
    assert metadata["settings_from"] == {
        "lookback_days": FROM_TEAM,
        "run_label": FROM_TEAM,
        "max_samples": FROM_RUN,
    }


def test_the_launchpad_still_documents_defaults() -> None:
    schema = RunSettings.to_config_schema().as_field().config_type.fields
    assert schema["lookback_days"].description.startswith("Days in the window")
    assert schema["lookback_days"].description.endswith("Default: 7.")
    assert not schema["lookback_days"].default_provided  # it would win over the team's

"""The daily schedule: one run per allowed team for yesterday."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from trace_clustering.definitions import defs
from trace_clustering.environment import TEAM_IDS, TEAM_SETTINGS
from trace_clustering_tests.examples import ASSETS, INGESTION


def tick(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """Return what the scheduler gets on 23 January 2025, after it has checked the partitions."""
    repository = defs.get_repository_def()
    schedule = repository.get_schedule_def("trace_clustering_daily_schedule")
    context = dg.build_schedule_context(
        instance=instance,
        repository_def=repository,
        scheduled_execution_time=datetime(2025, 1, 23, 0, 15, tzinfo=UTC),
    )
    return list(schedule.evaluate_tick(context).run_requests or [])


def test_every_allowed_team_gets_one_run_for_yesterday() -> None:
    with dg.instance_for_test() as instance:
        requests = tick(instance)
    assert [str(request.partition_key) for request in requests] == [
        "2025-01-22|1",
        "2025-01-22|2",
        "2025-01-22|112495",
    ]
    assert len({request.run_key for request in requests}) == 3


def test_an_unknown_team_never_voids_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TEAM_IDS, "1,99,2")  # 99 came after the code location was loaded
    with dg.instance_for_test() as instance:
        requests = tick(instance)
    assert [str(request.partition_key) for request in requests] == ["2025-01-22|1", "2025-01-22|2"]


def test_a_team_with_a_source_gets_nine_assets_and_any_other_six(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "teams.yaml"
    path.write_text("2: {source: {kind: otel, service: shop}}")
    monkeypatch.setenv(TEAM_SETTINGS, str(path))
    with dg.instance_for_test() as instance:
        requests = tick(instance)
    found = {str(request.partition_key): request.asset_selection for request in requests}
    asked = {key.to_user_string() for key in found["2025-01-22|1"] or []}
    assert asked == set(ASSETS)
    assert found["2025-01-22|2"] is None  # the whole job
    job = defs.resolve_job_def("trace_clustering_job")
    assert {key.to_user_string() for key in job.asset_layer.selected_asset_keys} == {*INGESTION, *ASSETS}


def test_it_runs_by_itself_every_night_in_utc() -> None:
    schedule = defs.resolve_schedule_def("trace_clustering_daily_schedule")
    assert schedule.cron_schedule == "15 0 * * *"
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "trace_clustering_job"


def test_it_says_which_teams_and_which_window() -> None:
    description = defs.resolve_schedule_def("trace_clustering_daily_schedule").description or ""
    assert "00:15 UTC" in description
    assert "by default 7 days" in description
    assert "1, 2, 112495 (TRACE_CLUSTERING_TEAM_IDS)" in description

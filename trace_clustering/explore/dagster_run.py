"""The run of Dagster that clusters what an exploration has stored."""

import os
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from trace_clustering.environment import (
    FIRST_DAY,
    HOME,
    INCLUDE_TODAY,
    MIN_FIRST_DAY,
    find_home,
    read_executor_name,
    read_first_day,
)
from trace_clustering.errors import ExplorationFailedError
from trace_clustering.explore.progress import Progress
from trace_clustering.text import escape_controls

if TYPE_CHECKING:
    import dagster as dg

_MAX_REASON: Final = 300


def open_partitions(day: date) -> None:
    """Have the partition of a day exist, also if it is an early day or today; before definitions load."""
    if day < read_first_day():
        os.environ[FIRST_DAY] = str(max(day, MIN_FIRST_DAY))
    if day >= datetime.now(UTC).date():
        os.environ[INCLUDE_TODAY] = "1"


def check_settings() -> None:
    """Check the settings that definitions will read when they are loaded.

    Raises
    ------
    InvalidSettingsError
        If one of them is not allowed.
    """
    from trace_clustering.orchestration.team_settings import load_team_settings

    read_executor_name()
    load_team_settings()


class DagsterRun:
    """Runs in this process, one after the other; creating it loads the definitions.

    Parameters
    ----------
    instance : dagster.DagsterInstance
    progress : Progress
    """

    def __init__(self, instance: "dg.DagsterInstance", progress: Progress) -> None:
        self._instance = instance
        self._job = _build_job(progress)
        self._run_id = ""

    def materialize(self, partition: str, config: Mapping[str, Any]) -> None:
        """Materialize the clustering assets of a partition, with the configuration of some resources.

        Raises
        ------
        ExplorationFailedError
            If the run failed; its log was printed.
        """
        from trace_clustering.orchestration.jobs import CLUSTERING_ASSETS

        self._run_id = str(uuid.uuid4())
        result = self._job.execute_in_process(
            instance=self._instance,
            run_id=self._run_id,
            partition_key=partition,
            asset_selection=CLUSTERING_ASSETS,
            run_config={
                "loggers": {"progress": {"config": {}}},
                "resources": {name: {"config": fields} for name, fields in config.items()},
            },
            raise_on_error=False,
        )
        if not result.success:
            failed = [event.step_key for event in result.all_events if event.is_step_failure]
            raise ExplorationFailedError(f"The run failed in {', '.join(map(str, failed))}; its log is above")

    def report_interrupt(self) -> None:
        """Record that the run has ended: Dagster would take it for a live one, and start no other."""
        run = self._instance.get_run_by_id(self._run_id)
        if run and not run.is_finished:
            self._instance.report_run_canceled(run, message="Interrupted by Ctrl-C")


def open_instance() -> "dg.DagsterInstance":
    """Open Dagster's storage in its home.

    Raises
    ------
    ExplorationFailedError
        If Dagster cannot use it.
    """
    import dagster as dg

    try:
        return dg.DagsterInstance.get()
    except Exception as error:  # Dagster, YAML, SQLAlchemy and SQLite have errors of their own
        raise ExplorationFailedError(
            f"Dagster cannot use its home {find_home()}; mend its dagster.yaml, or set {HOME} to another: "
            + escape_controls(f"{type(error).__name__}: {error}", _MAX_REASON)
        ) from error


def _build_job(progress: Progress) -> "dg.JobDefinition":
    import dagster as dg

    from trace_clustering.definitions import defs

    loggers = dg.Definitions(loggers={"progress": progress.make_logger()})
    return dg.Definitions.merge(defs, loggers).resolve_job_def("trace_clustering_job")

"""How the steps of a run are executed, whatever starts the run: a schedule, the UI or a backfill."""

import dagster as dg

from trace_clustering.algorithms.steps import import_libraries
from trace_clustering.environment import read_executor_name
from trace_clustering.processes.worker import prepare_process

# Steps are forked from a process that has imported these modules, so that no step imports them again. chdb
# must not be among them: it starts threads, and threads do not survive a fork.
_PRELOADED_MODULES = [
    "trace_clustering.definitions",
    "numpy",
    "pyarrow.parquet",
    "alembic.command",
    "alembic.config",
    "sqlalchemy.dialects.sqlite",
    "dagster._core.storage.event_log.sqlite",
    "dagster._core.storage.runs.sqlite",
    "dagster._core.storage.local_compute_log_manager",
]


def build_executor() -> dg.ExecutorDefinition:
    """Return the executor that `TRACE_CLUSTERING_EXECUTOR` names; by default, all steps share one process.

    A process per step imports its libraries anew, which takes longer than the work on 1,000 traces.
    """
    if read_executor_name() == "in_process":
        return dg.ExecutorDefinition(
            "in_process",
            config_schema=dg.in_process_executor.config_schema,  # type: ignore[arg-type]
            executor_creation_fn=_create_in_process_executor,
        )
    return dg.multiprocess_executor.configured(
        {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": _PRELOADED_MODULES}}}
    )


def _create_in_process_executor(context: dg.InitExecutorContext) -> dg.Executor:
    """Return Dagster's own executor, and start the process that computes.

    That process imports its libraries while the first step still reads from ClickHouse.
    """
    prepare_process(import_libraries)
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None  # noqa: S101 - Dagster's own executors all have one
    return create(context)

"""How the steps of a run are executed, for every run: jobs, the UI, and backfills alike."""

import dagster as dg

from trace_clustering.algorithms.steps import import_libraries
from trace_clustering.environment import executor_name
from trace_clustering.processes.worker import prepare_process

# Forked steps find these imported. Without the storage modules each step imports them again; chdb must
# never be here, since its threads do not survive a fork.
_PRELOADED = [
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


def executor() -> dg.ExecutorDefinition:
    """Return the executor that `TRACE_CLUSTERING_EXECUTOR` names.

    With processes, runs can be cancelled and limited in time; in one process, short runs start faster.
    """
    if executor_name() == "in_process":
        return dg.ExecutorDefinition(
            "in_process",
            config_schema=dg.in_process_executor.config_schema,  # type: ignore[arg-type]
            executor_creation_fn=_in_process,
        )
    return dg.multiprocess_executor.configured(
        {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": _PRELOADED}}}
    )


def _in_process(context: dg.InitExecutorContext) -> dg.Executor:
    """Return Dagster's own; while the first step reads, the process that computes imports its libraries."""
    prepare_process(import_libraries)
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None  # noqa: S101 - of an executor that is defined as one
    return create(context)

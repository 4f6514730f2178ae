"""The demo: it loads traces of a made-up product into ClickHouse, clusters them and prints the clusters."""

import logging
import os
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trace_clustering.environment import CLICKHOUSE_DSN, TEAM_IDS, read_clickhouse_dsn, read_team_ids
from trace_clustering.errors import DemoFailedError, InvalidSettingsError

if TYPE_CHECKING:
    import dagster as dg

DEMO_TEAM_ID = 112495
DEMO_DAY = "2025-01-22"


def run_demo(console: Console, team_id: int | None = None, *, agent: bool = False) -> None:
    """Load the demo traces, materialize all assets for one team and day, and print the clusters.

    A language model writes the titles only if `agent` is true: a key in the environment alone must not cost
    money.

    Raises
    ------
    InvalidSettingsError
        If the team may not be clustered, or ClickHouse is a server: made-up traces must not mix with real
        ones. With `agent`, also if there is no language model, or its address or key is malformed.
    LLMUnavailableError
        If the language model cannot be reached.
    DemoFailedError
        If the run failed.
    """
    team_id = team_id or DEMO_TEAM_ID
    if team_id not in read_team_ids():
        raise InvalidSettingsError(
            f"The demo's team {team_id} is not among the teams {', '.join(map(str, read_team_ids()))} "
            f"({TEAM_IDS}); choose one of them with --team-id, or add it there"
        )
    if not read_clickhouse_dsn().startswith("chdb:"):
        raise InvalidSettingsError(
            f"{CLICKHOUSE_DSN} is the address of a server, and the demo writes made-up traces; "
            "unset it for the demo"
        )
    if agent:
        _require_model(team_id)
    home = Path(os.environ.get("DAGSTER_HOME") or Path.cwd()).absolute()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)  # Dagster insists on an absolute folder that exists
    _load_traces(console, team_id)
    _materialize_assets(console, team_id, "agent" if agent else "keywords")
    _print_clusters(console, team_id, home)


def _require_model(team_id: int) -> None:
    from trace_clustering.labeling.label import require_model
    from trace_clustering.labeling.resource import LLM
    from trace_clustering.orchestration.team_settings import load_llm_of_team

    require_model(LLM(labeler="agent").resolve(load_llm_of_team(team_id)))


def _load_traces(console: Console, team_id: int) -> None:
    from trace_clustering.clickhouse.resource import ClickHouse
    from trace_clustering.sources.load import load_file

    with as_file(files("trace_clustering.demo") / "traces.parquet") as path, console.status("Loading traces"):
        report = load_file(path, ClickHouse(), team_id, embedding_model="all-MiniLM-L6-v2-384")
    console.print(
        f"Loaded {report.inserted.new} traces of a made-up shop builder's assistant for team {team_id}"
        + (f" ({report.inserted.unchanged} were there already)" if report.inserted.unchanged else "")
    )


def _materialize_assets(console: Console, team_id: int, labeler: str) -> None:
    import dagster as dg

    from trace_clustering.definitions import defs

    partition = f"{DEMO_DAY}|{team_id}"
    console.print(f"Materializing the six assets of partition {partition}; this takes about half a minute")
    job = dg.Definitions.merge(
        defs, dg.Definitions(loggers={"progress": _make_progress_logger(console)})
    ).resolve_job_def("trace_clustering_job")
    with dg.DagsterInstance.get() as instance, console.status("Working"):
        result = job.execute_in_process(
            instance=instance,
            partition_key=partition,
            run_config={
                "loggers": {"progress": {"config": {}}},
                "resources": {"llm": {"config": {"labeler": labeler}}},
            },
            raise_on_error=False,
        )
    if not result.success:
        failed = [event.step_key for event in result.all_events if event.is_step_failure]
        raise DemoFailedError(f"The run failed in {', '.join(map(str, failed))}; its log is above")


def _make_progress_logger(console: Console) -> "dg.LoggerDefinition":
    """Return a Dagster logger that prints finished assets, their messages, warnings and errors."""
    import dagster as dg

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            meta = getattr(record, "dagster_meta", {})
            event = meta.get("dagster_event")
            if record.levelno >= logging.WARNING:
                console.print(record.getMessage(), style="red", markup=False)
            elif event is None and record.levelno >= logging.INFO:
                console.print(f"  {meta.get('orig_message', record.getMessage())}", markup=False)
            elif event is not None and event.event_type_value == "STEP_SUCCESS":
                seconds = event.event_specific_data.duration_ms / 1000
                console.print(f"✓ {event.step_key} [{seconds:.1f} s]", markup=False)

    def create(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("trace_clustering.demo")
        logger.addHandler(Handler())
        return logger

    return dg.LoggerDefinition(create)


def _print_clusters(console: Console, team_id: int, home: Path) -> None:
    from trace_clustering.clickhouse.resource import ClickHouse
    from trace_clustering.environment import read_storage_base
    from trace_clustering.reports.table import build_clustering_table, fetch_clustering

    console.print(build_clustering_table(fetch_clustering(ClickHouse(), team_id)))
    console.print("Where to look next:", style="bold")
    for line in (
        f"the map and all figures:  DAGSTER_HOME={home} dagster dev -m trace_clustering.definitions",
        f"this table again:         trace-clustering show --team-id {team_id}",
        f"the event as JSON:        trace-clustering show --team-id {team_id} --json",
        f"the artifacts (Parquet):  {read_storage_base()}",
    ):
        console.print(f"  {line}", markup=False, soft_wrap=True)

"""The demo: it loads traces of a made-up product into ClickHouse, clusters them and prints the clusters."""

import os
import uuid
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from trace_clustering.clickhouse.address import parse_dsn
from trace_clustering.environment import (
    CLICKHOUSE_DSN,
    FIRST_DAY,
    HOME,
    TEAM_IDS,
    find_home,
    read_clickhouse_dsn,
    read_first_day,
    read_storage_base,
    read_team_ids,
)
from trace_clustering.errors import DemoFailedError, InvalidSettingsError
from trace_clustering.explore.interrupts import end_on_interrupt
from trace_clustering.explore.progress import Progress
from trace_clustering.text import escape_controls

if TYPE_CHECKING:
    import dagster as dg

DEMO_TEAM_ID = 112495
DEMO_DAY = "2025-01-22"
_MAX_REASON = 300


def run_demo(team_id: int | None = None, *, agent: bool = False) -> None:
    """Load the demo traces, materialize all assets for one team and day, and print the clusters.

    A language model writes the titles only if `agent` is true: a key in the environment alone must not cost
    money. Ctrl-C ends the process at once.

    Raises
    ------
    InvalidSettingsError
        If the team may not be clustered, or ClickHouse is a server: made-up traces must not mix with real
        ones; if nothing can be stored in one of the places that are needed; or, with `agent`, if there is no
        language model, or its address or key is malformed.
    LLMUnavailableError
        If the language model cannot be reached.
    DemoFailedError
        If Dagster does not start, or the run failed.
    """
    Demo(team_id or DEMO_TEAM_ID, "agent" if agent else "keywords").run()


class Demo:
    """One demo, for a team and with one way to make titles."""

    def __init__(self, team_id: int, labeler: str) -> None:
        self._team_id = team_id
        self._labeler = labeler
        self._progress = Progress()
        self._instance: dg.DagsterInstance | None = None
        self._run_id = str(uuid.uuid4())

    def run(self) -> None:
        """Check that everything is there, then do one thing after the other."""
        with end_on_interrupt(self._leave):
            self._require_settings()
            if self._labeler == "agent":
                self._require_model()
            self._prepare_folders()
            with self._progress.doing("Starting Dagster"):
                self._instance = _open_instance()
                job = self._build_job()
            with self._instance:
                self._load_traces()
                self._materialize_assets(job)
            self._print_clusters()

    def _leave(self) -> None:
        self._progress.end("Interrupted: the demo has ended, and nothing of it runs on.")
        # Otherwise Dagster would take the run for a live one, and start no other of this team.
        if self._instance and (run := self._instance.get_run_by_id(self._run_id)) and not run.is_finished:
            self._instance.report_run_canceled(run, message="Interrupted by Ctrl-C")

    def _require_settings(self) -> None:
        if self._team_id not in read_team_ids():
            raise InvalidSettingsError(
                f"The demo's team {self._team_id} is not among the teams "
                f"{', '.join(map(str, read_team_ids()))} ({TEAM_IDS}); choose one of them with --team-id, "
                "or add it there"
            )
        if parse_dsn(read_clickhouse_dsn()).folder is None:
            raise InvalidSettingsError(
                f"{CLICKHOUSE_DSN} is the address of a server, and the demo writes made-up traces; "
                "unset it for the demo"
            )
        if str(read_first_day()) > DEMO_DAY:
            raise InvalidSettingsError(
                f"The demo's traces are of {DEMO_DAY}, and {FIRST_DAY} is {read_first_day()}; "
                "unset it for the demo"
            )

    def _require_model(self) -> None:
        from trace_clustering.labeling.label import require_model
        from trace_clustering.llm.resource import LLM
        from trace_clustering.orchestration.team_settings import load_llm_of_team

        with self._progress.doing("Looking for the language model"):
            require_model(LLM(labeler="agent").resolve(load_llm_of_team(self._team_id)))

    def _prepare_folders(self) -> None:
        home = find_home()
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidSettingsError(
                f"{HOME} cannot be used ({error}); name a folder that you may write to"
            ) from error
        os.environ[HOME] = str(home)  # Dagster insists on an absolute folder that exists
        with self._progress.doing("Looking at the folders"):
            from trace_clustering.artifacts.place import require_usable_storage

            require_usable_storage(read_storage_base())

    def _build_job(self) -> "dg.JobDefinition":
        import dagster as dg

        from trace_clustering.definitions import defs

        loggers = dg.Definitions(loggers={"progress": self._progress.make_logger()})
        return dg.Definitions.merge(defs, loggers).resolve_job_def("trace_clustering_job")

    def _load_traces(self) -> None:
        from trace_clustering.clickhouse.resource import ClickHouse
        from trace_clustering.sources.load import load_file

        clickhouse = ClickHouse()
        with (
            as_file(files("trace_clustering.demo") / "traces.parquet") as path,
            self._progress.doing("Loading traces"),
        ):
            report = load_file(path, clickhouse, self._team_id, embedding_model="all-MiniLM-L6-v2-384")
        team = self._team_id
        found = report.inserted
        there = f" ({found.unchanged} were there already)" if found.unchanged else ""
        self._progress.say(
            f"Loaded {found.new} traces of a made-up shop builder's assistant for team {team}{there}"
        )
        self._progress.say(f"  into {clickhouse.describe_place()}", is_command=True)

    def _materialize_assets(self, job: "dg.JobDefinition") -> None:
        partition = f"{DEMO_DAY}|{self._team_id}"
        self._progress.say(
            f"Materializing the six assets of partition {partition}; this takes about half a minute"
        )
        with self._progress.doing("Starting the run"):
            result = job.execute_in_process(
                instance=self._instance,
                run_id=self._run_id,
                partition_key=partition,
                run_config={
                    "loggers": {"progress": {"config": {}}},
                    "resources": {"llm": {"config": {"labeler": self._labeler}}},
                },
                raise_on_error=False,
            )
        if not result.success:
            failed = [event.step_key for event in result.all_events if event.is_step_failure]
            raise DemoFailedError(f"The run failed in {', '.join(map(str, failed))}; its log is above")

    def _print_clusters(self) -> None:
        from trace_clustering.clickhouse.resource import ClickHouse
        from trace_clustering.reports.next_steps import write_show_command, write_web_command
        from trace_clustering.reports.table import build_clustering_table, fetch_clustering

        self._progress.say(build_clustering_table(fetch_clustering(ClickHouse(), self._team_id)))
        self._progress.say("Where to look next:", "bold")
        for line in (
            f"the map and all figures:  {write_web_command()}",
            f"this table again:         {write_show_command(self._team_id)}",
            f"the event as JSON:        {write_show_command(self._team_id)} --json",
            f"the artifacts (Parquet):  {read_storage_base()}",
        ):
            self._progress.say(f"  {line}", is_command=True)


def _open_instance() -> "dg.DagsterInstance":
    """Open Dagster's storage in its home."""
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")  # it would also print two screens of text
    import dagster as dg

    try:
        return dg.DagsterInstance.get()
    except Exception as error:  # Dagster, YAML, SQLAlchemy and SQLite have errors of their own
        raise DemoFailedError(
            f"Dagster cannot use its home {find_home()}; mend its dagster.yaml, or set {HOME} to another: "
            + escape_controls(f"{type(error).__name__}: {error}", _MAX_REASON)
        ) from error

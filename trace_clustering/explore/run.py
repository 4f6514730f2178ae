"""Explores files: their traces are read, summarized, embedded and clustered, and the groups shown."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trace_clustering.constants import MIN_TRACES_FOR_CLUSTERING
from trace_clustering.documents.summary_options import SummaryOptions
from trace_clustering.environment import FIRST_DAY, HOME, INCLUDE_TODAY, find_home, read_storage_base
from trace_clustering.errors import ExplorationFailedError
from trace_clustering.explore.dagster_run import DagsterRun, check_settings, open_instance, open_partitions
from trace_clustering.explore.interrupts import end_on_interrupt
from trace_clustering.explore.progress import Progress
from trace_clustering.explore.selection import Choice, Sample, Selection

if TYPE_CHECKING:
    from trace_clustering.documents.llm_summaries import Summarizer
    from trace_clustering.ingestion.ingest import IngestedTrace
    from trace_clustering.sources.read_report import ReadReport


@dataclass(frozen=True)
class Request:
    """What is explored.

    Attributes
    ----------
    paths : sequence of Path
    team_id : int
        Under which the traces are kept.
    format_name : str
        Empty: each file's format is recognised.
    choice : Choice
    labeler : {"keywords", "agent"}
    model_name : str
        Model of the vectors that the files hold; empty if unknown.
    summaries : SummaryOptions
    is_alone : bool
        Whether everything in the home belongs to this exploration.
    unset : sequence of str
        Variables that do not count here, and must not count for the commands that are shown.
    last_days : sequence of date
        Last days of windows of the default length, which are clustered one after the other. Empty: one window
        holds everything.
    """

    paths: Sequence[Path]
    team_id: int
    format_name: str = ""
    choice: Choice = field(default_factory=Choice)
    labeler: str = "keywords"
    model_name: str = ""
    summaries: SummaryOptions = field(default_factory=SummaryOptions)
    is_alone: bool = False
    unset: Sequence[str] = ()
    last_days: Sequence[date] = ()


class Exploration:
    """One exploration, in Dagster's home; Ctrl-C ends it at once."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._progress = Progress()
        self._run: DagsterRun | None = None

    def run(self) -> None:
        """Do one step after the other, and tell what came out.

        Raises
        ------
        TraceClusteringError
            If files cannot be read, nothing can be stored, or the run failed.
        """
        with end_on_interrupt(self._leave):
            if self._request.labeler == "agent":
                self._require_model()
            self._prepare_folders()
            with self._progress.doing("Starting Dagster"):
                # What is wrong with it is told before anything is stored.
                instance = open_instance()
                check_settings()
            read, selection, samples = self._ingest()
            sample = samples[-1]
            if len(sample.traces) < MIN_TRACES_FOR_CLUSTERING:
                self._tell_shortage(read, selection, sample)
                return
            self._make_vectors(selection, [trace for each in samples for trace in each.traces])
            for each in samples:
                open_partitions(each.day)
            with instance:
                with self._progress.doing("Loading the assets"):
                    run = self._run = DagsterRun(instance, self._progress)
                for earlier in samples[:-1]:
                    self._materialize_earlier(run, earlier)
                self._materialize_assets(run, sample)
            self._tell_clusters(read, selection, sample)

    @property
    def _with_automation(self) -> bool:
        return self._request.choice.rules.automation != "leave_out"

    def _leave(self) -> None:
        self._progress.end("Interrupted: nothing of it runs on; the same command goes on from here.")
        if self._run:
            self._run.report_interrupt()

    def _require_model(self) -> None:
        from trace_clustering.labeling.label import require_model
        from trace_clustering.llm.resource import LLM
        from trace_clustering.orchestration.team_settings import load_llm_of_team

        with self._progress.doing("Looking for the language model"):
            require_model(LLM(labeler="agent").resolve(load_llm_of_team(self._request.team_id)))

    def _prepare_folders(self) -> None:
        home = find_home()
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExplorationFailedError(
                f"{HOME} cannot be used ({error}); name a folder that you may write to"
            ) from error
        os.environ[HOME] = str(home)  # Dagster insists on an absolute folder that exists
        # Dagster reads it when it is imported; else it would print two screens of text.
        os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
        with self._progress.doing("Looking at the folders"):
            from trace_clustering.artifacts.place import require_usable_storage

            require_usable_storage(read_storage_base())

    def _ingest(self) -> "tuple[ReadReport, Selection, list[Sample]]":
        from trace_clustering.clickhouse.resource import ClickHouse
        from trace_clustering.documents.redaction import redact_trace
        from trace_clustering.explore.place import find_time_of_files
        from trace_clustering.ingestion.ingest import ingest_traces
        from trace_clustering.sources.read_report import ReadReport
        from trace_clustering.sources.read_traces import read_traces

        request, read = self._request, ReadReport()
        selection = Selection(request.choice, datetime.now(UTC))
        with self._progress.doing("Reading traces"):
            found = read_traces(
                request.paths, read, format_name=request.format_name, track=self._progress.track
            )
            kinds = request.summaries.redact
            redacted = (redact_trace(trace, kinds) for trace in found) if kinds else found
            traces = selection.watch(redacted)
            stored = ingest_traces(ClickHouse(), request.team_id, traces, find_time_of_files(request.paths))
        samples = (
            selection.choose_windows(stored.traces, request.last_days)
            if request.last_days
            else [selection.choose(stored.traces)]
        )
        for line in read.describe():
            self._progress.say(line)
        if selection.untimed:
            self._progress.say(
                f"{selection.untimed:,} of them have no time; that of their files stands for it."
            )
        return read, selection, samples

    def _make_vectors(self, selection: Selection, traces: "list[IngestedTrace]") -> None:
        from trace_clustering.clickhouse.resource import ClickHouse
        from trace_clustering.documents.embedder import Embedder
        from trace_clustering.ingestion.embed import (
            delete_other_vectors,
            embed_traces,
            store_given_vectors,
        )
        from trace_clustering.ingestion.summarize import summarize_traces

        clickhouse, team_id = ClickHouse(), self._request.team_id
        if self._request.is_alone:
            delete_other_vectors(clickhouse, team_id, traces)
        with self._progress.doing("Summarizing"):
            summarizer = self._open_summarizer()
            summaries = summarize_traces(
                clickhouse, team_id, traces, summarizer, with_automation=self._with_automation
            )
        self._progress.say(
            f"Summarized {sum(summaries.written.values()):,} traces; {summaries.unchanged:,} were there."
        )
        for reason, count in summarizer.report.fallbacks.most_common():
            self._progress.say(f"  {count:,} of them by extract: {reason}")
        given = {trace.trace_id: selection.vectors.get(trace.trace_id) for trace in traces}
        vectors = {trace_id: vector for trace_id, vector in given.items() if vector is not None}
        # Vectors of two models are never mixed: either all are given, or all are computed.
        if len(vectors) == len(given) and len({len(vector) for vector in vectors.values()}) == 1:
            with self._progress.doing("Storing the vectors of the files"):
                found = store_given_vectors(clickhouse, team_id, traces, vectors, self._request.model_name)
            self._progress.say(f"Took {found.given:,} vectors from the files.")
            return
        with self._progress.doing("Embedding"):
            embedder = Embedder().load()
            made = embed_traces(
                clickhouse,
                team_id,
                traces,
                embedder,
                self._progress.track,
                with_automation=self._with_automation,
            )
        self._progress.say(
            f"Embedded {made.embedded:,} summaries with {embedder.model_name}; {made.unchanged:,} were there."
        )

    def _open_summarizer(self) -> "Summarizer":
        from trace_clustering.documents.llm_summaries import Summarizer
        from trace_clustering.llm.resource import LLM
        from trace_clustering.orchestration.team_settings import load_llm_of_team

        llm = LLM().resolve(load_llm_of_team(self._request.team_id))
        return Summarizer(self._request.summaries, llm, self._progress.make_python_logger())

    def _materialize_earlier(self, run: DagsterRun, sample: Sample) -> None:
        """Cluster a window before the last, so that there is something to compare the last one with."""
        started = time.monotonic()
        with self._progress.doing_briefly(f"Clustering the window that ends with {sample.day}"):
            run.materialize(self._name_partition(sample), self._configure_run(sample))
        traces, seconds = len(sample.traces), time.monotonic() - started
        self._progress.say(
            f"Clustered {traces:,} traces of the window that ends with {sample.day} [{seconds:.1f} s]"
        )

    def _materialize_assets(self, run: DagsterRun, sample: Sample) -> None:
        partition = self._name_partition(sample)
        self._progress.say(
            f"Materializing the clustering assets of partition {partition}; this takes about half a minute"
        )
        with self._progress.doing("Starting the run"):
            run.materialize(partition, self._configure_run(sample))

    def _name_partition(self, sample: Sample) -> str:
        return f"{sample.day}|{self._request.team_id}"

    def _configure_run(self, sample: Sample) -> dict[str, dict[str, Any]]:
        settings = self._request.choice.list_settings(sample.lookback_days)
        return {"llm": {"labeler": self._request.labeler}, "settings": settings}

    def _tell_shortage(self, read: "ReadReport", selection: Selection, sample: Sample) -> None:
        from trace_clustering.clickhouse.resource import ClickHouse
        from trace_clustering.explore.counts import build_counts_table, build_titles_table
        from trace_clustering.ingestion.summarize import fetch_titles, summarize_traces

        clickhouse, team_id = ClickHouse(), self._request.team_id
        summarize_traces(
            clickhouse,
            team_id,
            sample.traces,
            self._open_summarizer(),
            with_automation=self._with_automation,
        )
        titles = fetch_titles(clickhouse, team_id, sample.traces)
        if titles:
            self._progress.say(build_titles_table(titles))
        self._progress.say(build_counts_table(read, selection, sample, None))
        self._progress.say(
            f"{len(sample.traces)} traces are too few to find groups in; "
            f"{MIN_TRACES_FOR_CLUSTERING} are needed.",
            "bold",
        )

    def _tell_clusters(self, read: "ReadReport", selection: Selection, sample: Sample) -> None:
        from trace_clustering.clickhouse.resource import ClickHouse
        from trace_clustering.explore.counts import build_counts_table, fetch_explored
        from trace_clustering.reports.next_steps import write_team_command, write_web_command
        from trace_clustering.reports.table import build_clustering_table

        team_id = self._request.team_id
        # Not the newest: what was explored before may end later.
        run_id = sample.name_run(team_id)
        clustering = fetch_explored(ClickHouse(), team_id, run_id, self._request.choice.rules)
        if clustering is None:
            self._progress.say(build_counts_table(read, selection, sample, None))
            self._progress.say(
                f"Fewer than {MIN_TRACES_FOR_CLUSTERING} of the texts differ in more than ids, numbers and "
                "dates: too few to find groups in. Explore without --fold-duplicates.",
                "bold",
            )
            return
        self._progress.say(build_clustering_table(clustering))
        self._progress.say(build_counts_table(read, selection, sample, clustering))
        self._progress.say("Where to look next:", "bold")
        unset = "".join(f"{name}= " for name in self._request.unset)
        show, topics, compare = (
            f"{unset}{write_team_command(name, team_id)}" for name in ("show", "topics", "compare")
        )
        over_time = (
            f"each topic's history:     {topics}",
            f"what changed, and why:    {compare}",
        )
        for line in (
            *(over_time if sample.is_one_of_several else ()),
            f"the map and all figures:  {unset}{write_web_command([FIRST_DAY, INCLUDE_TODAY])}",
            f"this table again:         {show} --run-id {run_id}",
            f"the event as JSON:        {show} --run-id {run_id} --json",
            f"the artifacts (Parquet):  {read_storage_base()}",
        ):
            self._progress.say(f"  {line}", is_command=True)

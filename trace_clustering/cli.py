"""The `trace-clustering` command."""

import json
import logging
import signal
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from trace_clustering.constants import DEFAULT_MAX_SAMPLES, MAX_SAMPLES, MIN_TRACES_FOR_CLUSTERING
from trace_clustering.environment import MAX_TEAM_ID, load_env_file
from trace_clustering.errors import TraceClusteringError

if TYPE_CHECKING:
    from trace_clustering.clickhouse.resource import ClickHouse

T = TypeVar("T")
_INTERRUPTED = 128 + signal.SIGINT  # as a shell reports it


class _Commands(click.Group):
    """Commands that print an error of this project as one sentence, without a traceback."""

    def invoke(self, context: click.Context) -> Any:  # noqa: ANN401
        # The client library also logs the errors that it raises, so they would be printed twice.
        logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
        try:
            return super().invoke(context)
        except TraceClusteringError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("\nInterrupted; the same command completes what is missing.", err=True)
            raise click.exceptions.Exit(_INTERRUPTED) from None


@click.group(cls=_Commands)
@click.version_option(package_name="trace-clustering")
def main() -> None:
    """Clusters of a team's LLM traces: load traces, try the demo, look at results.

    Settings are environment variables; those in the file .env of the current folder win, as in Dagster.
    """
    if path := load_env_file():
        click.echo(f"Settings from {path}", err=True)


_team_id_option = click.option(
    "--team-id", type=click.IntRange(min=1, max=MAX_TEAM_ID), required=True, help="Id of the team."
)


@main.command()
@click.option(
    "--team-id",
    type=click.IntRange(min=1),
    default=None,
    help="Team that the demo traces are loaded for.  [default: 112495]",
)
@click.option(
    "--agent",
    is_flag=True,
    help="Let a language model name the clusters; it needs OPENAI_API_KEY or OPENAI_BASE_URL.",
)
def demo(team_id: int | None, agent: bool) -> None:
    """Load traces of a made-up product, cluster them through Dagster, show the clusters."""
    from trace_clustering.demo.run import run_demo

    run_demo(team_id, agent=agent)


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "format_name", default="", help="Format of the files.  [default: recognized]")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day (UTC) of the traces.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day (UTC) of the traces.")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    help="Only traces that satisfy this, such as model=gpt-4o or 'text~refund'; several must all hold.",
)
@click.option(
    "--max-samples",
    type=click.IntRange(MIN_TRACES_FOR_CLUSTERING, MAX_SAMPLES),
    default=DEFAULT_MAX_SAMPLES,
    show_default=True,
    help="Most traces to cluster; of more, a random sample.",
)
@click.option(
    "--redact",
    multiple=True,
    type=click.Choice(["email", "phone", "card", "key"]),
    help="Replace these before anything is stored or sent; may be given several times.",
)
@click.option(
    "--summaries",
    type=click.Choice(["extract", "llm"]),
    default="extract",
    show_default=True,
    help="What summarizes the traces: their own words, or a language model, which costs money.",
)
@click.option(
    "--agent",
    is_flag=True,
    help="Let a language model name the groups; it needs OPENAI_API_KEY or OPENAI_BASE_URL.",
)
def explore(
    paths: tuple[Path, ...],
    format_name: str,
    since: datetime | None,
    until: datetime | None,
    conditions: tuple[str, ...],
    max_samples: int,
    redact: tuple[Literal["email", "phone", "card", "key"], ...],
    summaries: Literal["extract", "llm"],
    agent: bool,
) -> None:
    """Cluster the traces in files: chats, Langfuse, OpenTelemetry, LangSmith, Claude Code, PostHog, ...

    PATHS are files, folders, or - for standard input. Nothing leaves this machine.
    """
    from trace_clustering.explore.command import explore_files

    explore_files(
        paths,
        format_name=format_name,
        since=since.date() if since else None,
        until=until.date() if until else None,
        conditions=conditions,
        max_samples=max_samples,
        labeler="agent" if agent else "keywords",
        summaries=summaries,
        redact=redact,
    )


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@_team_id_option
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="With bad records: load nothing, or leave them out.",
)
@click.option(
    "--embedding-model",
    default="",
    help="Model that made the vectors.  [default: unknown- and their length]",
)
def load(file: Path, team_id: int, on_error: Literal["stop", "skip"], embedding_model: str) -> None:
    """Load the trace records of FILE into ClickHouse.

    FILE is JSON Lines (.jsonl, also .gz), a JSON array (.json), Parquet (.parquet), a folder of these, or -
    for standard input.
    """
    from trace_clustering.clickhouse.resource import ClickHouse
    from trace_clustering.reports.next_steps import describe_load
    from trace_clustering.sources.load import load_file

    clickhouse = ClickHouse()
    report = load_file(
        file, clickhouse, team_id, on_error=on_error, embedding_model=embedding_model, track=_track_progress
    )
    if report.bad_count:
        click.echo(f"Left out {report.describe_bad_records()}", err=True)
    for line in [*report.describe(team_id), *describe_load(team_id, report.days)]:
        click.echo(line)
    _say_place("Into", clickhouse)


@main.command()
@_team_id_option
@click.option("--run-id", default="", help="Run to show.  [default: the newest]")
@click.option("--json", "as_json", is_flag=True, help="Print the event's properties as JSON.")
def show(team_id: int, run_id: str, as_json: bool) -> None:
    """Show a clustering of a team: the newest, or that of --run-id."""
    from trace_clustering.clickhouse.resource import ClickHouse
    from trace_clustering.reports.table import build_clustering_table, fetch_clustering

    clickhouse = ClickHouse()
    clustering = fetch_clustering(clickhouse, team_id, run_id)
    _say_place("From", clickhouse)
    if as_json:
        click.echo(json.dumps(clustering.properties, indent=2))
    else:
        _make_console().print(build_clustering_table(clustering))


@main.command("create-tables")
def create_tables() -> None:
    """Create the tables on a ClickHouse server, where they do not exist yet."""
    from trace_clustering.clickhouse.resource import ClickHouse

    clickhouse = ClickHouse()
    for name in clickhouse.create_tables():
        click.echo(f"{name} exists")
    _say_place("In", clickhouse)


def _say_place(preposition: str, clickhouse: "ClickHouse") -> None:
    # What a program reads of this command stands alone in its standard output.
    click.echo(f"{preposition} {clickhouse.describe_place()}", err=True)


def _make_console() -> Any:  # noqa: ANN401
    from rich.console import Console

    console = Console(highlight=False)
    # Output to a file or a pipe is not bound to the width of a terminal.
    return console if console.is_terminal else Console(highlight=False, width=140)


def _track_progress(records: Iterable[T], total: int, description: str) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import track

    return iter(track(records, description, total=total, console=Console(stderr=True)))

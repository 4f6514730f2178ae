"""`trace-clustering load`."""

from pathlib import Path
from typing import Literal

import click

from trace_clustering.cli.options import team_id_option
from trace_clustering.cli.output import say_place, track_progress


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@team_id_option
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
        file, clickhouse, team_id, on_error=on_error, embedding_model=embedding_model, track=track_progress
    )
    if report.bad_count:
        click.echo(f"Left out {report.describe_bad_records()}", err=True)
    for line in [*report.describe(team_id), *describe_load(team_id, report.days)]:
        click.echo(line)
    say_place("Into", clickhouse)

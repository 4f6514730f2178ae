"""`trace-clustering topics`."""

import json

import click

from trace_clustering.cli.options import team_id_option
from trace_clustering.cli.output import make_console, say_place

_DEFAULT_RUNS = 30


@click.command()
@team_id_option
@click.option(
    "--runs",
    type=click.IntRange(min=1, max=366),
    default=_DEFAULT_RUNS,
    show_default=True,
    help="Most runs to look at, the newest.",
)
@click.option("--run-label", default="", help="Runs with this label.  [default: those without]")
@click.option("--json", "as_json", is_flag=True, help="Print the topics as JSON.")
def topics(team_id: int, runs: int, run_label: str, as_json: bool) -> None:
    """List the topics of a team: since when, how large, what changes, which are gone."""
    from trace_clustering.clickhouse.resource import ClickHouse
    from trace_clustering.reports.topics_table import build_topics_table, fetch_runs, write_topics

    clickhouse = ClickHouse()
    found = fetch_runs(clickhouse, team_id, runs=runs, run_label=run_label)
    say_place("From", clickhouse)
    if as_json:
        click.echo(json.dumps(write_topics(team_id, found), indent=2))
    else:
        make_console().print(build_topics_table(team_id, found))

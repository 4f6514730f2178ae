"""`trace-clustering show`."""

import json

import click

from trace_clustering.cli.options import team_id_option
from trace_clustering.cli.output import make_console, say_place


@click.command()
@team_id_option
@click.option("--run-id", default="", help="Run to show.  [default: the newest]")
@click.option("--json", "as_json", is_flag=True, help="Print the event's properties as JSON.")
def show(team_id: int, run_id: str, as_json: bool) -> None:
    """Show a clustering of a team: the newest, or that of --run-id."""
    from trace_clustering.clickhouse.resource import ClickHouse
    from trace_clustering.reports.table import build_clustering_table, fetch_clustering

    clickhouse = ClickHouse()
    clustering = fetch_clustering(clickhouse, team_id, run_id)
    say_place("From", clickhouse)
    if as_json:
        click.echo(json.dumps(clustering.properties, indent=2))
    else:
        make_console().print(build_clustering_table(clustering))

"""The `trace-clustering` command: a file per command, and what they share."""

import click

from trace_clustering.cli.compare import compare
from trace_clustering.cli.create_tables import create_tables
from trace_clustering.cli.demo import demo
from trace_clustering.cli.explore import explore
from trace_clustering.cli.group import Commands
from trace_clustering.cli.load import load
from trace_clustering.cli.show import show
from trace_clustering.cli.topics import topics
from trace_clustering.environment import load_env_file


@click.group(cls=Commands, commands=[demo, explore, load, show, topics, compare, create_tables])
@click.version_option(package_name="trace-clustering")
def main() -> None:
    """Clusters of a team's LLM traces: load traces, try the demo, look at results.

    Settings are environment variables; those in the file .env of the current folder win, as in Dagster.
    """
    if path := load_env_file():
        click.echo(f"Settings from {path}", err=True)

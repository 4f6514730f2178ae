"""`trace-clustering create-tables`."""

import click

from trace_clustering.cli.output import say_place


@click.command("create-tables")
def create_tables() -> None:
    """Create the tables on a ClickHouse server, where they do not exist yet."""
    from trace_clustering.clickhouse.resource import ClickHouse

    clickhouse = ClickHouse()
    for name in clickhouse.create_tables():
        click.echo(f"{name} exists")
    say_place("In", clickhouse)

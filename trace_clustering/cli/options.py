"""Options of several commands."""

import click

from trace_clustering.environment import MAX_TEAM_ID

team_id_option = click.option(
    "--team-id", type=click.IntRange(min=1, max=MAX_TEAM_ID), required=True, help="Id of the team."
)

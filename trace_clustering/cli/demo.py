"""`trace-clustering demo`."""

import click


@click.command()
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

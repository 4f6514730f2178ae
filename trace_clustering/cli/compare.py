"""`trace-clustering compare`."""

import json
from typing import Final

import click

from trace_clustering.cli.options import team_id_option
from trace_clustering.cli.output import make_console, say_place

_METRICS: Final = ("cost", "error-rate", "latency", "tokens")
# Programs do not agree on the name of the environment.
_KEYS: Final = {
    "model": ("$ai_model",),
    "prompt-version": ("$ai_prompt_version",),
    "environment": ("$ai_environment", "$environment", "environment"),
}


@click.command()
@team_id_option
@click.option("--before", default="", help="Last day of a window, or a run id.  [default: the week before]")
@click.option("--after", default="", help="Last day of a window, or a run id.  [default: the newest]")
@click.option("--model", "models", multiple=True, help="Compare two models: give it twice.")
@click.option(
    "--prompt-version",
    "prompt_versions",
    multiple=True,
    help="Compare two versions of a prompt, such as 7 and 8, or greeting@7 and greeting@8: give it twice.",
)
@click.option("--environment", "environments", multiple=True, help="Compare two environments: give it twice.")
@click.option(
    "--by",
    nargs=3,
    type=(str, str, str),
    metavar="PROPERTY A B",
    help="Compare traces with a property of events that is A with those where it is B.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    type=click.Choice(_METRICS),
    help="What to explain; may be given several times.  [default: all that is known]",
)
@click.option("--all", "everything", is_flag=True, help="Show every topic, also what is within noise.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(
    team_id: int,
    before: str,
    after: str,
    models: tuple[str, ...],
    prompt_versions: tuple[str, ...],
    environments: tuple[str, ...],
    by: tuple[str, str, str] | None,
    metrics: tuple[str, ...],
    everything: bool,
    as_json: bool,
) -> None:
    """Explain why cost, errors, latency or tokens differ: topic by topic, by mix and by rate.

    Two windows are compared; or, in one window (--after), two models, versions of a prompt, environments, or
    values of any property.
    """
    from trace_clustering.clickhouse.compared_figures import FIGURES, SplitProperty
    from trace_clustering.clickhouse.resource import ClickHouse
    from trace_clustering.reports.comparison import compare_kinds, compare_windows
    from trace_clustering.reports.comparison_table import build_comparison_report

    named = [name.replace("_", "-") for name in FIGURES]
    figures = [figure for figure, name in zip(FIGURES, named, strict=True) if not metrics or name in metrics]
    split = _choose_split(
        {"model": models, "prompt-version": prompt_versions, "environment": environments}, by, before
    )
    clickhouse = ClickHouse()
    if split:
        comparison = compare_kinds(clickhouse, team_id, SplitProperty(*split), after, figures)
    else:
        comparison = compare_windows(clickhouse, team_id, before, after, figures)
    say_place("From", clickhouse)
    if as_json:
        click.echo(json.dumps(comparison.to_json(), indent=2, allow_nan=False))
        return
    console = make_console()
    for part in build_comparison_report(comparison, everything=everything):
        console.print(part)


def _choose_split(
    given: dict[str, tuple[str, ...]], by: tuple[str, str, str] | None, before: str
) -> tuple[tuple[str, ...], str, str] | None:
    """Return the names of the property that tells the sides apart, and its values; None for two windows."""
    chosen = [(f"--{name}", _KEYS[name], values) for name, values in given.items() if values]
    if by:
        chosen.append(("--by", (by[0],), by[1:]))
    if not chosen:
        return None
    if len(chosen) > 1:
        raise click.UsageError(f"{chosen[0][0]} and {chosen[1][0]} cannot be compared at once; choose one.")
    option, keys, values = chosen[0]
    if before:
        raise click.UsageError(
            f"{option} compares traces of one window, that of --after; leave out --before."
        )
    if not all(keys):
        raise click.UsageError(f"{option} needs the name of a property, and has none.")
    if len(values) != 2 or len(set(values)) != 2 or not all(values):
        raise click.UsageError(f"{option} needs two different values, and has {', '.join(values)}.")
    return keys, values[0], values[1]

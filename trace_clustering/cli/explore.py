"""`trace-clustering explore`."""

from datetime import datetime
from pathlib import Path
from typing import Literal

import click

from trace_clustering.constants import DEFAULT_MAX_SAMPLES, MAX_SAMPLES, MIN_TRACES_FOR_CLUSTERING
from trace_clustering.traces.sampling import Automation, SampleRules


@click.command()
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
    "--automation",
    type=click.Choice(["leave_out", "include", "only"]),
    default="leave_out",
    show_default=True,
    help="What becomes of traces that no person started, such as those of sub-agents.",
)
@click.option("--one-per-session", is_flag=True, help="Cluster one trace of each session.")
@click.option(
    "--fold-duplicates",
    is_flag=True,
    help="Cluster one of the sampled traces whose texts differ only in ids, numbers and dates.",
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
    automation: Automation,
    one_per_session: bool,
    fold_duplicates: bool,
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
        rules=SampleRules(automation, one_per_session, fold_duplicates),
        labeler="agent" if agent else "keywords",
        summaries=summaries,
        redact=redact,
    )

"""The command `explore`: from what a user types to an exploration."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from trace_clustering.documents.redaction import Kind
from trace_clustering.documents.summary_options import SummaryOptions
from trace_clustering.environment import read_team_ids
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.explore.conditions import parse_condition
from trace_clustering.explore.place import use_own_home
from trace_clustering.explore.run import Exploration, Request
from trace_clustering.explore.selection import Choice
from trace_clustering.traces.sampling import SampleRules


def explore_files(
    paths: Sequence[Path],
    *,
    format_name: str = "",
    since: date | None = None,
    until: date | None = None,
    conditions: Sequence[str] = (),
    max_samples: int,
    rules: SampleRules | None = None,
    labeler: str = "keywords",
    summaries: Literal["extract", "llm"] = "extract",
    redact: Sequence[Kind] = (),
) -> None:
    """Explore files in a home that belongs to them.

    Raises
    ------
    InvalidSettingsError
        If a condition is none, or the days are in the wrong order.
    TraceClusteringError
        As `Exploration.run`.
    """
    if since and until and since > until:
        raise InvalidSettingsError(f"--since {since} is after --until {until}; exchange them")
    choice = Choice(
        since, until, tuple(map(parse_condition, conditions)), max_samples, rules or SampleRules()
    )
    options = SummaryOptions(method=summaries, redact=tuple(redact))
    unset = use_own_home(paths)
    team_id = read_team_ids()[0]
    Exploration(
        Request(paths, team_id, format_name, choice, labeler, summaries=options, is_alone=True, unset=unset)
    ).run()

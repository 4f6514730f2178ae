"""Compares two windows, or two kinds of traces of one window, topic by topic."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from trace_clustering.clickhouse.compared_figures import (
    FIGURES,
    Figure,
    Side,
    SplitProperty,
    fetch_frequent_values,
    fetch_run_figures,
    fetch_split_figures,
    fetch_topic_places,
)
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.stored_runs import StoredRun, fetch_stored_runs
from trace_clustering.errors import NoClusteringError, NothingToCompareError
from trace_clustering.reports.compared_runs import (
    choose_run,
    choose_run_before,
    describe_overlap,
    describe_window,
)
from trace_clustering.reports.next_steps import describe_first_steps
from trace_clustering.text import clean_line, escape_controls
from trace_clustering.topics.common_topics import TopicPlace, join_topics
from trace_clustering.topics.comparison import FigureComparison, compare_figure

OUTLIERS = "Outliers"
_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class ComparedSide:
    """One side.

    Attributes
    ----------
    word : str
        What it is called: `before` or `after`, or the value of the property.
    run_id : str
        The run that found the topics.
    window : str
        First and last day of that run.
    traces : int
        Number of its traces, whatever is known of them.
    """

    word: str
    run_id: str
    window: str
    traces: int


@dataclass(frozen=True)
class Comparison:
    """Two sides, figure by figure.

    Attributes
    ----------
    team_id : int
    before, after : ComparedSide
    figures : dict
        By name of the figure; None where one side has no trace of which it is known.
    titles : dict
        By topic id; that of traces in no cluster is under the empty text.
    key : str
        The property whose values tell the sides apart; empty if two windows are compared.
    notes : list of str
        Sentences on what the figures do not say.
    """

    team_id: int
    before: ComparedSide
    after: ComparedSide
    figures: dict[Figure, FigureComparison | None]
    titles: dict[str, str]
    key: str = ""
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values, every effect with the title of its topic."""
        written = asdict(self)
        for figure in written["figures"].values():
            for effect in figure["effects"] if figure else []:
                effect["title"] = self.titles.get(effect["topic_id"], "")
        return written


def compare_windows(
    clickhouse: ClickHouse,
    team_id: int,
    before: str = "",
    after: str = "",
    figures: Sequence[Figure] = FIGURES,
) -> Comparison:
    """Compare the windows of two runs, topic by topic, over all their traces.

    Topics are the same if their ids are. One that only one of the runs has, and that is not known to be new
    or gone, is counted with the nearest topic of the other run, if they lie in each other: a clustering that
    is made anew may cut the same traffic elsewhere.

    Parameters
    ----------
    clickhouse : ClickHouse
    team_id : int
    before, after : str
        Run ids, or the last days of the windows; by default the newest run, and the newest whose window ended
        before that of the other began.
    figures : sequence of str

    Raises
    ------
    NoClusteringError
        If a run does not exist.
    NothingToCompareError
        If a side has no traces, or if no figure is known on both.
    """
    with _open_session(clickhouse, team_id) as (session, runs):
        later = choose_run(runs, after)
        earlier = choose_run(runs, before) if before else choose_run_before(runs, later)
        sides = [fetch_run_figures(session, run) for run in (earlier, later)]
        places = [fetch_topic_places(session, run) for run in (earlier, later)]
    names = join_topics(places[0], places[1], later.changed) if _lie_in_one_space(places) else {}
    sides = [side.rename_topics(names) for side in sides]
    notes = [describe_overlap(earlier, later), _describe_joined(names)]
    if not {names.get(t, t) for t in earlier.titles} & {names.get(t, t) for t in later.titles} - {""}:
        notes.append("The two runs have no topic in common, so all of the difference is mix.")
    both = [("before", earlier, sides[0]), ("after", later, sides[1])]
    return _build(team_id, both, figures=figures, notes=notes)


def _lie_in_one_space(places: list[dict[str, TopicPlace]]) -> bool:
    return len({place.centroid.shape for side in places for place in side.values()}) == 1


def _describe_joined(names: Mapping[str, str]) -> str:
    joined = sum(topic != name for topic, name in names.items())
    if not joined:
        return ""
    return (
        f"Of topics that only one of the runs has, {joined} are counted with one of the other that is alike."
    )


def compare_kinds(
    clickhouse: ClickHouse,
    team_id: int,
    split: SplitProperty,
    run: str = "",
    figures: Sequence[Figure] = FIGURES,
) -> Comparison:
    """Compare the traces of one run that have one value of a property with those that have another.

    A trace of which different events have both values belongs to neither side.

    Parameters
    ----------
    clickhouse : ClickHouse
    team_id : int
    split : SplitProperty
    run : str
        A run id, or the last day of its window; by default the newest run.
    figures : sequence of str

    Raises
    ------
    NoClusteringError
        If the run does not exist.
    NothingToCompareError
        If a side has no traces, or if no figure is known on both.
    """
    with _open_session(clickhouse, team_id) as (session, runs):
        chosen = choose_run(runs, run)
        sides = fetch_split_figures(session, chosen, split)
        for side, value in (("before", split.before), ("after", split.after)):
            if side not in sides:
                raise _explain_empty_side(session, chosen, split, value)
    notes = [
        f"Left out: {sides[side].traces} traces with {side} of the values."
        for side in ("both", "neither")
        if side in sides
    ]
    both = [(split.before, chosen, sides["before"]), (split.after, chosen, sides["after"])]
    return replace(_build(team_id, both, figures=figures, notes=notes), key=clean_line(split.keys[0]))


@contextmanager
def _open_session(clickhouse: ClickHouse, team_id: int) -> Iterator[tuple[TeamSession, list[StoredRun]]]:
    """Open a session of a team that has runs, and list them."""
    nothing = NoClusteringError(
        f"Team {team_id} has no clustering yet (looked in: {clickhouse.describe_place()}).\n"
        f"{describe_first_steps(team_id)}"
    )
    if clickhouse.is_missing():
        raise nothing
    with clickhouse.open_session(team_id, timeout_seconds=_TIMEOUT_SECONDS, create=False) as session:
        runs = fetch_stored_runs(session)
        if not runs:
            raise nothing
        yield session, runs


def _build(
    team_id: int,
    both: list[tuple[str, StoredRun, Side]],
    *,
    figures: Sequence[Figure],
    notes: list[str],
) -> Comparison:
    (_, earlier, before), (_, later, after) = both
    for _, run, side in both:
        if not side.traces:
            raise NothingToCompareError(
                f"The table of assignments has no trace of run {escape_controls(run.run_id)} any more, "
                "because it keeps them for a limited time; materialize its partition again"
            )
    compared = {
        figure: compare_figure(before.moments.get(figure, {}), after.moments.get(figure, {}))
        for figure in figures
    }
    if not any(compared.values()):
        raise _explain_unknown(both, figures)
    titles = {**earlier.titles, **later.titles}
    return Comparison(
        team_id=team_id,
        before=_describe(*both[0]),
        after=_describe(*both[1]),
        figures=compared,
        titles={topic: clean_line(title) for topic, title in titles.items()} | {"": OUTLIERS},
        notes=[note for note in notes if note],
    )


def _describe(word: str, run: StoredRun, side: Side) -> ComparedSide:
    return ComparedSide(clean_line(word), clean_line(run.run_id), describe_window(run), side.traces)


def _explain_unknown(
    both: list[tuple[str, StoredRun, Side]], figures: Sequence[Figure]
) -> NothingToCompareError:
    known = [
        ", ".join(figure.replace("_", " ") for figure in FIGURES if side.moments[figure]) or "nothing"
        for _, _, side in both
    ]
    wanted = " or ".join(figures).replace("_", " ")
    return NothingToCompareError(
        f"There is no {wanted} to compare: the events of the traces {escape_controls(both[0][0])} tell "
        f"{known[0]}, and those of the traces {escape_controls(both[1][0])} tell {known[1]}. It is read "
        "from $ai_total_cost_usd, $ai_is_error, $ai_latency, $ai_input_tokens and $ai_output_tokens"
    )


def _explain_empty_side(
    session: TeamSession, run: StoredRun, split: SplitProperty, value: str
) -> NothingToCompareError:
    values = fetch_frequent_values(session, run, split)
    run_id, key = escape_controls(run.run_id), escape_controls(split.keys[0])
    if not values:
        return NothingToCompareError(
            f"No event of the traces of run {run_id} has the property {key!r}; name it as the events do, "
            "such as $ai_model"
        )
    listed = ", ".join(f"{escape_controls(name)!r} ({traces} traces)" for name, traces in values.items())
    return NothingToCompareError(
        f"No trace of run {run_id} has {key} {escape_controls(value)!r} and not the other value; its most "
        f"frequent values are {listed}"
    )

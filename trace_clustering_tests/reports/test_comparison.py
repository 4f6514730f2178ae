"""Two windows and two kinds of traces are compared topic by topic, and what cannot be is refused by name."""

import io
import json
from datetime import timedelta

import pytest
from rich.console import Console

from trace_clustering.clickhouse.compared_figures import FIGURES, SplitProperty
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import NoClusteringError, NothingToCompareError
from trace_clustering.reports.comparison import Comparison, compare_kinds, compare_windows
from trace_clustering.reports.comparison_table import build_comparison_report
from trace_clustering.traces.window import Window
from trace_clustering_tests.reports.compared import (
    FIRST,
    SECOND,
    name_run,
    store_run,
    store_two_weeks,
    tell_traces,
)


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> ClickHouse:
    """Two weeks of team 1."""
    clickhouse = ClickHouse(dsn=f"chdb://{tmp_path_factory.mktemp('weeks') / 'clickhouse'}")
    store_two_weeks(clickhouse)
    return clickhouse


@pytest.fixture(scope="module")
def comparison(weeks: ClickHouse) -> Comparison:
    return compare_windows(weeks, 1)


def print_report(comparison: Comparison, *, everything: bool = False) -> str:
    console = Console(file=io.StringIO(), width=150, highlight=False)
    for part in build_comparison_report(comparison, everything=everything):
        console.print(part)
    return console.file.getvalue()


def test_two_weeks_differ_by_what_was_planted_and_by_nothing_else(comparison: Comparison) -> None:
    told = {
        figure: [(effect.topic_id, effect.kind) for effect in compared.effects if effect.is_beyond_noise]
        for figure, compared in comparison.figures.items()
        if compared
    }
    # A topic that fails more often also weighs more where it has another share.
    assert told["error_rate"] == [("t-parcel", "rate"), ("t-parcel", "mix"), ("t-refund", "mix")]
    assert told["cost"] == [("t-refund", "mix"), ("t-parcel", "mix"), ("t-invoice", "mix")]
    assert told["latency"] == []
    assert comparison.figures["tokens"] is None


def test_effects_add_up_and_the_largest_is_first(comparison: Comparison) -> None:
    for figure in ("cost", "error_rate", "latency"):
        compared = comparison.figures[figure]
        total = sum(effect.estimate.value for effect in compared.effects)
        assert total == pytest.approx(compared.mean_after - compared.mean_before, abs=1e-9)
        assert compared.difference.value == pytest.approx(total, abs=1e-9)
        sizes = [abs(effect.estimate.value) for effect in compared.effects]
        assert sizes == sorted(sizes, reverse=True)


def test_traces_without_a_figure_are_counted_and_left_out(comparison: Comparison) -> None:
    assert (comparison.before.traces, comparison.after.traces) == (420, 680)
    cost = comparison.figures["cost"]
    assert (cost.count_before, cost.count_after) == (419, 679)


def test_a_topic_of_one_week_and_outliers_are_topics_too(comparison: Comparison) -> None:
    effects = {(effect.topic_id, effect.kind): effect for effect in comparison.figures["cost"].effects}
    assert effects["t-invoice", "mix"].mean_before is None
    assert effects["t-invoice", "rate"].estimate.value == 0
    assert effects["", "mix"].count_before == 20
    assert comparison.titles[""] == "Outliers"


def test_the_report_tells_what_moved_and_is_silent_about_the_rest(comparison: Comparison) -> None:
    report = print_report(comparison)
    assert "before: 420 traces of 2025-01-09 to 2025-01-15 (run 1_trace_20250116_000000)" in report
    assert "these rose: " in report
    assert "more of these: 23.6% before, 44.0% after, at $0.0" in report
    assert "Tokens per trace: not known of any trace of one side." in report
    latency = report[report.index("Latency") :]
    assert "all topics" in latency
    assert "Lost parcels" not in latency
    assert "Lost parcels" in (whole := print_report(comparison, everything=True))[whole.index("Latency") :]
    assert whole.count("only after: 8.8% of the traces, at $0.0161") == 1
    assert "these stayed: 1.50 s before, 1.50 s after" in whole
    assert "Perhaps" not in report


def test_the_comparison_is_json(comparison: Comparison) -> None:
    read = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert set(read["figures"]) == set(FIGURES)
    first = read["figures"]["error_rate"]["effects"][0]
    assert (first["title"], first["kind"], first["is_beyond_noise"]) == ("Lost parcels", "rate", True)
    assert first["estimate"]["low"] < first["estimate"]["value"] < first["estimate"]["high"]


def test_the_sides_can_be_named_by_day_or_by_run_and_exchanged(
    weeks: ClickHouse, comparison: Comparison
) -> None:
    turned = compare_windows(weeks, 1, "2025-01-22", name_run(FIRST), ["cost"])
    assert turned.before.window == comparison.after.window
    assert turned.figures["cost"].difference.value == pytest.approx(
        -comparison.figures["cost"].difference.value
    )


def test_two_models_of_one_week_are_compared(weeks: ClickHouse) -> None:
    found = compare_kinds(weeks, 1, SplitProperty(["$ai_model"], "small", "large"))
    cost = found.figures["cost"]
    assert cost.mean_after / cost.mean_before == pytest.approx(2, rel=0.1)
    assert cost.total_mix.low < 0 < cost.total_mix.high
    assert [effect.kind for effect in cost.effects if effect.is_beyond_noise] == ["rate"] * 3
    assert not any(effect.is_beyond_noise for effect in found.figures["error_rate"].effects)
    assert (found.before.word, found.after.word) == ("small", "large")
    assert found.notes == ["Left out: 1 traces with neither of the values."]


ODD_KEY = "own_`key` \\ 'odd' {x:String} 🦔"


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> ClickHouse:
    """A run whose traces have properties of all kinds."""
    clickhouse = ClickHouse(dsn=f"chdb://{tmp_path_factory.mktemp('kinds') / 'clickhouse'}")
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        ids = store_run(session, SECOND, {"t-refund": 8})
        for number, trace in enumerate(ids[:6]):
            told = {
                "prompt_version": 1 + number % 2,
                "prompt_name": "greeting" if number < 4 else "farewell",
                "tags": ["x", "y"] if number % 2 else ["z"],
                "own_flag": number % 2 == 0,
                "own_text": "it's {a} \\ 🦔" if number % 2 else "b\x1b[31m",
                ODD_KEY: "[x" if number % 2 else "[]",
                "total_cost_usd": 1 + number,
            }
            tell_traces(session, SECOND, {trace: told})
        tell_traces(session, SECOND, {ids[6]: {"prompt_version": 1, "total_cost_usd": 1}})
        tell_traces(session, SECOND, {ids[6]: {"prompt_version": 2, "total_cost_usd": 1}})
    return clickhouse


@pytest.mark.parametrize(
    ("key", "before", "after", "counts"),
    [
        ("$ai_prompt_version", "1", "2", (3, 3)),
        ("$ai_prompt_version", "greeting@1", "greeting@2", (2, 2)),
        ("$ai_tags", "x", "z", (3, 3)),
        ("own_flag", "true", "false", (3, 3)),
        (ODD_KEY, "[x", "[]", (3, 3)),
        ("$ai_total_cost_usd", "2", "4", (1, 1)),
        ("own_text", "it's {a} \\ 🦔", "b\x1b[31m", (3, 3)),
    ],
)
def test_any_property_tells_sides_apart(
    kinds: ClickHouse, key: str, before: str, after: str, counts: tuple[int, int]
) -> None:
    found = compare_kinds(kinds, 1, SplitProperty([key], before, after), figures=["cost"])
    assert (found.before.traces, found.after.traces) == counts
    assert "\x1b" not in print_report(found)


def test_a_trace_with_both_values_belongs_to_neither_side(kinds: ClickHouse) -> None:
    found = compare_kinds(kinds, 1, SplitProperty(["$ai_prompt_version"], "1", "2"))
    assert "Left out: 1 traces with both of the values." in found.notes
    assert found.before.traces == 3


@pytest.mark.parametrize("is_new", [False, True])
def test_a_topic_that_was_cut_anew_is_compared_with_what_it_lies_in(
    clickhouse: ClickHouse, is_new: bool
) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        for window, topics, rate in ((FIRST, ["t-cut", "t-other"], 10), (SECOND, ["t-anew", "t-other"], 2)):
            centroids = dict(zip(topics, ([1.0, 0.0], [0.0, 1.0]), strict=True))
            new = topics[:1] if is_new and window is SECOND else []
            ids = store_run(session, window, dict.fromkeys(topics, 100), centroids=centroids, new=new)
            fails = {trace: "other" not in trace and n % rate == 0 for n, trace in enumerate(ids)}
            tell_traces(session, window, {trace: {"is_error": failed} for trace, failed in fails.items()})
    found = compare_windows(clickhouse, 1, figures=["error_rate"])
    first = found.figures["error_rate"].effects[0]
    if is_new:
        assert (first.topic_id, first.kind, first.mean_before) == ("t-anew", "mix", None)
        assert found.notes == []
    else:
        assert (first.topic_id, first.kind) == ("t-anew", "rate")
        assert (first.mean_before, first.mean_after) == pytest.approx((0.1, 0.5))
        assert "1 are counted with one of the other that is alike" in found.notes[0]


@pytest.mark.parametrize(
    ("split", "named"),
    [
        (SplitProperty(["$ai_model"], "small", "huge"), "the most frequent values are 'large' (340 traces)"),
        (SplitProperty(["$ai_modell"], "small", "large"), "has the property '$ai_modell'"),
    ],
)
def test_a_side_without_traces_is_refused_with_what_there_is(
    weeks: ClickHouse, split: SplitProperty, named: str
) -> None:
    with pytest.raises(NothingToCompareError) as refused:
        compare_kinds(weeks, 1, split)
    assert named.replace("the most", "its most") in str(refused.value)


def test_a_figure_that_nobody_tells_is_refused(weeks: ClickHouse) -> None:
    with pytest.raises(NothingToCompareError, match="traces before tell cost, error rate, latency"):
        compare_windows(weeks, 1, figures=["tokens"])


def test_the_windows_are_those_of_runs_that_can_be_compared(clickhouse: ClickHouse) -> None:
    with pytest.raises(NoClusteringError, match="no clustering yet"):
        compare_windows(clickhouse, 1)
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        with pytest.raises(NoClusteringError, match="no clustering yet"):
            compare_windows(clickhouse, 1)
        store_run(session, SECOND, {"t-refund": 3}, version=None)
        with pytest.raises(NoClusteringError, match="it has no run that can be compared"):
            compare_windows(clickhouse, 1)
        with pytest.raises(NoClusteringError, match="did not store the topics"):
            compare_windows(clickhouse, 1, after="2025-01-22")
        ids = store_run(session, SECOND, {"t-refund": 3}, label="trial")
        tell_traces(session, SECOND, {trace: {"latency": 1} for trace in ids})
        with pytest.raises(NoClusteringError, match="Cluster an earlier window"):
            compare_windows(clickhouse, 1)
        store_run(session, FIRST, {"t-refund": 3})
        with pytest.raises(NoClusteringError, match="Cluster an earlier window"):
            compare_windows(clickhouse, 1)  # the newest is a trial, and that is none
        ids = store_run(session, FIRST, {"t-gone": 3}, label="trial", prefix="other-")
        with pytest.raises(NothingToCompareError):
            compare_windows(clickhouse, 1)
        tell_traces(session, FIRST, {trace: {"latency": 2} for trace in ids})
        found = compare_windows(clickhouse, 1)
        assert found.notes == ["The two runs have no topic in common, so all of the difference is mix."]
        with pytest.raises(NoClusteringError, match="The team has no run '2025-02-30'"):
            compare_windows(clickhouse, 1, "2025-02-30")
        late = Window(SECOND.start + timedelta(days=1), SECOND.end + timedelta(days=1))
        ids = store_run(session, late, {"t-refund": 3}, label="a")
        tell_traces(session, late, {trace: {"latency": 1} for trace in ids})
        store_run(session, late, {"t-refund": 3}, label="b")
        with pytest.raises(NoClusteringError, match="name one of them: 1_trace_20250124_000000_"):
            compare_windows(clickhouse, 1, after="2025-01-23")
        found = compare_windows(clickhouse, 1, name_run(SECOND, "trial"), name_run(late, "a"), ["latency"])
    assert "share 6 days" in found.notes[0]

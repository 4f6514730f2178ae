"""Which traces are clustered, and in which window; every trace that is not has a reason."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from trace_clustering.explore.conditions import parse_condition
from trace_clustering.explore.selection import Choice, Sample, Selection
from trace_clustering.ingestion.ingest import IngestedTrace
from trace_clustering.traces.sampling import Automation, SampleRules
from trace_clustering.traces.trace import Trace, Turn

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


def make_trace(number: int, end: datetime) -> Trace:
    return Trace(f"t{number:03d}", start=end, end=end, turns=(Turn("user", f"Question {number}"),))


def select(traces: list[Trace], choice: Choice) -> tuple[Selection, Sample]:
    selection = Selection(choice, NOW)
    stored = [IngestedTrace(t.trace_id, t.end or NOW, "", t.is_automation) for t in selection.watch(traces)]
    return selection, selection.choose(stored)


def test_the_window_ends_with_the_newest_day_and_holds_the_oldest() -> None:
    traces = [make_trace(n, datetime(2025, 1, day, 5, tzinfo=UTC)) for n, day in enumerate((3, 9, 20))]
    _, sample = select(traces, Choice())
    assert (sample.day, sample.lookback_days, sample.eligible) == (date(2025, 1, 20), 18, 3)


def test_days_are_those_of_utc_and_both_ends_belong_to_them() -> None:
    ends = [datetime(2025, 1, day, hour, 59, tzinfo=UTC) for day, hour in ((3, 0), (3, 23), (4, 0), (2, 23))]
    selection, sample = select(
        [make_trace(n, end) for n, end in enumerate(ends)],
        Choice(since=date(2025, 1, 3), until=date(2025, 1, 3)),
    )
    assert [trace.trace_id for trace in sample.traces] == ["t000", "t001"]
    assert selection.left_out == {"ended before --since or after --until": 2, **dict.fromkeys(AGE, 0)}


AGE = ("ended more than 3660 days before the newest",)


def test_every_trace_that_is_left_out_has_a_reason() -> None:
    usual = make_trace(0, NOW)
    traces = [
        usual,
        replace(make_trace(1, NOW), is_automation=True),
        replace(make_trace(2, NOW), turns=()),
        make_trace(3, NOW + timedelta(days=2)),
        make_trace(4, datetime(1999, 1, 1, tzinfo=UTC)),
        replace(make_trace(5, NOW), turns=(Turn("user", "Something else"),)),
    ]
    selection, sample = select(traces, Choice(conditions=(parse_condition("text~question"),)))
    assert [trace.trace_id for trace in sample.traces] == ["t000"]
    assert sum(selection.left_out.values()) == 5
    assert len([count for count in selection.left_out.values() if count == 1]) == 5


def test_the_sample_does_not_depend_on_the_order() -> None:
    traces = [make_trace(n, NOW) for n in range(200)]
    shuffled = Random(3).sample(traces, len(traces))  # noqa: S311 - no secret
    first, second = (select(order, Choice(max_samples=50))[1] for order in (traces, shuffled))
    assert first == second
    assert (len(first.traces), first.eligible) == (50, 200)


def test_a_trace_that_comes_again_counts_as_it_came_last() -> None:
    selection, sample = select([replace(make_trace(0, NOW), turns=()), make_trace(0, NOW)], Choice())
    assert {trace.trace_id for trace in sample.traces} == {"t000"}
    assert sum(selection.left_out.values()) == 0


HOURS = ((1, 23), (2, 0), (8, 23), (9, 0), (15, 5))


def test_several_windows_hold_a_week_each_and_no_trace_twice() -> None:
    days = [datetime(2025, 1, day, hour, tzinfo=UTC) for day, hour in HOURS]
    traces = [make_trace(n, end) for n, end in enumerate(days)]
    selection = Selection(Choice(), NOW)
    stored = [IngestedTrace(t.trace_id, t.end or NOW, "", t.is_automation) for t in selection.watch(traces)]
    first, second = selection.choose_windows(stored, [date(2025, 1, 8), date(2025, 1, 15)])
    assert [trace.trace_id for trace in first.traces] == ["t001", "t002"]
    assert [trace.trace_id for trace in second.traces] == ["t003", "t004"]
    assert first.name_run(7) == "7_trace_20250109_000000"
    assert selection.left_out["ended in none of the windows"] == 1


def test_one_trace_of_each_session_is_drawn_and_the_others_are_counted() -> None:
    traces = [replace(make_trace(n, NOW), session_id=("a", "b", "")[n % 3]) for n in range(30)]
    selection, sample = select(traces, Choice(rules=SampleRules(one_per_session=True)))
    kept = [int(trace.trace_id[1:]) % 3 for trace in sample.traces]
    assert (kept.count(0), kept.count(1), kept.count(2)) == (1, 1, 10)
    assert (sample.eligible, sum(selection.left_out.values())) == (12, 18)
    # The one that is drawn first stands for its session, so the rest of the sample stays what it was.
    _, all_of_them = select(traces, Choice(max_samples=1))
    _, fewer = select(traces, Choice(max_samples=1, rules=SampleRules(one_per_session=True)))
    assert fewer.traces == all_of_them.traces


@pytest.mark.parametrize(
    ("automation", "drawn"),
    [("leave_out", ["t000"]), ("include", ["t000", "t001"]), ("only", ["t001"])],
)
def test_automation_is_apart_unless_it_is_asked_for(automation: Automation, drawn: list[str]) -> None:
    traces = [make_trace(0, NOW), replace(make_trace(1, NOW), is_automation=True)]
    selection, sample = select(traces, Choice(rules=SampleRules(automation)))
    assert [trace.trace_id for trace in sample.traces] == drawn
    assert sum(selection.left_out.values()) == 2 - len(drawn)


def test_the_run_is_told_what_differs_from_the_defaults() -> None:
    assert Choice().list_settings(7) == {}
    rules = SampleRules("only", one_per_session=True, fold_duplicates=True)
    assert Choice(max_samples=50, rules=rules).list_settings(8) == {
        "lookback_days": 8,
        "max_samples": 50,
        "automation": "only",
        "one_per_session": True,
        "fold_duplicates": True,
    }

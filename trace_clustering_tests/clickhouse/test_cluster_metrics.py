"""Metrics of clusters: each thing is counted once, over all assigned traces, and unknown is not 0."""

import itertools
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.cluster_metrics import MAX_SCORES, METRIC_NAMES, measure_clusters
from trace_clustering.clickhouse.permitted_settings import TEAM_FILTER
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.traces import StoreReport, store_traces
from trace_clustering.posthog.stored_traces import prepare_trace
from trace_clustering.traces.trace import ModelCall, Trace
from trace_clustering_tests.clickhouse.assigned import RUN, VERSION, assign, tell
from trace_clustering_tests.clickhouse.rows import NOON
from trace_clustering_tests.examples import WINDOW


def measure(session: TeamSession, **changes: Any) -> dict[int, dict[str, Any]]:
    given = {"run_id": RUN, "version": VERSION, "window": WINDOW} | changes
    return measure_clusters(session, **given)


def open_session(clickhouse: ClickHouse, team_id: int = 1) -> Any:
    return clickhouse.open_session(team_id, timeout_seconds=60)


TEAMS = itertools.count(100)


@pytest.fixture(scope="module")
def one_place(tmp_path_factory: pytest.TempPathFactory) -> ClickHouse:
    return ClickHouse(dsn=f"chdb://{tmp_path_factory.mktemp('metrics') / 'clickhouse'}")


@pytest.fixture
def session(one_place: ClickHouse) -> Iterator[TeamSession]:
    """A team of its own for each test, in tables that stand already."""
    with open_session(one_place, next(TEAMS)) as opened:
        yield opened


def test_every_trace_of_a_cluster_counts_once_with_all_its_calls(place: ClickHouse) -> None:
    with open_session(place) as session:
        assign(session, {"a": 0, "b": 0, "c": 1, "d": -1, "silent": 1})
        tell(session, "a", total_cost_usd=0.25, latency=2, input_tokens=100, output_tokens=10)
        tell(session, "a", "$ai_embedding", total_cost_usd=0.25, input_tokens=50, latency=9)
        tell(session, "a", "$ai_span", total_cost_usd=99, latency=99, is_error=True)
        tell(session, "b", total_cost_usd="1.5", latency=4, output_tokens=1, is_error=False)
        tell(session, "c", latency=1, is_error="true")
        tell(session, "d", latency=7, is_error=False)
        tell(session, "stranger", total_cost_usd=1000)
        found = measure(session)
    first = found[0]
    assert (first["avg_cost"], first["total_cost"], first["cost_count"]) == (1.0, 2.0, 2)
    assert (first["avg_latency"], first["median_latency"], first["p90_latency"]) == (3.0, 3.0, 3.8)
    assert (first["avg_tokens"], first["tokens_count"]) == (80.5, 2)
    assert (first["error_rate"], first["error_count"], first["error_rate_count"]) == (0.5, 1, 2)
    assert (found[1]["error_rate"], found[1]["error_rate_count"]) == (1.0, 1)
    assert (found[1]["avg_cost"], found[1]["total_cost"], found[1]["cost_count"]) == (None, None, 0)
    assert found[-1]["avg_latency"] == 7
    assert set(found) == {0, 1, -1}
    assert all(set(metrics) == set(METRIC_NAMES) for metrics in found.values())
    json.dumps(list(found.values()), allow_nan=False)


def test_a_stored_trace_is_not_counted_again_by_its_calls(session: TeamSession) -> None:
    calls = tuple(
        ModelCall(span_id=name, cost=1.0, latency=5.0, input_tokens=10, output_tokens=1, is_error=error)
        for name, error in (("x", True), ("y", False))
    )
    whole = Trace(
        "whole",
        session_id="s1",
        user_id="u1",
        end=NOON,
        calls=calls,
        cost=2.5,
        latency=7.0,
        input_tokens=20,
        output_tokens=2,
        is_error=False,  # the second call made good for the first
        properties={"score.helpful": 0.5, "score.tone": "kind", "other": 3},
    )
    partial = Trace("partial", session_id="s1", end=NOON, calls=calls[:1])
    assign(session, {"whole": 0, "partial": 1})
    store_traces(session, [prepare_trace(trace, NOON) for trace in (whole, partial)], StoreReport())
    found = measure(session)
    assert found[0] == {
        **{"avg_cost": 2.5, "median_cost": 2.5, "p90_cost": 2.5, "total_cost": 2.5, "cost_count": 1},
        **{"avg_latency": 7.0, "median_latency": 7.0, "p90_latency": 7.0, "latency_count": 1},
        **{"avg_tokens": 22.0, "median_tokens": 22.0, "p90_tokens": 22.0, "tokens_count": 1},
        **{"error_rate": 0.0, "error_count": 0, "error_rate_count": 1},
        **{"users": 1, "users_count": 1, "sessions": 1, "sessions_count": 1, "feedback_count": 0},
        "scores": {"helpful": {"mean": 0.5, "count": 1}},
        "evaluations": {},
    }
    assert (found[1]["avg_cost"], found[1]["avg_latency"], found[1]["error_rate"]) == (1.0, 5.0, 1.0)
    assert (found[1]["users"], found[1]["users_count"]) == (None, 0)


def test_what_posthog_programs_write_is_an_error_only_where_they_say_so(session: TeamSession) -> None:
    assign(session, dict.fromkeys("abcdef", 0))
    tell(session, "a", **{"$lib": "posthog-python"})
    tell(session, "b", **{"$lib": "posthog-python"}, is_error=True)
    tell(session, "c", http_status=200)
    tell(session, "d", http_status=529)
    tell(session, "e", output_tokens=12)  # whose program told nothing about errors
    tell(session, "f", "$ai_trace", **{"$lib": "posthog-python"})
    (metrics,) = measure(session).values()
    assert (metrics["error_count"], metrics["error_rate_count"], metrics["error_rate"]) == (2, 4, 0.5)


def test_of_an_event_that_was_written_again_the_newest_version_counts(session: TeamSession) -> None:
    assign(session, {"a": 0})
    assign(session, {"a": 0})  # delivered twice
    identity = uuid.uuid4()
    columns = ["uuid", "event", "properties", "timestamp", "distinct_id", "created_at"]
    for cost, hours in ((5.0, 2), (5.0, 2), (3.0, 1)):
        text = json.dumps({"$ai_trace_id": "a", "$ai_total_cost_usd": cost})
        later = NOON + timedelta(hours=hours)
        row = [identity, "$ai_generation", text, NOON, "someone", later]
        session.insert("events", [row], columns)
    (metrics,) = measure(session).values()
    assert (metrics["total_cost"], metrics["cost_count"]) == (5.0, 1)


def test_only_this_version_of_this_run_of_this_team_counts(place: ClickHouse) -> None:
    with open_session(place, 2) as session:
        assign(session, {"a": 5})
        tell(session, "a", total_cost_usd=100)
    with open_session(place) as session:
        assign(session, {"a": 0})
        assign(session, {"a": 3}, version=VERSION - 1)
        assign(session, {"a": 4}, run_id="another")
        tell(session, "a", total_cost_usd=1)
        tell(session, "a", total_cost_usd=10, at=WINDOW.start - timedelta(days=6))
        tell(session, "a", total_cost_usd=100, at=WINDOW.start - timedelta(days=8))
        tell(session, "a", total_cost_usd=100, at=WINDOW.end)
        found = measure(session)
    assert {cluster: metrics["total_cost"] for cluster, metrics in found.items()} == {0: 11.0}


def test_a_server_that_forbids_the_table_filter_still_shows_only_the_team(place: ClickHouse) -> None:
    for team_id in (1, 2):
        with open_session(place, team_id) as session:
            assign(session, {"a": 0})
            tell(session, "a", total_cost_usd=team_id)
    with open_session(place) as session:
        session._permitted._forbidden.add(TEAM_FILTER)
        try:
            found = measure(session)
        finally:
            session._permitted._forbidden.discard(TEAM_FILTER)
    assert found[0]["total_cost"] == 1.0


def test_users_are_counted_once_and_somebody_without_a_name_is_nobody(session: TeamSession) -> None:
    assign(session, dict.fromkeys("abcd", 0))
    tell(session, "a", by="ann", session_id="s1")
    tell(session, "b", by="ann", session_id="s2")
    tell(session, "c", by="c")  # as PostHog's programs write it for want of a name
    tell(session, "d", by="d", user_id="bob")
    tell(session, "d", "$ai_evaluation", by="the judge")
    (metrics,) = measure(session).values()
    assert (metrics["users"], metrics["users_count"]) == (2, 3)
    assert (metrics["sessions"], metrics["sessions_count"]) == (2, 2)


def test_scores_and_evaluations_are_means_over_traces(session: TeamSession) -> None:
    assign(session, dict.fromkeys("abc", 0))
    for value in (1, "2"):
        tell(session, "a", "$ai_metric", metric_name="stars", metric_value=value)
    tell(session, "b", "$ai_metric", metric_name="stars", metric_value="4.5")
    tell(session, "b", "$ai_metric", metric_name="quality", metric_value="bad")
    tell(session, "c", "$ai_metric", metric_name="quality", metric_value="good")
    tell(session, "c", "$ai_metric", metric_name="colour", metric_value="green")
    tell(session, "a", "$ai_evaluation", evaluation_name="grounded", evaluation_result=True)
    tell(session, "b", "$ai_evaluation", evaluation_name="grounded", evaluation_result="false")
    tell(session, "c", "$ai_evaluation", evaluation_name="grounded", evaluation_applicable=False)
    tell(session, "c", "$ai_evaluation", evaluation_name="length", evaluation_numeric_result=0.25)
    tell(session, "c", "$ai_feedback", feedback_text="no")
    (metrics,) = measure(session).values()
    assert metrics["scores"] == {
        "quality": {"mean": 0.5, "count": 2},
        "stars": {"mean": 3.0, "count": 2},
        "length": {"mean": 0.25, "count": 1},
    }
    assert metrics["evaluations"] == {"grounded": {"pass_rate": 0.5, "count": 2}}
    assert metrics["feedback_count"] == 1
    assert metrics["cost_count"] == 0


@pytest.mark.parametrize("nonsense", [-1, "nan", "inf", "dear", None, [1], {"a": 1}, ""], ids=str)
def test_a_number_that_is_none_is_unknown(session: TeamSession, nonsense: object) -> None:
    assign(session, {"a": 0})
    tell(session, "a", total_cost_usd=nonsense, latency=1, input_tokens=nonsense, is_error=nonsense)
    tell(session, "a", "$ai_metric", metric_name="stars", metric_value=nonsense)
    (metrics,) = measure(session).values()
    assert (metrics["avg_cost"], metrics["avg_tokens"], metrics["error_rate"]) == (None, None, None)
    assert (metrics["error_count"], metrics["error_rate_count"], metrics["avg_latency"]) == (None, 0, 1.0)
    assert metrics["scores"] == ({"stars": {"mean": -1.0, "count": 1}} if nonsense == -1 else {})


def test_text_of_others_stays_text(session: TeamSession) -> None:
    odd = "a'); DROP TABLE events; -- \x1b[31m🦔"
    assign(session, {odd: 0})
    tell(session, odd, total_cost_usd=1)
    for number in range(MAX_SCORES + 5):
        tell(session, odd, "$ai_metric", metric_name=f"{odd}{number:03d}", metric_value=1)
    tell(session, odd, "$ai_metric", metric_name="long" * 1000, metric_value=1)
    (metrics,) = measure(session).values()
    assert metrics["total_cost"] == 1.0
    assert len(metrics["scores"]) == MAX_SCORES
    assert all("\x1b" not in name and len(name) <= 120 for name in metrics["scores"])


def test_the_order_of_the_rows_means_nothing(one_place: ClickHouse) -> None:
    costs = [0.1 * number for number in range(30)]
    found = []
    for ordered in (costs, costs[::-1]):
        with open_session(one_place, next(TEAMS)) as session:
            assign(session, {f"t{cost}": 0 for cost in ordered})
            for cost in ordered:
                tell(session, f"t{cost}", total_cost_usd=cost)
            found.append(measure(session))
    assert found[0] == found[1]


def test_a_run_without_rows_has_no_figures(session: TeamSession) -> None:
    assert measure(session) == {}
    assign(session, {"a": 0})
    assert measure(session) == {}

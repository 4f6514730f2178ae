"""At every limit the agent ends: its labels stay, other clusters get a fallback, and the report names it."""

import threading
import time
from typing import Any

import pytest

from trace_clustering.errors import LimitReachedError
from trace_clustering.labeling.agent.run import Attempt
from trace_clustering.llm.endpoint.budget import Budget, Limits, Price, Usage
from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import OVERVIEW, bulk, label, labels_all
from trace_clustering_tests.llm.llm_server import Fails, Hangs, in_turn, says

SOME = says(bulk([label(0, "Broken kettles"), label(2, "Tax rates")]))
LABELS_SOME_AND_GOES_ON = (SOME, says(OVERVIEW))
PRICES = {"gpt-5.1": {"prompt": 2, "completion": 10}}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"max_iterations": 4}, "max_iterations = 4"),
        ({"recursion_limit": 9}, "recursion_limit = 9"),
        ({"max_requests": 4}, "max_requests = 4"),
        ({"max_prompt_tokens": 6_000}, "max_prompt_tokens = 6000"),
        ({"max_completion_tokens": 400}, "max_completion_tokens = 400"),
        ({"max_cost_usd": 0.02, "prices": PRICES}, "max_cost_usd = 0.02"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_limit_ends_the_work_and_keeps_the_labels(
    labeling: Labeling, settings: dict[str, Any], named: str
) -> None:
    result, server = labeling.run(in_turn(*LABELS_SOME_AND_GOES_ON), **settings)
    assert named in result.report["ended"]
    labels = labeling.put_together(result)
    assert labels.titles[[0, 2, 4]].tolist() == ["Broken kettles", "Tax rates", "Outliers"]
    assert [title.split(" (")[0] for title in labels.titles[[1, 3]]] == ["Cluster 1", "Cluster 3"]
    assert labels.labelers.tolist() == ["agent", "fallback", "agent", "fallback", "fallback"]
    assert 2 <= len(server.requests) < 20


@pytest.mark.parametrize("recursion_limit", range(4, 10))
def test_the_steps_never_end_in_the_middle_of_a_call(labeling: Labeling, recursion_limit: int) -> None:
    result, server = labeling.run(in_turn(*LABELS_SOME_AND_GOES_ON), recursion_limit=recursion_limit)
    assert sorted(result.labels) == [0, 2]
    assert len(server.requests) == (recursion_limit - 2) // 2


@pytest.mark.parametrize("drips", [False, True], ids=["silence", "slow drip"])
def test_the_time_limit_holds_within_a_request(labeling: Labeling, drips: bool) -> None:
    result, server = labeling.run(in_turn(SOME, Hangs(drips)), timeout_seconds=3)
    assert sorted(result.labels) == [0, 2]
    assert "time is over" in result.report["ended"]
    assert len(server.requests) == 2


def test_the_time_limit_is_that_of_the_step_if_less_is_left(labeling: Labeling) -> None:
    labeling.seconds = 3
    result, _ = labeling.run(in_turn(SOME, Hangs()))
    assert sorted(result.labels) == [0, 2]
    assert "time is over" in result.report["ended"]


def test_requests_that_failed_count(labeling: Labeling) -> None:
    result, server = labeling.run(in_turn(SOME, Fails(500)), max_requests=3, max_retries=20)
    assert len(server.requests) == 3
    assert "max_requests = 3" in result.report["ended"]


def test_what_an_attempt_used_counts_in_the_next_of_the_same_run(labeling: Labeling) -> None:
    labeling.run(in_turn(SOME, Fails(500)), Attempt(True, False), max_requests=3, max_retries=20)
    second = Attempt(is_first=False, is_last=True)
    result, server = labeling.run(in_turn(labels_all), second, max_requests=3)
    assert server.requests == []
    assert sorted(result.labels) == [0, 2]
    assert result.report["requests"] == 3


def test_the_cost_is_told(labeling: Labeling) -> None:
    result, _ = labeling.run(in_turn(*LABELS_SOME_AND_GOES_ON), max_iterations=3, prices=PRICES)
    report = result.report
    assert report["cost_usd"] == pytest.approx(
        (2 * report["prompt_tokens"] + 10 * report["completion_tokens"]) / 1e6
    )
    assert report["cost_usd"] > 0


def test_an_answer_may_be_no_longer_than_what_is_left(labeling: Labeling) -> None:
    _, server = labeling.run(
        in_turn(*LABELS_SOME_AND_GOES_ON), max_iterations=2, max_completion_tokens=1000, max_answer_tokens=600
    )
    assert server.requests[0].body["max_completion_tokens"] == 600
    answered = len(str(server.requests[1].body["messages"][2])) // 4
    assert server.requests[1].body["max_completion_tokens"] <= 1000 - answered // 2


def budget(spent: Usage = Usage(), seconds: float = 60, **changes: Any) -> Budget:  # noqa: B008
    limits = {
        "max_iterations": 50,
        "recursion_limit": 150,
        "timeout_seconds": 60,
        "max_requests": 10,
        "max_prompt_tokens": 1000,
        "max_completion_tokens": 1000,
        "max_cost_usd": None,
        "max_request_characters": 60_000,
        "max_answer_tokens": 600,
    }
    return Budget(Limits(**limits | changes), spent, seconds)


class TestBudget:
    @pytest.mark.parametrize(
        ("spent", "prompt", "allowed"),
        [
            (Usage(), 1000, 600),
            (Usage(completion_tokens=500), 0, 500),
            (Usage(completion_tokens=744), 0, 256),
            (Usage(requests=9, prompt_tokens=900), 100, 600),
        ],
    )
    def test_it_allows_what_is_left(self, spent: Usage, prompt: int, allowed: int) -> None:
        assert budget(spent).allow(prompt, None) == allowed

    @pytest.mark.parametrize(
        ("spent", "prompt", "named"),
        [
            (Usage(), 1001, "max_prompt_tokens"),
            (Usage(prompt_tokens=1000), 1, "max_prompt_tokens"),
            (Usage(completion_tokens=745), 0, "max_completion_tokens"),
            (Usage(requests=10), 0, "max_requests"),
        ],
    )
    def test_it_names_the_limit_that_is_reached(self, spent: Usage, prompt: int, named: str) -> None:
        with pytest.raises(LimitReachedError, match=named):
            budget(spent).allow(prompt, None)

    def test_time_that_is_over_allows_nothing(self) -> None:
        over = budget(seconds=0)
        assert over.seconds_left() == 0
        with pytest.raises(LimitReachedError, match="timeout_seconds"):
            over.allow(0, None)

    def test_money_limits_the_answer_before_it_is_spent(self) -> None:
        price = Price(prompt=1, completion=10)
        rich = budget(max_cost_usd=0.01, max_prompt_tokens=10_000)
        assert rich.allow(5000, price) == 500  # half a cent for the prompt, and half for 500 tokens
        with pytest.raises(LimitReachedError, match="max_cost_usd"):
            rich.allow(9000, price)
        assert rich.allow(5000, Price(prompt=1, completion=0)) == 600

    def test_usage_adds_up_and_an_unknown_price_stays_unknown(self) -> None:
        one = budget()
        one.count_request()
        one.count_tokens(100, 10, Price(1, 10), estimated=False)
        assert one.usage == Usage(1, 100, 10, 0.0002, False)
        one.count_tokens(1, 1, None, estimated=True)
        assert one.usage == Usage(1, 101, 11, None, True)

    def test_the_clock_runs_down(self) -> None:
        running = budget(seconds=30)
        before = running.seconds_left()
        time.sleep(0.01)
        assert running.seconds_left() < before <= 30

    def test_what_is_under_way_is_kept_from_others_until_it_is_counted(self) -> None:
        shared = budget(max_completion_tokens=1000, max_answer_tokens=600)
        with shared.reserve(100, None) as first, shared.reserve(100, None) as second:
            assert (first, second) == (600, 400)
            with pytest.raises(LimitReachedError, match="max_completion_tokens"):
                shared.allow(100, None)
            shared.count_tokens(100, 50, None, estimated=False)
        assert shared.allow(100, None) == 600
        assert shared.usage.requests == 2

    def test_a_request_waits_for_what_others_may_give_back(self) -> None:
        shared = budget(max_completion_tokens=700, max_answer_tokens=600)
        allowed: list[int] = []

        def ask() -> None:
            with shared.reserve(0, None) as tokens:
                allowed.append(tokens)

        waiting = threading.Thread(target=ask)
        with shared.reserve(0, None):
            waiting.start()
            assert allowed == []
        waiting.join()
        assert allowed == [600]

    def test_a_stopped_budget_allows_nothing_and_wakes_who_waits(self) -> None:
        shared = budget()
        shared.stop("it was stopped")
        shared.pause(10_000)
        with pytest.raises(LimitReachedError, match="it was stopped"), shared.reserve(0, None):
            pass

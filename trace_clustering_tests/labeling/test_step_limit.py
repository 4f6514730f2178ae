"""The time limit of the labeling step follows from that of the agent, and the report names the real one."""

import pytest

from trace_clustering.llm.resource import LLM
from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.llm.llm_server import Hangs, in_turn


@pytest.mark.parametrize("seconds", [600, 1200, 7200])
def test_the_step_has_time_for_the_whole_agent_and_more(seconds: float) -> None:
    assert LLM(timeout_seconds=seconds).step_timeout() > seconds


def test_the_step_never_has_less_time_than_by_default() -> None:
    assert LLM(timeout_seconds=5).step_timeout() == 600


def test_without_an_agent_its_time_limit_has_no_effect() -> None:
    assert LLM(timeout_seconds=1200, labeler="keywords").step_timeout() == 600


def test_an_agent_that_uses_up_its_own_time_names_its_setting(labeling: Labeling) -> None:
    result, _ = labeling.run(in_turn(Hangs()), timeout_seconds=2)
    assert "its time is over (timeout_seconds = 2)" in result.report["ended"]


def test_an_agent_that_uses_up_the_time_of_the_step_names_what_was_left_of_it(labeling: Labeling) -> None:
    labeling.seconds = 2
    result, _ = labeling.run(in_turn(Hangs()), timeout_seconds=1200)
    assert "its time is over (2 s were left of the step's time" in result.report["ended"]

"""Every field of `llm` can be set by the environment and by the team; the run wins, then the team."""

from typing import Any

import pytest

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.environment import PREFIX, name_variable
from trace_clustering.llm.resource import LLM
from trace_clustering_tests.llm.llm_server import KEY

PRICES = {"ours": {"prompt": 1, "completion": 2}}
# By field, what a variable may hold, and the value that it means.
VALUES: dict[str, tuple[str, Any]] = {
    "labeler": ("keywords", "keywords"),
    "model": (" 4711 ", "4711"),
    "temperature": ("0.5", 0.5),
    "prices": ('{"ours": {"prompt": 1, "completion": 2}}', PRICES),
    "request_parameters": ('{"reasoning_effort": "low"}', {"reasoning_effort": "low"}),
    "reuse_labels": ("false", False),
    "verify_labels": ("1", True),
    "verification_model": ("other", "other"),
    "max_request_characters": ("45000", 45000),
    "max_completion_tokens": ("999", 999),
    "max_answer_tokens": ("998", 998),
    "max_cost_usd": ("2.5", 2.5),
}
FIELDS = [name for name in LLM.model_fields if name not in ("base_url", "api_key")]


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_can_be_set_by_a_variable(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = VALUES.get(field, ("17", 17))
    if field == "max_cost_usd":
        monkeypatch.setenv(f"{PREFIX}PRICES", '{"gpt-5.1": {"prompt": 1, "completion": 2}}')
    monkeypatch.setenv(name_variable(field), text)
    assert getattr(LLM().resolve(), field) == value != getattr(LLM(), field)


def test_the_run_wins_then_the_team_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in ("model", "max_requests", "max_iterations", "max_retries"):
        monkeypatch.setenv(name_variable(field), "1")
    of_team = {"model": "2", "max_requests": 2, "max_iterations": 2, "temperature": None}
    found = LLM(model="3", max_requests=100).resolve(of_team)  # 100 is the default, and was asked for
    assert (found.model, found.max_requests, found.max_iterations, found.max_retries) == ("3", 100, 2, 1)
    assert found.recursion_limit == LLM().recursion_limit
    assert found.resolve(of_team).model_dump() == found.model_dump()


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("MAX_REQUESTS", "0", "max_requests = '0'"),
        ("MAX_REQUESTS", "many", "max_requests = 'many'"),
        ("LABELER", "Agent", "labeler = 'Agent'"),
        ("PRICES", "{1:", "not JSON"),
        ("PRICES", '{"m": 5}', "prices of 'm' = 5"),
        ("PRICES", "cheap", "prices = 'cheap'"),
        ("MODEL_NAME", "x", "sets no field"),
        ("model", "x", "sets no field"),
        ("BASE_URL", "http://here:1/v1", "OPENAI_BASE_URL"),
    ],
)
def test_a_wrong_variable_is_named(
    variable: str, value: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + variable, value)
    with pytest.raises(InvalidSettingsError) as error:
        LLM().resolve()
    assert PREFIX + variable in str(error.value)
    assert named in str(error.value)


def test_an_empty_variable_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL", "MAX_REQUESTS", "PRICES"):
        monkeypatch.setenv(PREFIX + name, " ")
    monkeypatch.setenv(f"{PREFIX}API_KEY_OF_A_TEAM", KEY)
    assert LLM().resolve().model_dump() == LLM().model_dump()


def test_a_team_can_have_an_endpoint_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    monkeypatch.setenv(f"{PREFIX}API_KEY_7", KEY)
    of_team = {"base_url": "http://team:7/v1", "api_key": {"env": f"{PREFIX}API_KEY_7"}}
    connection = LLM().resolve(of_team).connection()
    assert (connection.base_url, connection.api_key.get_secret_value()) == ("http://team:7/v1", KEY)
    elsewhere = LLM(base_url="http://run:1/v1").resolve(of_team).connection()
    assert (elsewhere.base_url, elsewhere.api_key.get_secret_value()) == ("http://run:1/v1", "no-key")
    without = LLM().resolve({"base_url": "http://team:7/v1"}).connection()
    assert without.api_key.get_secret_value() == "no-key"

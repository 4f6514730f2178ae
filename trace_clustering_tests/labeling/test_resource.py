"""The resource checks the bounds of its fields and never shows the key."""

import traceback
from typing import Any

import pytest

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.labeling.endpoint.faults import explain_fault
from trace_clustering.labeling.resource import LLM
from trace_clustering_tests.labeling.llm_server import KEY


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_requests": 0}, "max_requests = 0"),
        ({"max_iterations": 0}, "max_iterations = 0"),
        ({"recursion_limit": 3}, "recursion_limit = 3"),
        ({"timeout_seconds": 0}, "timeout_seconds = 0"),
        ({"request_timeout_seconds": -1}, "request_timeout_seconds = -1"),
        ({"max_retries": 21}, "max_retries = 21"),
        ({"max_prompt_tokens": 0}, "max_prompt_tokens = 0"),
        ({"max_completion_tokens": 10}, "max_completion_tokens = 10"),
        ({"max_request_characters": 1000}, "max_request_characters = 1000"),
        ({"temperature": 3}, "temperature = 3"),
        ({"model": ""}, "model = ''"),
        ({"labeler": "magic"}, "labeler = 'magic'"),
        ({"max_cost_usd": 1}, "max_cost_usd = 1 needs the price of 'gpt-5.1'"),
        ({"prices": {"m": {"prompt": 1}}}, "prices of 'm' = {'prompt': 1}"),
        ({"prices": {"m": {"prompt": -1, "completion": 1}}}, "prices of 'm'"),
        ({"prices": {"m": 5}}, "prices of 'm' = 5"),
        ({"prices": {"m": {"prompt": 1, "completion": 2, "other": 3}}}, "prices of 'm'"),
    ],
)
def test_a_wrong_value_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSettingsError) as error:
        LLM(**settings)
    assert message in str(error.value)


def test_a_cap_on_money_needs_the_price_of_every_model_that_is_asked() -> None:
    prices = {"gpt-5.1": {"prompt": 1.25, "completion": 10}}
    assert LLM(max_cost_usd=1, prices=prices).limits().max_cost_usd == 1
    with pytest.raises(InvalidSettingsError, match="price of 'cheap'"):
        LLM(max_cost_usd=1, prices=prices, verify_labels=True, verification_model="cheap")


@pytest.mark.parametrize(
    "address",
    [
        "localhost:11434",
        "ftp://host/v1",
        "https:///v1",
        f"https://{KEY}@host/v1",
        f"https://host/v1?key={KEY}",
        "http://h:x/",
    ],
)
def test_an_address_that_cannot_be_one_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(InvalidSettingsError, match="OPENAI_BASE_URL") as error:
        LLM(base_url=address).connection()
    assert address not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize("key", ["sk two words", "sk-é", "sk-\x00"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(InvalidSettingsError, match="OPENAI_API_KEY") as error:
        LLM(api_key=key).connection()
    assert key not in "".join(traceback.format_exception(error.value))


def test_the_key_is_in_no_representation() -> None:
    llm = LLM(api_key=KEY)
    connection = llm.connection()
    assert connection.api_key.get_secret_value() == KEY
    assert KEY not in f"{llm!r} {llm} {connection!r} {connection}"


def test_a_key_of_the_wrong_type_is_not_shown() -> None:
    with pytest.raises(InvalidSettingsError, match="api_key") as error:
        LLM(api_key=[KEY])  # type: ignore[arg-type]
    assert KEY not in str(error.value)


@pytest.mark.parametrize("stars", ["********", "*", " *** "])
def test_asterisks_are_how_a_key_is_hidden_and_no_key(stars: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LLM(api_key=stars).connection() is None
    monkeypatch.setenv("OPENAI_API_KEY", stars)
    assert LLM().connection() is None
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert LLM(api_key=stars).connection().api_key.get_secret_value() == KEY


def test_the_fields_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere:1/v1")
    assert LLM().connection().base_url == "http://elsewhere:1/v1"
    assert LLM().connection().api_key.get_secret_value() == "sk-of-the-environment"
    own = LLM(api_key=KEY, base_url="http://here:2/v1").connection()
    assert (own.base_url, own.api_key.get_secret_value()) == ("http://here:2/v1", KEY)


def test_with_only_a_key_the_endpoint_is_openai() -> None:
    assert LLM(api_key=KEY).connection().base_url == "https://api.openai.com/v1"
    assert LLM(api_key=" ", base_url=" ").connection() is None


def test_whatever_an_error_says_the_key_is_hidden_and_the_rest_is_one_bounded_line() -> None:
    reason = explain_fault(ValueError(f"header 'Bearer {KEY}' is bad\n\x1b[31m" + "x" * 1000), KEY).reason
    assert KEY not in reason
    assert reason.isprintable()
    assert len(reason) < 400

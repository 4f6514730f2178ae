"""The resource checks the bounds of its fields and never shows the key."""

import traceback
from typing import Any

import dagster as dg
import pytest

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.endpoint.faults import explain_fault
from trace_clustering.llm.resource import LLM
from trace_clustering_tests.llm.llm_server import KEY


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
        "http://h:0/",
        f"https://host/v1#{KEY}",
        f"https://{KEY[:5]}\u202e{KEY}",
        "https://mine.openai.azure.com/openai/deployments/x?api-version=2024-10-21",
    ],
)
def test_an_address_that_cannot_be_one_is_refused_without_being_shown(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidSettingsError, match="OPENAI_BASE_URL") as error:
        LLM(base_url=address)
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.setenv(name, address)
        with pytest.raises(InvalidSettingsError, match=name) as other:
            LLM().connection()
        monkeypatch.delenv(name)
        assert address not in "".join(traceback.format_exception(other.value))
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


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OPENAI_API_BASE"])
def test_the_key_of_the_environment_goes_to_the_address_of_the_environment_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert LLM(base_url="https://api.openai.com/v1/").connection().api_key.get_secret_value() == KEY
    monkeypatch.setenv(name, "http://mine:1/v1")
    for own in ("", "http://mine:1/v1", "http://mine:1/v1/"):
        connection = LLM(base_url=own).connection()
        assert (connection.is_of_environment, connection.api_key.get_secret_value()) == (True, KEY)
    for foreign in ("http://mine:2/v1", "http://mine:1/v2", "https://api.openai.com/v1"):
        connection = LLM(base_url=foreign).connection()
        assert (connection.is_of_environment, connection.api_key.get_secret_value()) == (False, "no-key")
        with pytest.raises(InvalidSettingsError, match="OPENAI_API_KEY is not sent to another address"):
            LLM(base_url=foreign, api_key={"env": "OPENAI_API_KEY"}).connection()


def test_two_addresses_in_the_environment_must_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://mine:1/v1")
    monkeypatch.setenv("OPENAI_API_BASE", "http://mine:1/v1/")
    assert LLM().connection().base_url == "http://mine:1/v1"
    monkeypatch.setenv("OPENAI_API_BASE", "http://other:1/v1")
    with pytest.raises(InvalidSettingsError, match="OPENAI_API_BASE"):
        LLM().connection()


@pytest.mark.parametrize(
    "name",
    ["TRACE_CLUSTERING_CLICKHOUSE_DSN", "HOME", "AWS_SECRET_ACCESS_KEY", "XTRACE_CLUSTERING_LLM_API_KEY", ""],
)
def test_a_run_may_name_only_variables_that_are_meant_for_keys(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name or "UNUSED", KEY)
    for value in ({"env": name}, dg.EnvVar(name)):
        with pytest.raises(InvalidSettingsError, match="TRACE_CLUSTERING_LLM_API_KEY") as error:
            LLM(base_url="http://here:2/v1", api_key=value)
        assert KEY not in str(error.value)
    for field in ("model", "base_url", "verification_model"):
        with pytest.raises(InvalidSettingsError, match=f"{field}.*must be a text"):
            LLM(**{field: {"env": name}})


def test_a_variable_that_is_meant_for_keys_is_read_when_the_endpoint_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "TRACE_CLUSTERING_LLM_API_KEY_MISTRAL"
    for value in ({"env": name}, dg.EnvVar(name)):
        llm = LLM(base_url="http://here:2/v1", api_key=value)
        monkeypatch.delenv(name, raising=False)
        with pytest.raises(InvalidSettingsError, match=f"{name}, which is not set"):
            llm.connection()
        monkeypatch.setenv(name, KEY)
        assert llm.connection().api_key.get_secret_value() == KEY


@pytest.mark.parametrize("mask", ["*", "********", " **** "])
def test_asterisks_are_no_key_wherever_they_stand(mask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LLM(api_key=mask).connection() is None
    monkeypatch.setenv("OPENAI_API_KEY", mask)
    assert LLM(api_key=mask).connection() is None
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert LLM(api_key=mask).connection().api_key.get_secret_value() == KEY
    assert LLM(api_key=mask, base_url="http://here:2/v1").connection().api_key.get_secret_value() == "no-key"


def test_with_only_a_key_the_endpoint_is_openai() -> None:
    assert LLM(api_key=KEY).connection().base_url == "https://api.openai.com/v1"
    assert LLM(api_key=" ", base_url=" ").connection() is None


def test_whatever_an_error_says_the_key_is_hidden_and_the_rest_is_one_bounded_line() -> None:
    reason = explain_fault(ValueError(f"header 'Bearer {KEY}' is bad\n\x1b[31m" + "x" * 1000), KEY).reason
    assert KEY not in reason
    assert reason.isprintable()
    assert len(reason) < 400

"""The resource `llm`: which model names clusters, how it is reached, and what it may use up."""

import os
import re
from dataclasses import asdict, fields
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import dagster as dg
from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, SecretStr, ValidationError, model_validator

from trace_clustering import constants
from trace_clustering.errors import InvalidSettingsError, explain_validation
from trace_clustering.labeling.endpoint.budget import MIN_ANSWER_TOKENS, Limits, Price
from trace_clustering.labeling.endpoint.connection import Connection

API_KEY = "OPENAI_API_KEY"
BASE_URL = "OPENAI_BASE_URL"

_OPENAI = "https://api.openai.com/v1"
_NO_KEY = "no-key"  # local servers demand a header but do not check it
_VALID_KEY = re.compile(r"[!-~]+")


class LLM(dg.ConfigurableResource[Any]):
    """An OpenAI-compatible endpoint that names clusters, and the limits that it works within.

    Without a key and without an address, clusters are labelled by keywords. A value that is out of bounds or
    contradicts another is refused with an `InvalidSettingsError`.
    """

    model_config = ConfigDict(extra="forbid")

    labeler: Literal["agent", "keywords"] = Field(
        default="agent",
        description="`agent`: a language model names the clusters, if there is a key or an address. "
        "`keywords`: no model is ever asked.",
    )
    model: str = Field(
        default=constants.LABELING_AGENT_MODEL,
        min_length=1,
        description="Name of the model, as the endpoint knows it.",
    )
    base_url: str = Field(
        default="",
        description="Address of an OpenAI-compatible endpoint, such as `http://localhost:11434/v1`. "
        "Empty: `OPENAI_BASE_URL`, else OpenAI.",
    )
    api_key: str | None = Field(
        default=None,
        repr=False,
        # Dagster's mark for secrets would scaffold the default as asterisks, and a run would send them.
        description="Key of the endpoint. None: `OPENAI_API_KEY`. Name another variable with "
        '`EnvVar("MY_KEY")` or `{"env": "MY_KEY"}`; a key that is typed in is shown and stored with the run.',
    )
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="Temperature of the model. None: the endpoint's own, since some models allow no other.",
    )
    timeout_seconds: float = Field(
        default=constants.LABELING_AGENT_TIMEOUT,
        gt=0,
        description="Time limit of the whole agent, waiting included. The step's own limit follows from it.",
    )
    max_iterations: int = Field(
        default=constants.LABELING_AGENT_MAX_ITERATIONS,
        ge=1,
        description="Limit on the answers of the model.",
    )
    recursion_limit: int = Field(
        default=constants.LABELING_AGENT_RECURSION_LIMIT,
        ge=4,
        description="Limit on the steps of the agent's graph; each answer takes about two.",
    )
    max_requests: int = Field(default=100, ge=1, description="Limit on the requests, failed ones included.")
    max_prompt_tokens: int = Field(
        default=1_000_000,
        ge=1,
        description="Limit on the prompt tokens, as the endpoint counts them, else estimated.",
    )
    max_completion_tokens: int = Field(
        default=200_000,
        ge=MIN_ANSWER_TOKENS,
        description="Limit on the completion tokens, as the endpoint counts them, else estimated.",
    )
    max_cost_usd: float | None = Field(
        default=None,
        gt=0,
        description="Limit on the cost, in US dollars; needs the price of each model. None: no limit.",
    )
    prices: dict[str, Any] = Field(
        default={},
        description="Prices by model, in US dollars per million tokens: "
        '`{"gpt-5.1": {"prompt": 1.25, "completion": 10}}`. Look up those of today.',
    )
    max_answer_tokens: int = Field(
        default=20_000,
        ge=MIN_ANSWER_TOKENS,
        description="Limit on the completion tokens of one answer, reasoning included.",
    )
    max_request_characters: int = Field(
        default=60_000,
        ge=30_000,
        description="Limit on the characters of one request; the oldest messages are left out.",
    )
    request_timeout_seconds: float = Field(default=120.0, gt=0, description="Time limit of one request.")
    max_retries: int = Field(
        default=4,
        ge=0,
        le=20,
        description="How often each request is tried again after status 429 or 5xx, a time-out, "
        "a dropped connection or an unreadable answer.",
    )
    retry_delay_seconds: float = Field(
        default=1.0,
        ge=0,
        description="Wait before the first retry. It doubles with each retry, up to 60 s, and is never less "
        "than `Retry-After` asks for.",
    )
    reuse_labels: bool = Field(
        default=True,
        description="Keep the stored labels of an unchanged clustering when the step runs again.",
    )
    verify_labels: bool = Field(
        default=False,
        description="Measure how good the labels are: a model assigns traces to clusters by their labels.",
    )
    verification_model: str = Field(
        default="", description="Model that assigns these traces. Empty: the one that names the clusters."
    )
    verification_samples: int = Field(
        default=5,
        ge=1,
        le=20,
        description="Traces per cluster that are kept from the agent for this, at most a quarter of it.",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        try:
            llm = validate(values)
        except ValidationError as error:
            raise InvalidSettingsError(f"llm: {explain_validation(error, show=_show_value)}") from None
        for model in llm.prices:
            llm.price(model)
        unpriced = [name for name in llm._list_models() if llm.price(name) is None]
        if llm.max_cost_usd is not None and unpriced:
            raise InvalidSettingsError(
                f"llm: max_cost_usd = {llm.max_cost_usd:g} needs the price of {unpriced[0]!r} in prices, "
                'for example {"prompt": 1.25, "completion": 10} in US dollars per million tokens'
            )
        return llm

    def _list_models(self) -> list[str]:
        """Return the models that a run may ask."""
        verifiers = [self.verification_model] if self.verify_labels and self.verification_model else []
        return [self.model, *verifiers]

    def connection(self, model: str = "") -> Connection | None:
        """Return how the endpoint is reached; None if there is none, or if `labeler` is `keywords`.

        The environment is read here and not before, so that it is that of the run.

        Raises
        ------
        InvalidSettingsError
            If the address or the key is malformed; the message does not show the key.
        """
        key = _read_key(self.api_key) or _read_key(os.environ.get(API_KEY))
        base_url = (self.base_url or os.environ.get(BASE_URL, "")).strip()
        if self.labeler == "keywords" or not (key or base_url):
            return None
        if key and not _VALID_KEY.fullmatch(key):
            raise InvalidSettingsError(
                f"The key of the language model ({API_KEY}, or api_key of the llm resource) holds white "
                "space or characters that a key cannot have; copy it again"
            )
        return Connection(
            model=model or self.model,
            base_url=_check_address(base_url or _OPENAI),
            api_key=SecretStr(key or _NO_KEY),
            temperature=self.temperature,
            request_timeout_seconds=self.request_timeout_seconds,
            max_retries=self.max_retries,
            retry_delay_seconds=self.retry_delay_seconds,
            price=self.price(model or self.model),
        )

    def price(self, model: str) -> Price | None:
        """Return the price of a model; None if `prices` has none.

        Raises
        ------
        InvalidSettingsError
            If the price is not two numbers of at least 0.
        """
        entry = self.prices.get(model)
        if entry is None:
            return None
        try:
            price = Price(**{name: float(value) for name, value in entry.items()})
        except (TypeError, ValueError, AttributeError):
            price = Price(-1, -1)
        if not all(0 <= value < float("inf") for value in asdict(price).values()):
            raise InvalidSettingsError(
                f"llm: prices of {model!r} = {entry!r}: give prompt and completion, "
                "each a number of US dollars per million tokens"
            )
        return price

    def limits(self) -> Limits:
        """Return the hard limits of one run of the agent."""
        return Limits(**{field.name: getattr(self, field.name) for field in fields(Limits)})

    def step_timeout(self) -> float:
        """Return the time limit, in seconds, of the step in which the agent runs.

        Reading the summaries and finding terms get time beside that of the agent.
        """
        with_agent = self.timeout_seconds + constants.LABELING_STEP_MARGIN
        return max(constants.LLM_ACTIVITY_TIMEOUT, with_agent if self.labeler == "agent" else 0.0)


def _read_key(text: str | None) -> str:
    """Return a key without white space around it; empty if there is none."""
    key = (text or "").strip()
    # Asterisks are how a program shows a key that it hides; copied from there, they are no key.
    return key if key.strip("*") else ""


def _check_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = (
            parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        sound = False
        parts = urlsplit("")
    if not sound or parts.username or parts.password or parts.query:
        # The message does not show the address, because it may hold a key.
        raise InvalidSettingsError(
            f"The address of the language model ({BASE_URL}, or base_url of the llm resource) must look like "
            f"https://host:port/v1, without user, password or query; a key belongs into {API_KEY}"
        )
    return url


def _show_value(path: tuple[int | str, ...], value: object) -> str:
    """Return a value for an error message; empty if it may be a key, as in unknown fields."""
    can_be_shown = path and path[0] in LLM.model_fields and path[0] not in ("api_key", "base_url")
    return repr(value) if can_be_shown else ""

"""The resource `llm`: which model labels clusters, how it is reached, and what it may use up."""

import os
import re
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

import dagster as dg
from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, SecretStr, ValidationError, model_validator

from trace_clustering import constants
from trace_clustering.errors import InvalidSettingsError, explain_validation
from trace_clustering.labeling.endpoint.budget import Limits, Price

if TYPE_CHECKING:
    from trace_clustering.labeling.endpoint.connection import Connection

API_KEY = "OPENAI_API_KEY"
BASE_URL = "OPENAI_BASE_URL"

_OPENAI = "https://api.openai.com/v1"
_NO_KEY = "no-key"  # local servers want a header, and look at nothing in it
_KEY = re.compile(r"[!-~]+")


class LLM(dg.ConfigurableResource[Any]):
    """An OpenAI-compatible endpoint that labels clusters, and the limits it works within.

    Without a key and without an address, clusters are labelled by keywords.

    Raises
    ------
    InvalidSettingsError
        If a value is out of bounds or makes no sense beside another.
    """

    model_config = ConfigDict(extra="forbid")

    labeler: Literal["agent", "keywords"] = Field(
        default="agent",
        description="agent: wherever there is a key or an address. keywords: never ask a model.",
    )
    model: str = Field(
        default=constants.LABELING_AGENT_MODEL,
        min_length=1,
        description="Name of the model, as the endpoint knows it.",
    )
    base_url: str = Field(
        default="",
        description="Address of an OpenAI-compatible endpoint, such as http://localhost:11434/v1. "
        "Empty: OPENAI_BASE_URL, else OpenAI.",
    )
    api_key: str = Field(
        default="",
        repr=False,
        json_schema_extra={"dagster__is_secret": True},
        description="Key of the endpoint. Empty: OPENAI_API_KEY. Name another variable with EnvVar or "
        "{'env': 'MY_KEY'}; a key that is typed here is stored with the configuration of the run.",
    )
    temperature: float | None = Field(
        default=None,
        description="Temperature, 0 to 2; by default the endpoint's own, since some models allow no other.",
    )
    request_timeout_seconds: float = Field(default=120.0, gt=0, description="How long one request may take.")
    max_retries: int = Field(
        default=4,
        ge=0,
        le=20,
        description="How often a request is tried again after a fault of the endpoint.",
    )
    retry_delay_seconds: float = Field(
        default=1.0,
        ge=0,
        description="Wait before the first retry; it doubles, and Retry-After lengthens it.",
    )
    timeout_seconds: float = Field(
        default=constants.LABELING_AGENT_TIMEOUT, gt=0, description="How long the whole agent may take."
    )
    max_iterations: int = Field(
        default=constants.LABELING_AGENT_MAX_ITERATIONS, ge=1, description="Most answers of the model."
    )
    recursion_limit: int = Field(
        default=constants.LABELING_AGENT_RECURSION_LIMIT, ge=4, description="Most steps of the agent's graph."
    )
    max_requests: int = Field(default=100, ge=1, description="Most requests, those that failed included.")
    max_prompt_tokens: int = Field(default=1_000_000, ge=1, description="Most prompt tokens.")
    max_completion_tokens: int = Field(default=200_000, ge=256, description="Most completion tokens.")
    max_answer_tokens: int = Field(
        default=20_000, ge=256, description="Most completion tokens of one answer, reasoning included."
    )
    max_request_characters: int = Field(
        default=60_000, ge=30_000, description="Most characters of one request; older messages are left out."
    )
    prices: dict[str, Any] = Field(
        default={},
        description="US dollars per million tokens: {'gpt-5.1': {'prompt': 1.25, 'completion': 10}}.",
    )
    max_cost_usd: float | None = Field(
        default=None, gt=0, description="Most money, in US dollars; needs the price of the model."
    )
    reuse_labels: bool = Field(
        default=True, description="Keep the labels of an unchanged clustering when the step runs again."
    )
    verify_labels: bool = Field(
        default=False,
        description="Have held-out traces assigned by label, and report the share that lands right.",
    )
    verification_model: str = Field(
        default="", description="Model that verifies labels; empty: the same model."
    )
    verification_samples: int = Field(
        default=5, ge=1, le=20, description="Held-out traces per cluster, at most a quarter of it."
    )

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        try:
            llm = validate(values)
        except ValidationError as error:
            raise InvalidSettingsError(f"llm: {explain_validation(error, show=_show_value)}") from None
        if llm.temperature is not None and not 0 <= llm.temperature <= 2:
            raise InvalidSettingsError(f"llm: temperature = {llm.temperature!r} must be from 0 to 2")
        for model in llm.prices:
            llm.price(model)
        unpriced = [name for name in llm._models() if llm.price(name) is None]
        if llm.max_cost_usd is not None and unpriced:
            raise InvalidSettingsError(
                f"llm: max_cost_usd = {llm.max_cost_usd:g} needs the price of {unpriced[0]!r} in prices, "
                'for example {"prompt": 1.25, "completion": 10} in US dollars per million tokens'
            )
        return llm

    def _models(self) -> list[str]:
        return [
            self.model,
            *([self.verification_model] if self.verify_labels and self.verification_model else []),
        ]

    def connection(self, model: str = "") -> "Connection | None":
        """Return how the endpoint is reached, None if labels are to be made without one.

        The environment is read here, when a run needs it.

        Raises
        ------
        InvalidSettingsError
            If the address or the key cannot be one; the key is not shown.
        """
        key = (self.api_key or os.environ.get(API_KEY, "")).strip()
        base_url = (self.base_url or os.environ.get(BASE_URL, "")).strip()
        if self.labeler == "keywords" or not (key or base_url):
            return None
        if key and not _KEY.fullmatch(key):
            raise InvalidSettingsError(
                f"The key of the language model ({API_KEY}, or api_key of the llm resource) holds white "
                "space or characters that a key cannot have; copy it again"
            )
        from trace_clustering.labeling.endpoint.connection import Connection

        return Connection(
            model=model or self.model,
            base_url=_checked_address(base_url or _OPENAI),
            api_key=SecretStr(key or _NO_KEY),
            temperature=self.temperature,
            request_timeout_seconds=self.request_timeout_seconds,
            max_retries=self.max_retries,
            retry_delay_seconds=self.retry_delay_seconds,
            price=self.price(model or self.model),
        )

    def price(self, model: str) -> Price | None:
        """Return the price of a model, None if it is not in the table.

        Raises
        ------
        InvalidSettingsError
            If it is not two numbers from 0 on.
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

        Reading the summaries and finding terms have a time of their own beside that of the agent.
        """
        with_agent = self.timeout_seconds + constants.LABELING_STEP_MARGIN
        return max(constants.LLM_ACTIVITY_TIMEOUT, with_agent if self.labeler == "agent" else 0.0)


def _checked_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = (
            parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        sound = False
        parts = urlsplit("")
    if not sound or parts.username or parts.password or parts.query:
        # The address is not shown: somebody may have put a key into it.
        raise InvalidSettingsError(
            f"The address of the language model ({BASE_URL}, or base_url of the llm resource) must look like "
            f"https://host:port/v1, without user, password or query; a key belongs into {API_KEY}"
        )
    return url


def _show_value(path: tuple[int | str, ...], value: object) -> str:
    """Return a value as an error may show it: not a key, nor what may be a key under a mistyped name."""
    can_be_shown = path and path[0] in LLM.model_fields and path[0] not in ("api_key", "base_url")
    return repr(value) if can_be_shown else ""

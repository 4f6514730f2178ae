"""The resource `llm`: which model names clusters, how it is reached, and what it may use up."""

from dataclasses import fields
from typing import Any, Literal, Self

import dagster as dg
from pydantic import ConfigDict, ModelWrapValidatorHandler, model_validator

from trace_clustering import constants
from trace_clustering.errors import InvalidSettingsError, explain_invalid_settings
from trace_clustering.launchpad import optional
from trace_clustering.llm.access import API_KEY, BASE_URL, check_address, check_key, find_access
from trace_clustering.llm.endpoint.budget import MIN_ANSWER_TOKENS, MIN_REQUEST_CHARACTERS, Limits, Price
from trace_clustering.llm.endpoint.connection import Connection, list_own_parameters
from trace_clustering.llm.prices import parse_price
from trace_clustering.llm.settable import EndpointResource, Text


class LLM(EndpointResource):
    """An OpenAI-compatible endpoint that names clusters, and the limits that it works within.

    Without a key and without an address, clusters are labelled by keywords. A value that is out of bounds or
    contradicts another is refused with an `InvalidSettingsError`.
    """

    model_config = ConfigDict(extra="forbid")
    key = "llm"

    labeler: Literal["agent", "keywords"] = optional(
        "`agent`: a language model names the clusters, if there is a key or an address. "
        "`keywords`: no model is ever asked.",
        default="agent",
    )
    model: Text = optional(
        "Name of the model, as the endpoint knows it.",
        default=constants.LABELING_AGENT_MODEL,
        min_length=1,
    )
    base_url: Text = optional(
        "Address of an OpenAI-compatible endpoint, such as `http://localhost:11434/v1`. "
        "Empty: `OPENAI_BASE_URL`, else OpenAI.",
        default="",
    )
    api_key: Any = optional(
        "Key of the endpoint. Empty: `OPENAI_API_KEY`, if the endpoint is that of the environment. Name a "
        'variable of its own with `{"env": "TRACE_CLUSTERING_LLM_API_KEY_MISTRAL"}`, whose name begins like '
        "this one; a key that is typed in is stored with the run.",
        default="",
        secret=True,
    )
    temperature: float | None = optional(
        "Temperature of the model. None: the endpoint's own, since some models allow no other.",
        default=None,
        ge=0,
        le=2,
    )
    request_parameters: dict[str, Any] = optional(
        "Further parameters of each request, as the endpoint names them: "
        '`{"reasoning_effort": "low"}`. What it refuses is left out.',
        default={},
    )
    timeout_seconds: float = optional(
        "Time limit of the whole agent, waiting included. The step's own limit follows from it.",
        default=constants.LABELING_AGENT_TIMEOUT,
        gt=0,
    )
    max_iterations: int = optional(
        "Limit on the answers of the model.",
        default=constants.LABELING_AGENT_MAX_ITERATIONS,
        ge=1,
    )
    recursion_limit: int = optional(
        "Limit on the steps of the agent's graph; each answer takes about two.",
        default=constants.LABELING_AGENT_RECURSION_LIMIT,
        ge=4,
    )
    max_requests: int = optional(
        "Limit on the requests, failed ones included.",
        default=100,
        ge=1,
    )
    max_prompt_tokens: int = optional(
        "Limit on the prompt tokens, as the endpoint counts them, else estimated.",
        default=1_000_000,
        ge=1,
    )
    max_completion_tokens: int = optional(
        "Limit on the completion tokens, as the endpoint counts them, else estimated.",
        default=200_000,
        ge=MIN_ANSWER_TOKENS,
    )
    max_cost_usd: float | None = optional(
        "Limit on the cost, in US dollars; needs the price of each model. None: no limit.",
        default=None,
        gt=0,
    )
    prices: dict[str, Any] = optional(
        "Prices by model, in US dollars per million tokens: "
        '`{"gpt-5.1": {"prompt": 1.25, "completion": 10}}`. Look up those of today.',
        default={},
    )
    max_answer_tokens: int = optional(
        "Limit on the completion tokens of one answer, reasoning included.",
        default=20_000,
        ge=MIN_ANSWER_TOKENS,
    )
    max_request_characters: int = optional(
        "Limit on the characters of one request; the oldest messages are left out.",
        default=60_000,
        ge=MIN_REQUEST_CHARACTERS,
    )
    request_timeout_seconds: float = optional(
        "Time limit of one request.",
        default=120.0,
        gt=0,
    )
    max_retries: int = optional(
        "How often each request is tried again after status 429 or 5xx, a time-out, "
        "a dropped connection or an unreadable answer.",
        default=4,
        ge=0,
        le=20,
    )
    retry_delay_seconds: float = optional(
        "Wait before the first retry. It doubles with each retry, up to 60 s, and is never less "
        "than `Retry-After` asks for.",
        default=1.0,
        ge=0,
    )
    reuse_labels: bool = optional(
        "Keep the stored labels of an unchanged clustering when the step runs again.",
        default=True,
    )
    verify_labels: bool = optional(
        "Measure how good the labels are: a model assigns traces to clusters by their labels.",
        default=False,
    )
    verification_model: Text = optional(
        "Model that assigns these traces. Empty: the one that names the clusters.",
        default="",
    )
    verification_samples: int = optional(
        "Traces per cluster that are kept from the agent for this, at most a quarter of it.",
        default=5,
        ge=1,
        le=20,
    )

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        with explain_invalid_settings("llm", show=_show_value):
            llm = validate(values)
        check_address(llm.base_url)
        check_key(llm.api_key)
        if own := list_own_parameters(llm.request_parameters):
            raise InvalidSettingsError(
                f"llm: request_parameters holds {own[0]!r}, which other settings decide; see "
                "model, temperature and max_answer_tokens"
            )
        for model in llm.prices:
            llm.price(model)
        unpriced = [name for name in llm._list_models() if llm.price(name) is None]
        if llm.max_cost_usd is not None and unpriced:
            raise InvalidSettingsError(
                f"llm: max_cost_usd = {llm.max_cost_usd:g} needs the price of {unpriced[0]!r} in prices, "
                'for example {"prompt": 1.25, "completion": 10} in US dollars per million tokens'
            )
        return llm

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Refuse a wrong value of the environment, and warn of an endpoint that cannot be asked, at once."""
        llm = self.resolve()
        try:
            llm.connection()
        except InvalidSettingsError as error:
            if context.log:
                context.log.warning(f"Labeling: no language model can be asked. {error}")

    def explain_absence(self) -> str:
        """Return why there is no connection, as a sentence."""
        if self.labeler == "keywords":
            return "no language model was asked: labeler is keywords"
        return f"no language model was asked: there is no key ({API_KEY}) and no address ({BASE_URL})"

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
        access = find_access(self.base_url, self.api_key) if self.labeler == "agent" else None
        if access is None:
            return None
        return Connection(
            model=model or self.model,
            base_url=access.base_url,
            api_key=access.api_key,
            temperature=self.temperature,
            request_timeout_seconds=self.request_timeout_seconds,
            max_retries=self.max_retries,
            retry_delay_seconds=self.retry_delay_seconds,
            price=self.price(model or self.model),
            is_of_environment=access.is_of_environment,
            request_parameters=dict(self.request_parameters),
        )

    def price(self, model: str) -> Price | None:
        """Return the price of a model; None if `prices` has none.

        Raises
        ------
        InvalidSettingsError
            If the price is not two numbers of at least 0.
        """
        entry = self.prices.get(model)
        return None if entry is None else parse_price(model, entry)

    def limits(self) -> Limits:
        """Return the hard limits of one run of the agent."""
        return Limits(**{field.name: getattr(self, field.name) for field in fields(Limits)})

    def step_timeout(self) -> float:
        """Return the time limit, in seconds, of the step in which the agent runs.

        Reading the summaries and finding terms get time beside that of the agent.
        """
        with_agent = self.timeout_seconds + constants.LABELING_STEP_MARGIN
        return max(constants.LLM_ACTIVITY_TIMEOUT, with_agent if self.labeler == "agent" else 0.0)


def _show_value(path: tuple[int | str, ...], value: object) -> str:
    """Return a value for an error message; empty if it may be a key, as in unknown fields."""
    can_be_shown = (
        path and path[0] in LLM.model_fields and path[0] not in ("api_key", "base_url", "request_parameters")
    )
    return repr(value) if can_be_shown else ""

"""The resource `embedder`: which model turns the texts of documents into vectors, and what it may use up."""

import logging
import math
from collections.abc import Mapping
from typing import Any, Literal, Self

import dagster as dg
from pydantic import ConfigDict, ModelWrapValidatorHandler, model_validator

from trace_clustering import constants
from trace_clustering.documents.local_model import LOCAL_MODEL, LocalModel
from trace_clustering.documents.text_embedder import TextEmbedder
from trace_clustering.errors import EmbedderSetupError, InvalidSettingsError, explain_invalid_settings
from trace_clustering.launchpad import optional
from trace_clustering.llm.access import (
    API_KEY,
    BASE_URL,
    check_address,
    check_key,
    find_access,
)
from trace_clustering.llm.endpoint.budget import MIN_ANSWER_TOKENS, Budget, Limits, Price, Usage
from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.llm.settable import EndpointResource, Text

_LOG = logging.getLogger(__name__)


class Embedder(EndpointResource):
    """What turns texts into vectors: a model on this machine, unless an endpoint is asked for.

    A value that is out of bounds or contradicts another is refused with an `InvalidSettingsError`.
    """

    model_config = ConfigDict(extra="forbid")
    key = "embedder"

    kind: Literal["local", "endpoint"] = optional(
        "`local`: a model on this machine, which needs no key and sends nothing away. "
        "`endpoint`: an OpenAI-compatible endpoint, which gets the texts of all summaries.",
        default="local",
    )
    model: Text = optional(
        "Name of the endpoint's model. Empty: "
        f"`{constants.EMBEDDING_MODEL}`, and on this machine `{LOCAL_MODEL}`.",
        default="",
    )
    base_url: Text = optional(
        "Address of the endpoint, such as `http://localhost:11434/v1`. "
        "Empty: `OPENAI_BASE_URL`, else OpenAI.",
        default="",
    )
    api_key: Any = optional(
        "Key of the endpoint. Empty: `OPENAI_API_KEY`, if the endpoint is that of the environment. Name a "
        'variable of its own with `{"env": "TRACE_CLUSTERING_EMBEDDER_API_KEY_MISTRAL"}`, whose name begins '
        "like this one; a key that is typed in is stored with the run.",
        default="",
        secret=True,
    )
    dimensions: int | None = optional(
        "Length of the vectors that the endpoint is asked for. None: the model's own.",
        default=None,
        ge=1,
    )
    prefix: Text = optional(
        "Put before each text for the endpoint, since some models want to know the purpose: `clustering: ` "
        "for `nomic-embed-text`, `query: ` for E5.",
        default="",
    )
    batch_size: int | None = optional(
        "Texts that are embedded together. None: 64 on this machine, 256 by an endpoint, "
        "which gets fewer if it takes fewer.",
        default=None,
        ge=1,
        le=2048,
    )
    max_request_characters: int = optional(
        "Limit on the characters of one request.",
        default=300_000,
        ge=1_000,
    )
    max_requests: int = optional("Limit on the requests, failed ones included.", default=10_000, ge=1)
    max_prompt_tokens: int = optional(
        "Limit on the tokens, as the endpoint counts them, else estimated.",
        default=20_000_000,
        ge=1,
    )
    max_cost_usd: float | None = optional(
        "Limit on the cost, in US dollars; needs `price_usd`. None: no limit.",
        default=None,
        gt=0,
    )
    price_usd: float | None = optional(
        "Price of the model, in US dollars per million tokens. None: costs are not counted.",
        default=None,
        ge=0,
        allow_inf_nan=False,
    )
    timeout_seconds: float = optional("Time limit of all requests together.", default=3600.0, gt=0)
    request_timeout_seconds: float = optional("Time limit of one request.", default=120.0, gt=0)
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

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        with explain_invalid_settings(Embedder.key, show=_show_value):
            embedder = validate(values)
        check_address(embedder.base_url, resource=Embedder.key)
        check_key(embedder.api_key, resource=Embedder.key)
        return embedder

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002 - Dagster's
        """Refuse a wrong value before the first step of a run; a team may still change the others."""
        self.resolve()

    def load(
        self,
        of_team: Mapping[str, Any] | None = None,
        *,
        seconds: float = math.inf,
        log: logging.Logger = _LOG,
    ) -> TextEmbedder:
        """Return what embeds texts, as `resolve` sets it up; a local model is read into memory.

        Parameters
        ----------
        of_team : mapping, optional
            Fields that the settings of the team give.
        seconds : float
            What is left of the step's time.
        log : logging.Logger
            Is told of retries, and of texts that get no vector.

        Raises
        ------
        EmbedderSetupError
            If the local model is not installed, or there is no endpoint.
        InvalidSettingsError
            If a field is not allowed, or contradicts another.
        """
        embedder = self.resolve(of_team)
        embedder._require_agreement()
        if embedder.kind == "local":
            return TextEmbedder(LocalModel(embedder.batch_size or 64))
        from trace_clustering.documents.endpoint_model import EndpointModel

        limits = embedder._limit()
        model = EndpointModel(
            embedder._connect(),
            Budget(limits, Usage(), seconds),
            log,
            dimensions=embedder.dimensions,
            prefix=embedder.prefix,
            batch_size=embedder.batch_size or 256,
            max_request_characters=embedder.max_request_characters,
        )
        named = ("max_requests", "max_prompt_tokens", "timeout_seconds", "max_cost_usd")
        told = [limits.describe(name) for name in named if getattr(limits, name) is not None]
        log.info(f"Embedding: texts go to {model.name}, with {', '.join(told)}")
        return TextEmbedder(model)

    def _require_agreement(self) -> None:
        """Check the fields against each other, once those of all origins are put together."""
        if self.kind == "local" and self.model not in ("", LOCAL_MODEL):
            raise InvalidSettingsError(
                f"{self.key}: model = {self.model!r} is not on this machine, where there is {LOCAL_MODEL}; "
                "leave model empty, or set kind to endpoint"
            )
        if self.max_cost_usd is not None and self.price_usd is None:
            raise InvalidSettingsError(
                f"{self.key}: max_cost_usd = {self.max_cost_usd:g} needs price_usd, the price of the model "
                "in US dollars per million tokens"
            )

    def _connect(self) -> Connection:
        access = find_access(self.base_url, self.api_key, resource=Embedder.key)
        if access is None:
            raise EmbedderSetupError(
                f"{Embedder.key}: kind is endpoint, but there is no key ({API_KEY}) and no address "
                f"({BASE_URL}); set one of them, or kind to local"
            )
        return Connection(
            model=self.model or constants.EMBEDDING_MODEL,
            base_url=access.base_url,
            api_key=access.api_key,
            temperature=None,
            request_timeout_seconds=self.request_timeout_seconds,
            max_retries=self.max_retries,
            retry_delay_seconds=self.retry_delay_seconds,
            price=None if self.price_usd is None else Price(self.price_usd, 0.0),
            is_of_environment=access.is_of_environment,
        )

    def _limit(self) -> Limits:
        """Return the limits of the requests; those of answers have no effect, as vectors are no tokens."""
        return Limits(
            max_iterations=self.max_requests,
            recursion_limit=self.max_requests,
            timeout_seconds=self.timeout_seconds,
            max_requests=self.max_requests,
            max_prompt_tokens=self.max_prompt_tokens,
            max_completion_tokens=MIN_ANSWER_TOKENS,
            max_cost_usd=self.max_cost_usd,
            max_request_characters=self.max_request_characters,
            max_answer_tokens=MIN_ANSWER_TOKENS,
        )


def _show_value(path: tuple[int | str, ...], value: object) -> str:
    """Return a value for an error message; empty if it may be a key, as in unknown fields."""
    can_be_shown = path and path[0] in Embedder.model_fields and path[0] not in ("api_key", "base_url")
    return repr(value) if can_be_shown else ""

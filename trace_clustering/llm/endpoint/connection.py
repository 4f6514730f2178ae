"""How an endpoint is reached; apart from the client, whose libraries take seconds to import."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from trace_clustering.llm.endpoint.budget import Price

# What a request holds anyhow, and what would change the form of its answer.
_OWN_PARAMETERS = frozenset(
    [
        "model",
        "messages",
        "input",
        "tools",
        "temperature",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "stream",
        "n",
    ]
)


def list_own_parameters(parameters: Iterable[str]) -> list[str]:
    """Return those parameters that no setting may name."""
    return [name for name in parameters if name in _OWN_PARAMETERS]


@dataclass(frozen=True)
class Connection:
    """Address, model, key and price of an endpoint, and how requests are made; the repr hides the key.

    Attributes
    ----------
    is_of_environment : bool
        Whether the address is that of the environment, or OpenAI's, so that it may get what the environment
        holds for it.
    request_parameters : dict
        Further parameters of each request.
    """

    model: str
    base_url: str
    api_key: SecretStr
    temperature: float | None
    request_timeout_seconds: float
    max_retries: int
    retry_delay_seconds: float
    price: Price | None
    is_of_environment: bool = True
    request_parameters: dict[str, Any] = field(default_factory=dict)

"""How an endpoint is reached. Light, so that the resource needs no client library to describe it."""

from dataclasses import dataclass

from pydantic import SecretStr

from trace_clustering.labeling.endpoint.budget import Price


@dataclass(frozen=True)
class Connection:
    """Where an endpoint is, how to speak to it, and what it costs; the key stays out of its repr."""

    model: str
    base_url: str
    api_key: SecretStr
    temperature: float | None
    request_timeout_seconds: float
    max_retries: int
    retry_delay_seconds: float
    price: Price | None

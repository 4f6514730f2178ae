"""How an endpoint is reached; apart from the client, whose libraries take seconds to import."""

from dataclasses import dataclass

from pydantic import SecretStr

from trace_clustering.labeling.endpoint.budget import Price


@dataclass(frozen=True)
class Connection:
    """Address, model, key and price of an endpoint, and how requests are made; the repr hides the key."""

    model: str
    base_url: str
    api_key: SecretStr
    temperature: float | None
    request_timeout_seconds: float
    max_retries: int
    retry_delay_seconds: float
    price: Price | None

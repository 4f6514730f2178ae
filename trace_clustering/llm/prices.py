"""What the models of an endpoint cost, as the field `prices` of the resource `llm` says it."""

from dataclasses import asdict
from typing import Any

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.endpoint.budget import Price


def parse_price(model: str, entry: Any) -> Price:  # noqa: ANN401 - whatever stands in the configuration
    """Return the price of a model.

    Raises
    ------
    InvalidSettingsError
        If the entry is not two numbers of at least 0.
    """
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

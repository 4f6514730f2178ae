"""Tokens and cost of a span of OpenTelemetry."""

from typing import Final, NamedTuple

from trace_clustering.sources.formats import langfuse_usage
from trace_clustering.sources.otel import names
from trace_clustering.sources.otel.attributes import Attributes, find_first
from trace_clustering.sources.values import read_count, read_mapping, read_number

_LANGFUSE: Final = "langfuse.observation."


class Usage(NamedTuple):
    """Numbers of tokens, and US dollars."""

    input_tokens: int | None
    output_tokens: int | None
    cost: float | None


def read_usage(attributes: Attributes) -> Usage:
    """Return what a span used, as far as it says so.

    Raises
    ------
    BadValueError
        If a number is none.
    """
    details = {name: attributes.get(_LANGFUSE + name) for name in ("usage_details", "cost_details")}
    if any(details.values()):
        return Usage(*langfuse_usage.read_tokens(details), langfuse_usage.read_cost(details))
    told = {**_read_mlflow(attributes), **attributes}
    return Usage(
        _count_input(told),
        read_count(find_first(told, *names.OUTPUT_TOKENS), "the number of output tokens"),
        read_number(find_first(told, *names.COST), "the cost"),
    )


def _read_mlflow(attributes: Attributes) -> dict[str, object]:
    usage = read_mapping(attributes.get("mlflow.chat.tokenUsage"))
    return {f"gen_ai.usage.{name}": usage.get(name) for name in ("input_tokens", "output_tokens")}


def _count_input(attributes: Attributes) -> int | None:
    """Return all input tokens; some libraries leave out what was read from and written to a cache."""
    tokens = read_count(find_first(attributes, *names.INPUT_TOKENS), "the number of input tokens")
    kinds = (names.CACHE_READ_TOKENS, names.CACHE_WRITE_TOKENS)
    counts = (read_count(find_first(attributes, *kind), "the number of cached tokens") for kind in kinds)
    cached = sum(count or 0 for count in counts)
    return tokens + cached if tokens is not None and cached > tokens else tokens

"""Reads tokens and costs of LangSmith's runs, which stand in one of several places."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from trace_clustering.sources.formats.contract import Record
from trace_clustering.sources.spans import add_known
from trace_clustering.sources.values import read_count, read_mapping, read_number

_INPUT: Final = ("input_tokens", "prompt_tokens")
_OUTPUT: Final = ("output_tokens", "completion_tokens")


def read_tokens(run: Record) -> tuple[int | None, int | None]:
    """Return the numbers of tokens that went in and came out.

    Raises
    ------
    BadValueError
        If one is no number.
    """
    for usage in [run, *_list_usages(run)]:
        given, made = _read_first(usage, _INPUT), _read_first(usage, _OUTPUT)
        # LangSmith writes 0 where it knows nothing.
        if given or made:
            return given, made
    return None, None


def read_cost(run: Record) -> float | None:
    """Return the cost in US dollars.

    Raises
    ------
    BadValueError
        If it is no number.
    """
    total = read_number(run.get("total_cost"), "total_cost")
    if total is None:
        parts = (read_number(run.get(name), name) for name in ("prompt_cost", "completion_cost"))
        total = add_known(parts)
    if total is None:
        costs = (read_number(usage.get("total_cost"), "total_cost") for usage in _list_usages(run))
        total = next((cost for cost in costs if cost is not None), None)
    return total


def _list_usages(run: Record) -> Iterator[Mapping[str, Any]]:
    outputs, metadata = read_mapping(run.get("outputs")), read_mapping(run.get("metadata"))
    yield read_mapping(metadata.get("usage_metadata"))
    for name in ("usage_metadata", "usage", "token_usage"):
        yield read_mapping(outputs.get(name))
    yield read_mapping(read_mapping(outputs.get("llm_output")).get("token_usage"))
    message = _find_message(outputs)
    yield read_mapping(message.get("usage_metadata"))
    yield read_mapping(read_mapping(message.get("response_metadata")).get("token_usage"))


def _find_message(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first message that LangChain generated."""
    found = outputs.get("generations")
    while isinstance(found, list):
        found = found[0] if found else None
    message = read_mapping(read_mapping(found).get("message"))
    return read_mapping(message.get("kwargs")) or message


def _read_first(usage: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    counts = (read_count(usage.get(name), name) for name in names)
    return next((count for count in counts if count is not None), None)

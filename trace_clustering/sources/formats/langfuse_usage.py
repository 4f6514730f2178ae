"""Reads tokens and costs of an observation of Langfuse."""

from collections.abc import Mapping
from typing import Any

from trace_clustering.sources.spans import add_known
from trace_clustering.sources.values import read_count, read_mapping, read_name, read_number


def read_tokens(row: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return the tokens that went in, with those that a cache answered, and those that came out.

    Langfuse counts each kind apart (`input`, `input_cached_tokens`, `output_reasoning_tokens`, ...) and
    shows their sum. Where the plain kinds already make up the total, the others are parts of them.
    """
    details = row.get("usage_details")
    if details is None:
        return _read_old_usage(read_mapping(row.get("usage")))
    usage = {
        name: read_count(value, f"usage_details[{name!r}]") for name, value in read_mapping(details).items()
    }
    plain, total = (usage.get("input"), usage.get("output")), usage.get("total")
    if total is not None and None not in plain and add_known(plain) == total:
        return plain
    return (
        add_known(count for name, count in usage.items() if "input" in name.lower()),
        add_known(count for name, count in usage.items() if "output" in name.lower()),
    )


def _read_old_usage(usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return the tokens of what the API gave before it had details; nought is how it writes unknown."""
    if read_name(usage.get("unit")).upper() not in ("", "TOKENS"):
        return None, None
    tokens = [read_count(usage.get(name), f"usage.{name}") or None for name in ("input", "output")]
    return tokens[0], tokens[1]


def read_cost(row: Mapping[str, Any]) -> float | None:
    """Return the cost in US dollars; nought without details is how Langfuse writes that it knows none."""
    details = read_mapping(row.get("cost_details"))
    total = read_number(row.get("total_cost"), "total_cost")
    if total:
        return total
    if "total" in details:
        return read_number(details["total"], "cost_details['total']")
    return add_known(read_number(value, f"cost_details[{name!r}]") for name, value in details.items())

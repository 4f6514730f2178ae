"""What the environment sets of a resource: `TRACE_CLUSTERING_LLM_MODEL` sets `model` of `llm`, and so on."""

import json
import os
from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.access import API_KEY, BASE_URL, KEYS_OF_EMBEDDER

PREFIX = "TRACE_CLUSTERING_LLM_"
PREFIX_OF_EMBEDDER = "TRACE_CLUSTERING_EMBEDDER_"
_PREFIXES = {"llm": PREFIX, "embedder": PREFIX_OF_EMBEDDER}
# These have names that other programs know too. The address of the embedder may be one of its own.
_NAMED_OTHERWISE = {"llm": {"base_url": BASE_URL, "api_key": API_KEY}, "embedder": {"api_key": API_KEY}}


def name_variable(field: str, resource: str = "llm") -> str:
    """Return the name of the variable that sets a field."""
    return _NAMED_OTHERWISE[resource].get(field, _PREFIXES[resource] + field.upper())


def read_fields(known: Mapping[str, FieldInfo], resource: str = "llm") -> dict[str, Any]:
    """Return the fields that the environment sets, by name; their values are not checked.

    Raises
    ------
    InvalidSettingsError
        If a variable begins like these and sets no field.
    """
    prefix, named_otherwise = _PREFIXES[resource], _NAMED_OTHERWISE[resource]
    variables = {name_variable(field, resource): field for field in known if field not in named_otherwise}
    found = {}
    for name, text in sorted(os.environ.items()):
        # Variables that hold keys have names that begin so; a field names them.
        is_key = name.startswith(f"{prefix}API_KEY")
        if not name.upper().startswith(prefix) or is_key or not text.strip():
            continue
        if name not in variables:
            raise InvalidSettingsError(
                f"The variable {name} sets no field of the {resource} resource; use one of "
                f"{', '.join(variables)}, or {BASE_URL} and {API_KEY}"
            )
        found[variables[name]] = _parse(name, text.strip())
    if resource == "embedder" and os.environ.get(KEYS_OF_EMBEDDER, "").strip():
        found["api_key"] = {"env": KEYS_OF_EMBEDDER}
    return found


def _parse(name: str, text: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidSettingsError(f"The variable {name} is not JSON: {error}") from None

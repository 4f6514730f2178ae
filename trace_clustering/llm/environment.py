"""What the environment sets of the resource `llm`: `TRACE_CLUSTERING_LLM_MODEL` sets `model`, and so on."""

import json
import os
from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.access import API_KEY, BASE_URL, KEYS_FOR_RUNS

PREFIX = "TRACE_CLUSTERING_LLM_"
# These have names that other programs know too.
_NAMED_OTHERWISE = {"base_url": BASE_URL, "api_key": API_KEY}


def name_variable(field: str) -> str:
    """Return the name of the variable that sets a field."""
    return _NAMED_OTHERWISE.get(field, PREFIX + field.upper())


def read_fields(known: Mapping[str, FieldInfo]) -> dict[str, Any]:
    """Return the fields that the environment sets, by name; their values are not checked.

    Raises
    ------
    InvalidSettingsError
        If a variable begins like these and sets no field.
    """
    variables = {name_variable(field): field for field in known if field not in _NAMED_OTHERWISE}
    found = {}
    for name, text in sorted(os.environ.items()):
        if not name.upper().startswith(PREFIX) or name.startswith(KEYS_FOR_RUNS) or not text.strip():
            continue
        if name not in variables:
            raise InvalidSettingsError(
                f"The variable {name} sets no field of the llm resource; use one of {', '.join(variables)}, "
                f"or {BASE_URL} and {API_KEY}"
            )
        found[variables[name]] = _parse(name, text.strip())
    return found


def _parse(name: str, text: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidSettingsError(f"The variable {name} is not JSON: {error}") from None

"""Attributes of OpenTelemetry: their names are paths, and lists may be spread over numbered names."""

from collections.abc import Mapping
from typing import Any, Final

from trace_clustering.sources.messages import parse_json_text
from trace_clustering.sources.messages.written import parse_python

Attributes = Mapping[str, Any]
# Of pandas, a list in a CSV file is a Python literal.
MAX_LITERAL_CHARACTERS: Final = 1_000_000


def flatten_attributes(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested attributes as flat ones; lists stay as they are."""
    flat: dict[str, Any] = {}
    stack: list[tuple[str, Any]] = [(prefix, value)]
    while stack:
        name, inner = stack.pop()
        if isinstance(inner, Mapping):
            stack += [(f"{name}.{key}" if name else str(key), item) for key, item in inner.items()]
        elif inner is not None:
            flat[name] = inner
    return flat


def find_first(attributes: Attributes, *names: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the first of these attributes that has a value; None if none has."""
    return next((attributes[name] for name in names if attributes.get(name) not in (None, "")), None)


def collect_list(attributes: Attributes, name: str) -> list[Any]:
    """Return a list of objects, however it is written.

    It may be a list, JSON or a Python literal in a text, or spread over `name.0.field`, `name.1.field`, ...
    The names of fields within may be paths, too.
    """
    value = parse_literal(attributes.get(name))
    if isinstance(value, list):
        return [nest_names(item) for item in value]
    start = name + "."
    flat = {key[len(start) :]: inner for key, inner in attributes.items() if key.startswith(start)}
    nested = nest_names({key: inner for key, inner in flat.items() if key.split(".")[0].isdecimal()})
    return nested if isinstance(nested, list) else []


def nest_names(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return objects whose names are paths as nested objects, and as a list where all names are numbers."""
    if isinstance(value, list):
        return [nest_names(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if not any("." in key or key.isdecimal() for key in map(str, value)):
        return {str(key): nest_names(inner) for key, inner in value.items()}
    groups: dict[str, Any] = {}
    for key, inner in value.items():
        head, _, tail = str(key).partition(".")
        if not tail:
            groups[head] = {**groups[head], **inner} if _are_mappings(groups.get(head), inner) else inner
        else:
            group = groups.setdefault(head, {})
            if isinstance(group, dict):
                group[tail] = inner
    nested = {key: nest_names(inner) for key, inner in groups.items()}
    if nested and all(key.isdecimal() for key in nested):
        return [nested[key] for key in sorted(nested, key=lambda number: (len(number), number))]
    return nested


def parse_literal(value: object) -> object:
    """Return what a text holds that is JSON or a Python literal; any other value as it is."""
    parsed = parse_json_text(value)
    if isinstance(parsed, str) and parsed[:1] in ("[", "{") and len(parsed) <= MAX_LITERAL_CHARACTERS:
        literal = parse_python(parsed)
        return parsed if literal is None else literal
    return parsed


def _are_mappings(*values: object) -> bool:
    return all(isinstance(value, Mapping) for value in values)

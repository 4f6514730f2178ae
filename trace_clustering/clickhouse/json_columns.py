"""Compares JSON with what a column of the type JSON gives back of it."""

import re
from datetime import UTC, datetime
from typing import Any, Final

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")


def hold_same_values(stored: Any, written: Any) -> bool:  # noqa: ANN401 - any JSON
    """Return whether two values are equal in what a JSON column keeps.

    Such a column drops null and empty objects, takes a dot in a key for nesting, writes 1.0 as 1, and may
    write a time in another form.
    """
    return bool(_normalize(stored) == _normalize(written))


def _normalize(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_normalize(item) for item in value]
    if isinstance(value, str) and _TIME.match(value):
        return _normalize_time(value)
    if not isinstance(value, dict):
        return value
    paths: dict[str, Any] = {}
    for path, leaf in _list_leaves(value, ()):
        paths[".".join(path)] = leaf
    return paths


def _normalize_time(text: str) -> datetime | str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _list_leaves(value: dict[str, Any], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    leaves: list[tuple[tuple[str, ...], Any]] = []
    for key, item in value.items():
        if isinstance(item, dict):
            leaves += _list_leaves(item, (*path, key))
        elif item is not None:
            leaves.append(((*path, key), _normalize(item)))
    return leaves

"""JSON in attributes that were cut: many programs limit the length of an attribute."""

import json
import re
from typing import Final

from trace_clustering.sources.messages import parse_json_text

# What stands for the rest of a text.
_CUT: Final = "…"
_MARK: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?P<end>")?|[\[\]{}]', re.DOTALL)
_HALF_ESCAPE: Final = re.compile(r"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)$")
_CLOSING: Final = {"[": "]", "{": "}"}


def parse_cut_json(value: object) -> object:
    """Return what a text holds that is a JSON array or object, as much as is left of it.

    A text within it that was cut ends with "…". Any other value is returned as it is.
    """
    parsed = parse_json_text(value)
    if not isinstance(parsed, str) or not parsed.lstrip().startswith(("[{", '{"')):
        return parsed
    closed = _close(parsed.lstrip())
    try:
        return json.loads(closed)
    except (ValueError, RecursionError):
        return _read_complete_items(parsed) or parsed


def _close(text: str) -> str:
    """Return a text with the quotes and brackets that it lacks at its end."""
    open_brackets: list[str] = []
    is_in_text = False
    for found in _MARK.finditer(text):
        mark = found[0]
        if mark in _CLOSING:
            open_brackets.append(mark)
        elif mark in "]}":
            if open_brackets:
                open_brackets.pop()
        else:
            is_in_text = found["end"] is None
    if is_in_text:
        half = _HALF_ESCAPE.search(text)
        text = (text[: half.start(1)] if half else text) + _CUT + '"'
    else:
        text = text.rstrip().rstrip(",")
    return text + "".join(_CLOSING[bracket] for bracket in reversed(open_brackets))


def _read_complete_items(text: str) -> list[object]:
    """Return the items of an array before that which was cut."""
    items: list[object] = []
    decoder = json.JSONDecoder()
    position = text.find("[") + 1
    while position:
        try:
            item, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        items.append(item)
        position = text.find("{", end)  # 0 never: an item stands before
        if position < 0:
            break
    return items

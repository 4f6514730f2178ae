"""JSON for a model: without white space, valid in any request, and short enough for the room there is."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from trace_clustering.llm.endpoint.request_size import measure_text


def dump_json(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return JSON without white space and without lone surrogates."""
    return replace_surrogates(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def replace_surrogates(text: str) -> str:
    """Return a text with `?` for each lone surrogate, since UTF-8, and so a request, cannot hold one."""
    return text.encode("utf-8", "replace").decode("utf-8")


def fit_rows(build: Callable[[int], list[Any]], details: Iterable[int], room: int) -> str:
    """Return a list of rows as JSON, in as much detail as fits into `room` characters.

    Parameters
    ----------
    build : callable
        Makes the rows for a level of detail.
    details : iterable of int
        Levels to try, the most detailed first. If even the last is too long, rows at the end are left out,
        and a last row says how many.
    room : int
        Characters that the JSON may take in a request.
    """
    rows: list[Any] = []
    for detail in details:
        rows = build(detail)
        text = dump_json(rows)
        if measure_text(text) <= room:
            return text
    kept: list[Any] = []
    left = room - 40  # for the last row, which counts the others
    for row in rows:
        left -= measure_text(dump_json(row))
        if left < 0:
            break
        kept.append(row)
    return dump_json([*kept, {"rows_left_out": len(rows) - len(kept)}])


def shorten(text: str, max_length: int) -> str:
    """Return a text of at most `max_length` characters, with an ellipsis where it was cut."""
    return text if len(text) <= max_length else text[: max(max_length - 1, 0)] + "…"


def write_refusal(reason: str, room: int) -> str:
    """Return an error that tells the model what to do, within `room` characters.

    A request escapes the reason twice, so that one character can take seven: hence an eighth of the room.
    """
    return dump_json({"error": shorten(reason, min(500, room // 8))})

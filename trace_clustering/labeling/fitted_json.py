"""What tools answer: compact JSON that fits into the room there is."""

import json
from collections.abc import Callable, Iterable
from typing import Any


def compact(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return JSON without white space, and without lone surrogates, which no request can carry."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode("utf-8")


def fitted(build: Callable[[int], list[Any]], details: Iterable[int], room: int) -> str:
    """Return a list in as much detail as fits into `room` characters.

    Parameters
    ----------
    build : callable
        Makes the list for a level of detail.
    details : iterable of int
        Levels to try, the most detailed first. If even the last is too long, the list loses its end,
        and says how many rows are left out.
    room : int
        Characters that the answer may take in a request.
    """
    rows: list[Any] = []
    for detail in details:
        rows = build(detail)
        text = compact(rows)
        if size_in_request(text) <= room:
            return text
    kept: list[Any] = []
    left = room - 40  # for the note at the end
    for row in rows:
        left -= size_in_request(compact(row))
        if left < 0:
            break
        kept.append(row)
    return compact([*kept, {"rows_left_out": len(rows) - len(kept)}])


def size_in_request(text: str) -> int:
    """Return the characters that a text takes in a request, where quotes and line breaks are escaped."""
    return len(json.dumps(text, ensure_ascii=False))


def cut(text: str, room: int) -> str:
    """Return a sentence, cut to the room there is."""
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


def refusal(reason: str, room: int) -> str:
    """Return an error for the model to act on, short enough however much its characters need escaping."""
    return compact({"error": cut(reason, min(500, room // 8))})

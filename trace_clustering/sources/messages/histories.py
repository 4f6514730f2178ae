"""Histories that were read before, so that a call which repeats one is read from its end on.

Without this, the work for a conversation grows with the square of its length.
"""

import json
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from trace_clustering.sources.messages.message import Message

# Histories that are remembered: agents of one trace take turns.
_MAX_HISTORIES: Final = 4


class ReadHistory:
    """The items of a history, and the messages that were read of them.

    Attributes
    ----------
    items : list
    messages : list of Message
    """

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.messages: list[Message] = []
        self._ends: list[int] = []  # of each item, how many messages there are up to it

    def add(self, item: object, messages: Sequence[Message]) -> None:
        """Add an item with its messages."""
        self.items.append(item)
        self.messages += messages
        self._ends.append(len(self.messages))

    def count_same(self, items: Sequence[object]) -> int:
        """Return with how many of these items the history begins."""
        pairs = enumerate(zip(self.items, items, strict=False))
        different = (number for number, (one, other) in pairs if one is not other and one != other)
        return next(different, min(len(self.items), len(items)))

    def copy_until(self, count: int) -> "ReadHistory":
        """Return a history of the first items."""
        copy = ReadHistory()
        copy.items, copy._ends = self.items[:count], self._ends[:count]
        copy.messages = self.messages[: self._ends[count - 1]] if count else []
        return copy


class KnownHistories:
    """The last histories that were read, as text and as items."""

    def __init__(self) -> None:
        self._histories: deque[ReadHistory] = deque(maxlen=_MAX_HISTORIES)
        self._texts: deque[tuple[str, list[Any]]] = deque(maxlen=_MAX_HISTORIES)

    def parse(self, value: object) -> object:
        """Return the items of a text that is a list in JSON; any other value as it is."""
        if not isinstance(value, str) or not value.startswith("[") or not value.rstrip().endswith("]"):
            return value
        beginning = value.rstrip()[:-1].rstrip()
        items = self._parse_rest(beginning)
        if items is None:
            try:
                items = json.loads(value)
            except (ValueError, RecursionError):
                return value
        self._texts.append((beginning, items))
        return items

    def continue_best(self, items: Sequence[object]) -> ReadHistory:
        """Return what is known of these items, which is more to be added to."""
        counts = [(known.count_same(items), position) for position, known in enumerate(self._histories)]
        count, position = max(counts, default=(0, 0))
        return self._histories[position].copy_until(count) if count else ReadHistory()

    def remember(self, history: ReadHistory) -> None:
        """Remember a history; those with which it begins are remembered with it."""
        begun = [known for known in self._histories if known.count_same(history.items) == len(known.items)]
        for known in begun:
            self._histories.remove(known)
        self._histories.append(history)

    def _parse_rest(self, beginning: str) -> list[Any] | None:
        """Return the items of a list that begins as one before, of which only the others are parsed."""
        for position, (known, items) in enumerate(self._texts):
            rest = beginning[len(known) :].lstrip() if beginning.startswith(known) else ""
            if rest.startswith(",") and items:
                try:
                    added = json.loads(f"[{rest[1:]}]")
                except (ValueError, RecursionError):
                    return None
                del self._texts[position]
                return [*items, *added]
        return None
